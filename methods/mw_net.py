"""Meta-Weight-Net: a small network that learns from the hold-out how losses are weighed."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import weightbench as wb


class MWNet(wb.Weighter):
    """``w_i = V(loss i) / n``, V a network 1-100-1 with a sigmoid; not normalised.

    Each step takes the hold-out's gradient g after a virtual step with these weights and moves V
    along ``-(alpha / n) sum_i <g, gradient of loss i> V(loss i)``, which is exact as the losses are
    held fixed in V. Shu, Xie, Yi, Zhao, Zhou, Xu & Meng, NeurIPS 2019, Algorithm 1; alpha is
    the rate of the step; V's own Adam at 1e-3 with decay 1e-4 and the division by n are those of
    their code for label noise. (That for long tails divides by the sum, differentiates V's input
    and has SGD at 1e-5.) V begins near 1/2, that is, at half of everybody's rate, and may learn a
    rate rather than weights. Costs at most 1.67 + r plain steps, r the hold-out's share of a batch.

    Parameters:
        first_order: take g where the network is, without the virtual step.
        lr: of V.
    """

    normalized = False

    def __init__(self, first_order: bool = False, lr: float = 1e-3) -> None:
        self.first_order = first_order
        self.lr = lr

    def begin(self, run: wb.Run) -> None:
        """Make V and its optimiser."""
        self.net = run.build(lambda: self.build(run))
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=self.lr, weight_decay=1e-4)

    def build(self, run: wb.Run) -> nn.Module:
        """V."""
        return nn.Sequential(nn.Linear(1, 100), nn.ReLU(), nn.Linear(100, 1), nn.Sigmoid())

    def values(self, losses: Tensor, labels: Tensor) -> Tensor:
        """V of each loss, (n,) float and (n,) int64 to (n,), with graph."""
        value: Tensor = self.net(losses[:, None])
        return value.squeeze(1)

    def weigh(self, batch: wb.Batch) -> Tensor:
        """Move V, then weigh by it."""
        n, labels, rate = len(batch), batch.labels, batch.run.recipe.rate_at(batch.step)
        after = None if self.first_order else lambda losses: self.values(losses, labels) / n
        helps = batch.alignment(after=after)
        losses = batch.losses.detach()
        self.optimizer.zero_grad()
        (-rate / n * helps @ self.values(losses, labels)).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return self.values(losses, labels).detach() / n


wb.register_weighter("mw-net", MWNet)
wb.register_weighter("mw-net-fo", MWNet, first_order=True)
