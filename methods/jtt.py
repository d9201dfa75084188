"""Just train twice: the mistakes of a short training count more (Liu et al., ICML 2021)."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

import weightbench as wb

from .uniform import Uniform


class _FirstRate(Uniform):
    """Uniform steps at the rate where the schedule begins."""

    def recipe(self, recipe: wb.Recipe) -> wb.Recipe:
        return dataclasses.replace(recipe, milestones=())


class JTT(wb.Weighter):
    """What a plain training of the share ``first`` of the steps gets wrong counts 1 + ``up`` times.

    Liu, Haghgoo, Chen et al., ICML 2021, Algorithm 1; 1 + up since their code appends mistakes
    ``up`` times. It is for groups that plain training neglects; under label noise it is the wrong
    tool, for the mistakes are the wrong labels. Both numbers are tuned for each data set there:
    up 20, 50 or 100 and first 60 of 300 epochs for Waterbirds. Normalised over the batch. Costs
    1 + ``first`` trainings.
    """

    def __init__(self, up: float = 20.0, first: float = 0.2) -> None:
        self.up = up
        self.first = first

    def begin(self, run: wb.Run) -> None:
        """The first training and its mistakes."""
        steps = max(round(self.first * run.recipe.steps), 1)
        model = run.fork(_FirstRate(), "first", steps=steps)
        wrong = run.predict(model).argmax(1) != run.labels
        self.counts = torch.where(wrong, 1 + self.up, 1.0)

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        return wb.normalize(self.counts[batch.index])


wb.register_weighter("jtt", JTT)
