"""Learning to Reweight Examples for Robust Deep Learning (Ren, Zeng, Yang, Urtasun; ICML 2018)."""

from __future__ import annotations

from torch import Tensor

import weightbench as wb


class LearningToReweight(wb.Weighter):
    """``w_i`` proportional to ``max(-d l_g / d eps_i, 0)`` at eps = 0; Algorithm 1.

    An example counts as much as a step on it would lower the loss of a clean mini-batch. ``higher``
    takes the virtual step with a throw-away plain SGD; running statistics stay as they are, and a
    batch in which no example helps gets all-zero weights.
    """

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        return wb.normalize(batch.alignment("higher"))


wb.register_weighter("l2rw", LearningToReweight)
