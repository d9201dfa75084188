"""MentorNet's predefined curriculum (Jiang et al., ICML 2018), as in its released code."""

from __future__ import annotations

import torch
from torch import Tensor

import weightbench as wb

EARLY_DROPOUT, LATE_DROPOUT, EARLY_UNTIL = 0.5, 0.05, 0.17  # of examples, not of units


class MentorNet(wb.Weighter):
    """All examples, then those of small loss, then a slope: by the share of the schedule done.

    ``v_i = 1`` up to ``burn_in``; ``1[l_i <= lambda]`` up to ``linear_from``;
    ``clip(1 - (l_i - lambda), 0, 1)`` after. lambda is a moving average (``decay``) of the
    ``percentile`` of batch losses. Of each batch, half of the examples drop out in the first 17 %
    of the schedule and 5 % after. Normalised over the batch, so that the step size is that of
    every other method.
    """

    def __init__(
        self,
        percentile: float = 0.75,
        decay: float = 0.5,
        burn_in: float = 0.19,
        linear_from: float = 0.9,
    ) -> None:
        self.percentile, self.decay = percentile, decay
        self.burn_in, self.linear_from = burn_in, linear_from
        self.threshold = torch.zeros(())

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        losses = batch.losses.detach()
        excess = losses - self.track(losses)
        values = torch.ones_like(losses)
        if batch.progress >= self.burn_in:
            values = self.values(batch, losses, excess)
        rate = EARLY_DROPOUT if batch.progress < EARLY_UNTIL else LATE_DROPOUT
        draws = torch.rand(len(batch), generator=batch.run.generator)
        return wb.normalize(values * (draws >= rate).to(losses.device))

    def track(self, losses: Tensor) -> Tensor:
        """Move lambda by the losses of a batch and return it."""
        recent = losses.quantile(self.percentile)
        self.threshold = self.decay * self.threshold + (1 - self.decay) * recent
        return self.threshold

    def values(self, batch: wb.Batch, losses: Tensor, excess: Tensor) -> Tensor:
        """(n,) float in [0, 1] after the burn-in, from (n,) losses and ``losses - lambda``."""
        if batch.progress < self.linear_from:
            return (excess <= 0).float()
        return (1 - excess).clamp(0, 1)


wb.register_weighter("mentornet", MentorNet)
