"""Weights by a mixture of two Gaussians over losses: DivideMix's split (Li et al., ICLR 2020)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

import weightbench as wb

from ._noise_rate import chance_right


class GMM(wb.Weighter):
    """``w_i`` proportional to the chance that loss i is of the lower of two Gaussians.

    They are fitted once an epoch to the losses of all examples, in evaluation mode. Up to
    ``warm_up`` of the schedule weights are uniform. Li, Socher & Hoi, ICLR 2020, section 3.1; they
    warm up for 10 of 300 epochs, go on with the other network's split and mix images, none of which
    is weighting. A network that splits for itself confirms its errors. Normalised over the batch.
    Costs a forward pass over all examples an epoch, 1.33 plain steps.
    """

    def __init__(self, warm_up: float = 0.1) -> None:
        self.warm_up = warm_up

    def begin(self, run: wb.Run) -> None:
        """All are trusted."""
        self.trust = torch.ones(len(run.labels), device=run.device)

    def end_epoch(self, run: wb.Run) -> None:
        """Fit the mixture."""
        if run.progress >= self.warm_up:
            losses = F.cross_entropy(run.predict(), run.labels, reduction="none")
            self.trust = chance_right(losses, run.generator)

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        return wb.normalize(self.trust[batch.index])


wb.register_weighter("gmm", GMM)
