"""LinUpper: small losses count less, large ones alike (Sow et al., ICLR 2025)."""

from __future__ import annotations

import torch
from torch import Tensor

import weightbench as wb


class LinUpper(wb.Weighter):
    """``w = softmax(min(h + 1, 1) / rho)``, h the losses of a batch scaled to [-1, 1].

    So all above the middle of their range share one weight, and the least has 1 / e of it. Sow et
    al., ICLR 2025 (arXiv 2502.06733), for language models: rho 1 and a thousand uniform steps
    first, here the share ``warm_up`` of the schedule. (Their trainer scales by fixed bounds, the
    README by the batch.) Costs a plain step.
    """

    def __init__(self, rho: float = 1.0, warm_up: float = 0.1) -> None:
        self.rho = rho
        self.warm_up = warm_up

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        losses = batch.losses.detach()
        if batch.progress < self.warm_up:
            return torch.full_like(losses, 1 / len(losses))
        low, high = losses.min(), losses.max()
        place = 2 * (losses - low) / (high - low).clamp(min=1e-12)  # h + 1, from 0 to 2
        return (place.clamp(max=1) / self.rho).softmax(0)


wb.register_weighter("linupper", LinUpper)
