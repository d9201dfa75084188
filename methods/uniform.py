"""Uniform weights: plain training, the baseline of every table."""

from __future__ import annotations

import torch
from torch import Tensor

import weightbench as wb


class Uniform(wb.Weighter):
    """``w_i = 1/n``."""

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        n = len(batch)
        return torch.full((n,), 1 / n, device=batch.labels.device)


wb.register_weighter("uniform", Uniform)
