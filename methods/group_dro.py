"""Group DRO: the groups of highest loss count more (Sagawa et al., ICLR 2020)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

import weightbench as wb


class GroupDRO(wb.Weighter):
    """``w_i = q_g / n_g`` over the groups g of a batch; ``q_g <- q_g exp(eta loss_g)``, sum 1.

    loss_g is the mean over the group's n_g examples, 0 where there are none. Batches are drawn with
    every group alike. Sagawa, Koh, Hashimoto & Liang, ICLR 2020, Algorithm 1; eta .01 as in their
    code, which has the drawing, too, and shows that strong weight decay matters, which here is the
    task's. A task without groups has its labels for groups. Costs a plain step.
    """

    uses_groups = True
    normalized = False  # where a group is absent its share is missing

    def __init__(self, eta: float = 0.01) -> None:
        self.eta = eta

    def begin(self, run: wb.Run) -> None:
        """All groups count alike."""
        groups = run.groups()
        self.groups = run.labels if groups is None else groups
        count = int(self.groups.max()) + 1
        self.q = torch.full((count,), 1 / count, device=run.device)

    def batches(self, run: wb.Run) -> Iterator[wb.Batch]:
        """A group drawn uniformly, then one of its examples, with replacement."""
        chance = (1 / self.groups.bincount().float())[self.groups].cpu()
        while True:
            drawn = torch.multinomial(
                chance, run.recipe.batch_size, replacement=True, generator=run.generator
            )
            yield run.batch(drawn.to(run.device))

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        groups, losses = self.groups[batch.index], batch.losses.detach()
        zeros = torch.zeros_like(self.q)
        counts = zeros.index_add(0, groups, torch.ones_like(losses)).clamp(min=1)
        means = zeros.index_add(0, groups, losses) / counts
        self.q = (self.q.log() + self.eta * means).softmax(0)
        return self.q[groups] / counts[groups]


wb.register_weighter("group-dro", GroupDRO)
