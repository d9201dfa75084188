"""Notes the weights of a run as they are used.

The engine looks on: nothing here is seen by a weighter, and no weight changes for being noted.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from torch import Tensor

from weightbench.records.schema import WeightSummary
from weightbench.records.weights import Weights, summarise
from weightbench.training.batch import Batch

_Noted = list[tuple[Tensor, Tensor]]  # positions and weights, step by step
_KEPT = 10  # epochs of a training, or up to twice as many where it has few


class WeightLog:
    """Keeps the weights of some epochs, evenly spaced, the last one among them.

    Noting a step is one small copy; sums are taken when they are asked for, after the training.
    """

    def __init__(self, given: Tensor, true: Tensor, epochs: int) -> None:
        self._given, self._true = given, true
        self._epochs = epochs
        self._done = 0
        self._window: _Noted = []
        self._kept: list[tuple[int, _Noted]] = []  # by the step at the end of the epoch

    def note(self, batch: Batch, weights: Tensor) -> None:
        """Keep the weights of a step; hold-out batches are not about the training set."""
        if self._due() and not batch.held_out:
            self._window.append((batch.index, weights.clone()))

    def end_epoch(self, step: int) -> None:
        """Keep what was noted, if anything was, and start the next epoch."""
        self._done += 1
        if self._window:
            self._kept.append((step, self._window))
            self._window = []

    def _due(self) -> bool:
        """Whether the epoch that is going on is one of those."""
        every, epoch = max(1, self._epochs // _KEPT), self._done + 1
        return epoch % every == 0 or epoch >= self._epochs

    def summaries(self) -> list[WeightSummary]:
        """Of the epochs kept, in order."""
        return [summarise(self._sum(noted), step) for step, noted in self._kept]

    def weights(self) -> Weights | None:
        """Those of the last whole epoch, of the steps so far where none was whole; None of none."""
        noted = self._kept[-1][1] if self._kept else self._window
        if not noted:
            return None
        return dataclasses.replace(self._sum(noted), history=tuple(self.summaries()))

    def _sum(self, noted: _Noted) -> Weights:
        n = len(self._given)
        total = torch.zeros(n, dtype=torch.float64, device=self._given.device)
        seen = torch.zeros(n, dtype=torch.bool, device=self._given.device)
        index = torch.cat([index for index, _ in noted])
        total.index_add_(0, index, torch.cat([weights for _, weights in noted]).double())
        seen[index] = True
        weight = total.where(seen, torch.nan).cpu().numpy()
        mean = np.nanmean(weight)
        return Weights(
            weight / mean if mean > 0 else weight,
            self._given.cpu().numpy(),
            (self._given == self._true).cpu().numpy(),
        )

    def state(self) -> dict[str, Any]:
        """Enough to go on from, as tensors and plain values."""
        return {"done": self._done, "window": self._window, "kept": self._kept}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        self._done, self._window, self._kept = state["done"], state["window"], state["kept"]
