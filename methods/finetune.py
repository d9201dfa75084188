"""``+ft``: fine-tuning on the clean hold-out after the training."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from torch import nn

import weightbench as wb

from .uniform import Uniform


class _LastRate(Uniform):
    """Uniform steps at the rate where the schedule ended."""

    def recipe(self, recipe: wb.Recipe) -> wb.Recipe:
        ended = recipe.lr * recipe.decay ** len(recipe.milestones)
        return dataclasses.replace(recipe, lr=ended, milestones=())


class FineTune(wb.Wrapper):
    """Extra uniform steps on the hold-out, at the learning rate where the schedule ended.

    Ren et al. 2018, section 4.2: 5,000 steps after 80,000, at 1e-3, and as many after the shorter
    schedule. Without ``steps`` that proportion is kept: a sixteenth of the task's own.
    """

    refuses: ClassVar = {"select": "+select is about the steps before +ft: write +select+ft"}

    def __init__(self, inner: wb.Weighter, steps: int | None = None) -> None:
        super().__init__(inner)
        self.steps = steps

    def finish(self, run: wb.Run) -> nn.Module:
        """Fine-tune what the inner weighter leaves."""
        steps = self.steps or max(run.granted_steps // 16, 1)
        model = self.inner.finish(run)
        return run.fork(_LastRate(), "ft", on="holdout", steps=steps, model=model)


wb.register_wrapper("ft", FineTune)
