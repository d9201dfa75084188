"""Notes the weights of a run as they are used.

The engine looks on: nothing here is seen by a weighter, and no weight changes for being noted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from weightbench.training.batch_kinds import JoinedBatch
from weightbench.training.run import Batch
from weightbench.training.state import TrainingState
from weightbench.training.watcher import Watcher

_Noted = list[tuple[Tensor, Tensor]]  # positions and weights, step by step
_KEPT = 10  # epochs of a training, or up to twice as many where it has few


@dataclasses.dataclass(frozen=True, eq=False)
class EpochWeights:
    """What each training example counted for in one epoch.

    Attributes:
        step: how many steps had been taken at its end.
        weight: (n,) float64, the sum of its weights; NaN where it did not occur.
        given: (n,) int64, labels as given.
        right: (n,) bool, whether those are the true ones; None where nobody knows.
    """

    step: int
    weight: Tensor
    given: Tensor
    right: Tensor | None


class WeightLog(Watcher):
    """Keeps the weights of some epochs, evenly spaced, the last one among them.

    Noting a step is one small copy; sums are taken when they are asked for, after the training.
    """

    def __init__(self) -> None:
        self._done = 0
        self._window: _Noted = []
        self._kept: list[tuple[int, _Noted]] = []  # by the step at the end of the epoch

    @override
    def begin(self, training: TrainingState) -> None:
        data = training.setting.on_device
        self._given = data.train.labels
        true = data.true_labels
        self._right = None if true is None else data.train.labels == true
        self._epochs = training.recipe.steps // training.epoch_steps

    @override
    def after_step(self, training: TrainingState, batch: Batch, weights: Tensor) -> None:
        """Keep the weights of a step; hold-out batches are not about the training set."""
        if self._due() and not batch.held_out:
            if isinstance(batch, JoinedBatch):
                ours = ~batch.held_out_rows
                self._window.append((batch.index[ours], weights[ours]))
            else:
                self._window.append((batch.index, weights.clone()))

    @override
    def after_epoch(self, training: TrainingState) -> None:
        """Keep what was noted, if anything was, and start the next epoch."""
        self._done += 1
        if self._window:
            self._kept.append((training.steps_taken, self._window))
            self._window = []

    def _due(self) -> bool:
        """Whether the epoch that is going on is one of those."""
        every, epoch = max(1, self._epochs // _KEPT), self._done + 1
        return epoch % every == 0 or epoch >= self._epochs

    def epochs(self) -> list[EpochWeights]:
        """The whole epochs that were kept, in order."""
        return [self._sum(step, noted) for step, noted in self._kept]

    def unfinished(self) -> EpochWeights | None:
        """The epoch that is going on; None where nothing of it was kept."""
        return self._sum(0, self._window) if self._window else None

    def _sum(self, step: int, noted: _Noted) -> EpochWeights:
        n, device = len(self._given), self._given.device
        total = torch.zeros(n, dtype=torch.float64, device=device)
        seen = torch.zeros(n, dtype=torch.bool, device=device)
        index = torch.cat([index for index, _ in noted])
        total.index_add_(0, index, torch.cat([weights for _, weights in noted]).double())
        seen[index] = True
        return EpochWeights(step, total.where(seen, torch.nan), self._given, self._right)

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"done": self._done, "window": self._window, "kept": self._kept}

    @override
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._done, self._window, self._kept = state["done"], state["window"], state["kept"]
