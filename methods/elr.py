"""Early-learning regularisation: stay near what was predicted before (Liu et al., NeurIPS 2020)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

import weightbench as wb

from .uniform import Uniform

LEAST = 1e-4  # probabilities are kept this far from 0 and 1


class ELR(Uniform):
    """``CE + lambda log(1 - <p, t>)``, t a moving average of an example's own predictions p.

    ``t <- beta t + (1 - beta) p`` at every visit, from 0, before it is used. Liu, Niles-Weed,
    Razavian & Fernandez-Granda, NeurIPS 2020, equation 6; lambda 3 and beta .7 are those of their
    code for uniform flips in CIFAR-10 (1 and .9 for asymmetric ones, 7 and .9 for CIFAR-100).
    Weights are uniform. Costs a plain step and K numbers for each example.
    """

    def __init__(self, lam: float = 3.0, beta: float = 0.7) -> None:
        self.lam = lam
        self.beta = beta

    def begin(self, run: wb.Run) -> None:
        """Nothing was predicted yet."""
        self.memory = torch.zeros(len(run.labels), run.num_classes, device=run.device)

    def weigh(self, batch: wb.Batch) -> Tensor:
        """Uniform; remembers what is predicted for the batch."""
        said = clamped(batch.logits.detach())
        fresh = said / said.sum(1, keepdim=True)
        before = self.memory[batch.index]
        self.memory[batch.index] = self.beta * before + (1 - self.beta) * fresh
        return super().weigh(batch)

    def losses(self, logits: Tensor, labels: Tensor, batch: wb.Batch) -> Tensor:  # type: ignore[override]
        """See the class, (n, K) and (n,) to (n,); of the hold-out, cross-entropy."""
        given = F.cross_entropy(logits, labels, reduction="none")
        if batch.held_out:
            return given
        agreement = (self.memory[batch.index] * clamped(logits)).sum(1)
        return given + self.lam * (1 - agreement).log()


def clamped(logits: Tensor) -> Tensor:
    """(n, K) probabilities, none of them quite 0 or 1."""
    return logits.softmax(1).clamp(LEAST, 1 - LEAST)


wb.register_weighter("elr", ELR)
