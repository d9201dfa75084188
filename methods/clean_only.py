"""Training on the clean hold-out alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

import weightbench as wb

from .uniform import Uniform


class CleanOnly(Uniform):
    """Uniform weights on hold-out mini-batches; the corrupted set is not used.

    Ren et al. 2018, Tables 1 and 2, under the task's own schedule, as every method.
    ``short=true`` is the released code's schedule, scaled: a fortieth of the steps (2,000 of
    80,000) at the first learning rate.
    """

    refuses: ClassVar = {"ft": "clean-only trains on the hold-out already; +ft would only go on"}

    def __init__(self, short: bool = False) -> None:
        self.short = short

    def recipe(self, recipe: wb.Recipe) -> wb.Recipe:
        """The task's own unless ``short``."""
        if not self.short:
            return recipe
        return dataclasses.replace(recipe, steps=max(recipe.steps // 40, 1), milestones=())

    def batches(self, run: wb.Run) -> Iterator[wb.Batch]:
        """See the class."""
        while True:
            yield run.clean_batch()


wb.register_weighter("clean-only", CleanOnly)
