"""Random weights: how much of a method's gain is regularisation."""

from __future__ import annotations

import torch
from torch import Tensor

import weightbench as wb


class Random(wb.Weighter):
    """A rectified Gaussian, drawn afresh at every step and normalised.

    ``w_i = max(z_i, 0) / sum_j max(z_j, 0)``, ``z ~ N(0, 1)``: Ren et al. 2018, equation 16.
    """

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        draws = torch.randn(len(batch), generator=batch.run.generator)
        return wb.normalize(draws.to(batch.labels.device))


wb.register_weighter("random", Random)
