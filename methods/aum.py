"""Margins averaged over the training (AUM, Pleiss et al., NeurIPS 2020), and wrong events."""

from __future__ import annotations

import torch
from torch import Tensor

import weightbench as wb

from ._noise_rate import noise_rate


class AUM(wb.Weighter):
    """Drops the share ``noise_rate`` of the examples with the lowest average margin so far.

    The margin is the output of the given label minus the largest other one, averaged over all
    visits, which separates wrong labels even when the network has learnt them (Pleiss, Zhang,
    Elenberg & Weinberger, NeurIPS 2020). They train twice with a class of known wrong labels for
    the threshold and again on what is left; here it happens in one training, at the end of each
    epoch from ``warm_up`` of the schedule on, and a rate that is not given is that of two
    Gaussians. Uniform over what is kept. Costs a plain step and two numbers for each example.
    """

    def __init__(self, noise_rate: float | None = None, warm_up: float = 0.1) -> None:
        if noise_rate is not None and not 0 <= noise_rate < 1:
            raise wb.errors.BadSpec(f"noise_rate={noise_rate}: must be in [0, 1)")
        self.noise_rate, self.told_noise = noise_rate, noise_rate is not None
        self.warm_up = warm_up

    def begin(self, run: wb.Run) -> None:
        """Nothing was seen yet and all are kept."""
        self.total = torch.zeros(len(run.labels), device=run.device)
        self.visits = torch.zeros_like(self.total)
        self.kept = torch.ones_like(self.total)

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        self.total[batch.index] += self.signal(batch.logits.detach(), batch.labels)
        self.visits[batch.index] += 1
        return wb.normalize(self.kept[batch.index])

    def end_epoch(self, run: wb.Run) -> None:
        """Drop; of examples that are alike at the border, none."""
        if run.progress >= self.warm_up:
            scores = self.total / self.visits.clamp(min=1)
            rate = self.noise_rate
            rate = noise_rate(-scores, run.generator) if rate is None else rate
            border = scores.sort().values[min(int(rate * len(scores)), len(scores) - 1)]
            self.kept = (scores >= border).float()

    def signal(self, logits: Tensor, labels: Tensor) -> Tensor:
        """What is averaged: the margin, (n, K) float and (n,) int64 to (n,) float."""
        own = logits.gather(1, labels[:, None]).squeeze(1)
        others = logits.scatter(1, labels[:, None], -torch.inf).amax(1)
        return own - others


class WrongEvent(AUM):
    """As :class:`AUM`, by how often an example was predicted wrong, over its visits.

    Zhang et al., NeurIPS 2025 ("instance-level difficulty modeling"), without their
    second stage.
    """

    def signal(self, logits: Tensor, labels: Tensor) -> Tensor:
        """-1 where the prediction is wrong."""
        return -(logits.argmax(1) != labels).float()


wb.register_weighter("aum", AUM)
wb.register_weighter("wrong-event", WrongEvent)
