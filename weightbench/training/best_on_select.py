"""The engine's own watch over a training: accuracy on the select split, and the best network."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from typing_extensions import override

from weightbench.training.device_splits import accuracy
from weightbench.training.run import Batch
from weightbench.training.state import TrainingState
from weightbench.training.watcher import Watcher


class BestOnSelect(Watcher):
    """Looks at the select split now and then, and keeps the network that did best there.

    Attributes:
        curve: (step, accuracy) of every look.
        best: the state of the network that did best, the first of equals; None before a look.
    """

    def __init__(self) -> None:
        self.curve: list[tuple[int, float]] = []
        self.best: dict[str, Any] | None = None
        self._due: frozenset[int] = frozenset()

    @override
    def begin(self, training: TrainingState) -> None:
        if len(training.setting.on_device.select):
            self._due = training.recipe.evaluation_steps()

    @override
    def after_step(self, training: TrainingState, batch: Batch, weights: Tensor) -> None:
        if training.steps_taken in self._due:
            with training.clock.phase("select"), training.autocast():
                self.evaluate_select(training)

    def evaluate_select(self, training: TrainingState) -> None:
        """Note the accuracy of the network as it is, and keep the network if it is the best."""
        now = accuracy(training.model, training.setting.on_device.select)
        best = max((a for _, a in self.curve), default=-1.0)
        self.curve.append((training.steps_taken, now))
        if now > best:
            self.best = copy.deepcopy(training.model.state_dict())

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"curve": self.curve, "best": self.best}

    @override
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.curve, self.best = state["curve"], state["best"]
