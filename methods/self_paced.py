"""Self-paced learning (Kumar, Packer & Koller, NeurIPS 2010)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

import weightbench as wb


class SelfPaced(wb.Weighter):
    """``v_i = 1[loss_i < lambda]``, lambda growing: what is easy now, then more and more.

    The first epoch takes all examples. lambda then starts at the median loss over the training set
    (half of the examples are easy) and is multiplied by ``growth`` with each tenth of the schedule.
    Normalised over the batch, so that the step size is that of every other method.
    """

    def __init__(self, growth: float = 1.3) -> None:
        self.growth = growth
        self.start = torch.tensor(torch.inf)

    def end_epoch(self, run: wb.Run) -> None:
        """Set the first threshold, once."""
        if self.start.isinf():
            logits = run.predict()
            self.start = F.cross_entropy(logits, run.labels, reduction="none").median()

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        threshold = self.start * self.growth ** (10 * batch.progress)
        return wb.normalize((batch.losses.detach() < threshold).float())


wb.register_weighter("self-paced", SelfPaced)
