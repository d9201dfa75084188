"""SuperLoss: small losses count up to e times, large ones less (Castells et al., NeurIPS 2020)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import weightbench as wb

LEAST = -1 / math.e + 1e-12  # where Lambert's function is steep but finite
HALLEY_STEPS = 8  # enough for all digits of a double


class SuperLoss(wb.Weighter):
    """``min over s of (l - tau) s + lambda (log s)^2``: ``w_i = s_i / n``.

    ``s = exp(-W(max(-2/e, (l - tau) / lambda) / 2))`` with Lambert's W (Castells, Weinzaepfel &
    Revaud, NeurIPS 2020). By the envelope theorem s is also the factor of the
    gradient, so holding it fixed is exact. s is 1 at tau and at most e; lambda is 1 for CIFAR-10
    there, .25 for CIFAR-100. tau starts at log K, the loss of a guess, and follows the mean loss of
    batches; with ``smoothing`` 1 it stays, their other choice. Not normalised over the batch. Costs
    a plain step.
    """

    normalized = False

    def __init__(self, lam: float = 1.0, smoothing: float = 0.9) -> None:
        self.lam = lam
        self.smoothing = smoothing

    def begin(self, run: wb.Run) -> None:
        """Set tau."""
        self.tau = torch.tensor(math.log(run.num_classes), device=run.device)

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        losses = batch.losses.detach()
        self.tau.lerp_(losses.mean().to(self.tau), 1 - self.smoothing)
        scaled = (losses.double() - self.tau) / (2 * self.lam)
        return (-lambert(scaled.clamp(min=LEAST))).exp().to(losses.dtype) / len(batch)


def lambert(x: Tensor) -> Tensor:
    """Lambert's W, the principal w with ``w e^w = x``, by Halley's iteration.

    It starts from the branch point's series below 0 and from ``log(1 + x)`` above.

    Args:
        x: (n,) float64, above -1/e.

    Returns:
        (n,) float64.
    """
    root = (2 * (math.e * x + 1)).clamp(min=0).sqrt()
    w = torch.where(x < 0, -1 + root - root**2 / 3 + 11 / 72 * root**3, x.clamp(min=0).log1p())
    for _ in range(HALLEY_STEPS):
        # Divided by e^w: a large x overflows nothing.
        excess = w - x * (-w).exp()
        w = w - excess / (w + 1 - (w + 2) * excess / (2 * w + 2))
    return w


wb.register_weighter("superloss", SuperLoss)
