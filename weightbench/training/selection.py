"""The engine's own watch over a training: accuracy on the select split, and the best network."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from weightbench.data.dataset import Pool
from weightbench.training.sets import accuracy


class Selection:
    """What the select split has said so far.

    Attributes:
        curve: (step, accuracy) of every look.
        best: the state of the network that did best, the first of equals; None before a look.
    """

    def __init__(self) -> None:
        self.curve: list[tuple[int, float]] = []
        self.best: dict[str, Any] | None = None

    def look(self, step: int, model: nn.Module, select: Pool) -> None:
        """Note the accuracy of ``model`` after ``step`` steps and keep the best network so far."""
        now = accuracy(model, select)
        best = max((a for _, a in self.curve), default=-1.0)
        self.curve.append((step, now))
        if now > best:
            self.best = copy.deepcopy(model.state_dict())
