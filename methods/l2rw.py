"""Learning to Reweight Examples for Robust Deep Learning (Ren, Zeng, Yang, Urtasun; ICML 2018)."""

from __future__ import annotations

from torch import Tensor

import weightbench as wb


class LearningToReweight(wb.Weighter):
    """``w_i`` proportional to ``max(-d l_g / d eps_i, 0)`` at eps = 0; Algorithm 1.

    An example counts as much as a step on it would lower the loss of a clean mini-batch; a batch in
    which no example helps gets all-zero weights.

    Parameters:
        alignment: how the derivative is computed: ``higher``, as printed, through the named
            library; ``fused`` or ``layerwise``, the same numbers for less; ``auto``, the cheaper of
            the two that is right for the network.
    """

    def __init__(self, alignment: str = "higher") -> None:
        self.alignment = wb.alignment_way(alignment)

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        return wb.normalize(batch.alignment(self.alignment))


wb.register_weighter("l2rw", LearningToReweight)
wb.register_weighter("l2rw-fused", LearningToReweight, alignment="fused")
wb.register_weighter("l2rw-layerwise", LearningToReweight, alignment="layerwise")
wb.register_weighter("l2rw-auto", LearningToReweight, alignment="auto")
