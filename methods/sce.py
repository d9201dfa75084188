"""Symmetric cross-entropy (Wang et al., ICCV 2019)."""

from __future__ import annotations

import math

from torch import Tensor

import weightbench as wb

LOG_ZERO = math.log(1e-4)  # what the logarithm of a label's zeros is taken to be


class SymmetricCrossEntropy(wb.Weighter):
    """``alpha CE + beta RCE``, RCE with label and output in each other's place, as weights.

    ``RCE = -log(1e-4) (1 - p)`` with p the probability of the given label, so the gradient is
    ``alpha + 9.21 beta p`` times that of cross-entropy: ``w_i = (alpha + 9.21 beta p_i) / n``, not
    normalised over the batch. Wang, Ma, Chen, Luo, Yi & Bailey, ICCV 2019; alpha .1 and beta 1 are
    theirs for CIFAR-10 (6 and .1 for CIFAR-100). An example that is learnt pulls 9.3 times as far
    as in plain training; the schedule is the task's all the same. Costs a plain step.
    """

    normalized = False

    def __init__(self, alpha: float = 0.1, beta: float = 1.0) -> None:
        self.alpha = alpha
        self.beta = beta

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class; p is ``exp(-loss)``."""
        sure = (-batch.losses.detach()).exp()
        return (self.alpha - LOG_ZERO * self.beta * sure) / len(batch)


wb.register_weighter("sce", SymmetricCrossEntropy)
