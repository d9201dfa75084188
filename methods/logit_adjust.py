"""Logit adjustment, the loss (Menon et al., ICLR 2021); at tau 1 it is balanced softmax."""

from __future__ import annotations

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

import weightbench as wb

from .uniform import Uniform


class LogitAdjust(Uniform):
    """``CE(z + tau log pi)``, pi the shares of the classes in the training labels, as given.

    Menon, Jayasumana, Rawat, Jain, Veit & Kumar, ICLR 2021, equation 10, tau 1; balanced softmax
    (Ren, Yu, Sheng et al., NeurIPS 2020) is the same. The network is judged by z alone,
    which has learnt to do without pi. The form after the training is the wrapper ``+posthoc``.
    Weights are uniform. Costs a plain step.
    """

    refuses: ClassVar = {"posthoc": "logit-adjust trains without the prior: +posthoc would again"}

    def __init__(self, tau: float = 1.0) -> None:
        self.tau = tau

    def begin(self, run: wb.Run) -> None:
        """Count the classes."""
        self.prior = log_prior(run.labels.bincount(minlength=run.num_classes), self.tau)

    def losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """See the class; (n, K) and (n,) to (n,)."""
        return F.cross_entropy(logits + self.prior, labels, reduction="none")


def log_prior(counts: Tensor, tau: float) -> Tensor:
    """(K,) float, ``log(pi^tau + 1e-12)`` as in Menon et al.'s code, of (K,) int64 counts."""
    return ((counts / counts.sum()) ** tau + 1e-12).log()


wb.register_weighter("logit-adjust", LogitAdjust)
