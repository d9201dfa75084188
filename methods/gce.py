"""Generalised cross-entropy, which counts unsure examples less, and its limit, MAE."""

from __future__ import annotations

from torch import Tensor

import weightbench as wb


class GeneralizedCrossEntropy(wb.Weighter):
    """The loss ``(1 - p^q) / q``, p the probability of the given label: ``w_i = p_i^q / n``.

    Zhang & Sabuncu, NeurIPS 2018, equation 6; q is .7 there. Its gradient is ``p^q`` times that of
    cross-entropy, so these weights take its very step. They are not normalised over the batch: a
    batch of which the network is unsure moves it less. q = 0 is cross-entropy, q = 1 (``mae``) the
    mean absolute error of Ghosh, Kumar & Sastry, AAAI 2017. The truncated form, which drops
    examples below p = .5 every ten epochs, is left out. Costs a plain step.
    """

    normalized = False

    def __init__(self, q: float = 0.7) -> None:
        self.q = q

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class; p is ``exp(-loss)``."""
        return (-self.q * batch.losses.detach()).exp() / len(batch)


wb.register_weighter("gce", GeneralizedCrossEntropy)
wb.register_weighter("mae", GeneralizedCrossEntropy, q=1.0)
