"""In-run data Shapley: what each example did for the hold-out (Wang et al., ICLR 2025)."""

from __future__ import annotations

import torch
from torch import Tensor

import weightbench as wb

from .uniform import Uniform


class _Accounts(Uniform):
    """A plain training that notes by how much each example's steps lowered the hold-out's loss."""

    def begin(self, run: wb.Run) -> None:
        """Nothing yet."""
        self.value = torch.zeros(len(run.labels), device=run.device)

    def weigh(self, batch: wb.Batch) -> Tensor:
        """Uniform."""
        share = batch.run.recipe.rate_at(batch.step) / len(batch)
        self.value.index_add_(0, batch.index, share * batch.alignment())
        return super().weigh(batch)


class InRunShapley(wb.Weighter):
    """Uniform over the examples of positive value in a first, plain training.

    ``value_i = sum_t (rate_t / n) <gradient of the hold-out's loss, gradient of loss i>`` over the
    steps t that i was in: to first order the Shapley value of i for the fall of that loss, if steps
    were of plain SGD (section 4.1); they drop what has a negative value. Costs 2.33 + r trainings.
    """

    def begin(self, run: wb.Run) -> None:
        """Train, and take stock."""
        run.fork(accounts := _Accounts(), "accounts")
        self.kept = (accounts.value > 0).float()

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        return wb.normalize(self.kept[batch.index])


wb.register_weighter("in-run-shapley", InRunShapley)
