"""Whoever looks on while a training goes on: weight log, best network so far, checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from weightbench.training.run import Batch
from weightbench.training.state import TrainingState


class Watcher:
    """Looks on. Each hook does nothing unless it is overridden; they are called in this order.

    Watchers are called one after another, so that what saves the state comes last.
    """

    def begin(self, training: TrainingState) -> None:
        """After the weighter's ``begin``, before the first step."""

    def after_step(self, training: TrainingState, batch: Batch, weights: Tensor) -> None:
        """After each step, once whatever follows it (``end_epoch``, another rate) is done."""

    def after_epoch(self, training: TrainingState) -> None:
        """After :meth:`after_step` of the last step of an epoch."""

    def state_dict(self) -> dict[str, Any]:
        """Enough to go on from, as tensors and plain values."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state_dict` gave."""
