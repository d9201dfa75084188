"""Dynamic importance weighting by kernel mean matching of losses (Fang et al., NeurIPS 2020)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import weightbench as wb

LARGEST = 50.0  # weight, where all alike are 1
_ITERATIONS = 300


class DIW(wb.Weighter):
    """``w_i / n`` with which a batch's losses are distributed as those of the hold-out's batch.

    w minimises ``w'Kw / 2 - (n / m) k'w`` under ``0 <= w <= 50`` and a mean within
    ``1 -+ (1 - 1 / sqrt n)``; K and k are Gaussian kernels of losses (k summed over the m of the
    hold-out), 1e-5 added to the diagonal. The first epoch is uniform. Fang, Lu, Niu & Sugiyama,
    NeurIPS 2020, with the bounds of their code, which for a width has a small quantile of distances
    in the place of its inverse; here it is the median distance, so that the unit of losses is
    nothing. They take losses in evaluation mode, here they are the step's. Costs 1 + r / 3 plain
    steps, r the hold-out's share of a batch, and the quadratic programme on the processor.
    """

    normalized = False  # the mean is free within its bounds

    def begin(self, run: wb.Run) -> None:
        """How long the first epoch is."""
        self.first = max(len(run.labels) // run.recipe.batch_size, 1)

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        losses = batch.losses.detach()
        if batch.step < self.first:
            return torch.full_like(losses, 1 / len(losses))
        wanted = batch.clean().losses.detach()
        weights = matched(losses.double().cpu().numpy(), wanted.double().cpu().numpy())
        return torch.from_numpy(weights).to(losses) / len(losses)


def matched(losses: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """The class's w, (n,), for ``losses`` (n,) and ``wanted`` (m,); by projected gradients."""
    n, both = len(losses), np.concatenate([losses, wanted])
    apart = np.abs(both[:, None] - both)
    width = max(float(np.median(apart[np.triu_indices(len(both), 1)])), 1e-12)
    kernel = np.exp(-((apart[:n] / width) ** 2) / 2)
    inner, toward = kernel[:, :n] + 1e-5 * np.eye(n), n / len(wanted) * kernel[:, n:].sum(1)
    slack = n * (1 - 1 / np.sqrt(n))
    rate = 1 / inner.sum(1).max()
    w = ahead = np.ones(n)
    pace = 1.0
    for _ in range(_ITERATIONS):  # Beck & Teboulle 2009 (FISTA)
        before, w = w, within(ahead - rate * (inner @ ahead - toward), n - slack, n + slack)
        faster = (1 + np.sqrt(1 + 4 * pace**2)) / 2
        ahead, pace = w + (pace - 1) / faster * (w - before), faster
    return w


def within(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """The nearest point with elements in [0, LARGEST] and a sum in [low, high]."""
    point: NDArray[np.float64] = values.clip(0, LARGEST)
    total = point.sum()
    if low <= total <= high:
        return point
    aim, left, right = min(max(total, low), high), values.min() - LARGEST, values.max()
    for _ in range(60):  # the sum falls in what is taken from every element
        taken = (left + right) / 2
        if (values - taken).clip(0, LARGEST).sum() > aim:
            left = taken
        else:
            right = taken
    np.clip(values - right, 0, LARGEST, out=point)
    return point


wb.register_weighter("diw", DIW)
