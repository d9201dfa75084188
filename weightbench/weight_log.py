"""Notes the weights of a run as they are used.

The engine looks on: nothing here is seen by a weighter, and no weight changes for being noted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from weightbench.batch import Batch
from weightbench.diagnostics import Weights, summarise
from weightbench.records import WeightSummary

_SUMMARIES = 10  # a training, or up to twice as many where epochs are few


class WeightLog:
    """Keeps the weights of the current epoch and sums up some epochs, evenly spaced.

    Noting a step is one small copy; the work is done at the end of an epoch that is summed up.
    """

    def __init__(self, given: Tensor, true: Tensor, epochs: int) -> None:
        self._given, self._true = given, true
        self._every = max(1, epochs // _SUMMARIES)
        self._epochs = epochs
        self._done = 0
        self._window: list[tuple[Tensor, Tensor]] = []
        self._last: list[tuple[Tensor, Tensor]] = []
        self.summaries: list[WeightSummary] = []

    def note(self, batch: Batch, weights: Tensor) -> None:
        """Keep the weights of a step; hold-out batches are not about the training set."""
        if not batch.held_out:
            self._window.append((batch.index, weights.clone()))

    def end_epoch(self, step: int) -> None:
        """Sum up, if this epoch is one of those, and start the next."""
        self._done += 1
        if self._window:
            self._last, self._window = self._window, []
            if self._done % self._every == 0 or self._done == self._epochs:
                self.summaries.append(summarise(self._sum(self._last), step))

    def weights(self) -> Weights | None:
        """Those of the last whole epoch, of the steps so far where none was whole; None of none."""
        noted = self._last or self._window
        return self._sum(noted) if noted else None

    def _sum(self, noted: list[tuple[Tensor, Tensor]]) -> Weights:
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
        return {
            "done": self._done,
            "window": self._window,
            "last": self._last,
            "summaries": [summary.model_dump() for summary in self.summaries],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        self._done = state["done"]
        self._window, self._last = state["window"], state["last"]
        self.summaries = [WeightSummary(**summary) for summary in state["summaries"]]
