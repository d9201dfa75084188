"""S-model: a trained noise layer after the softmax (Goldberger & Ben-Reuven, ICLR 2017)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

import weightbench as wb

from .uniform import Uniform

SMOOTHING = 1e-3  # added to a matrix before its logarithm (Ren et al.'s released code)


class SModel(Uniform):
    """``loss = -log (softmax(h) P)_y`` with ``P = rowsoftmax(V)``; uniform weights.

    P_tk is the chance that true class t is labelled k. V, (K, K), is trained with the network by
    the same optimiser, without weight decay, from ``log(I + 1e-3)``. What is judged is h alone.
    The facts are those of Ren et al. 2018, section 4.2, and their released code.
    """

    def begin(self, run: wb.Run) -> None:
        """Start at the smoothed identity."""
        self.start_from(torch.eye(run.num_classes, device=run.device))

    def start_from(self, matrix: Tensor) -> None:
        """Start at ``log(matrix + 1e-3)``, (K, K) float, rows true and columns given classes."""
        self.v = nn.Parameter((matrix + SMOOTHING).log())

    @property
    def transition(self) -> Tensor:
        """(K, K) float, P as it is now, detached."""
        return self.v.detach().softmax(1)

    def parameters(self) -> Iterable[nn.Parameter]:
        """V."""
        return (self.v,)

    def losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """See the class; (n, K) and (n,) to (n,)."""
        given = self.v.log_softmax(1)[:, labels].T
        return -(logits.log_softmax(1) + given).logsumexp(1)


wb.register_weighter("s-model", SModel)
