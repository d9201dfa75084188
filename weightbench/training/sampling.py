"""Which examples come next, and how they are augmented: the draws of a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from weightbench.data.dataset import Pool
from weightbench.training.batch_kinds import Draw
from weightbench.training.device_splits import ShuffledIndices
from weightbench.training.setting import Setting

_ORDERS = {"train": "order", "holdout": "clean"}  # the roles of their random streams


class Sampler:
    """Draws batches from a training set and its hold-out, in an order that no weighter moves."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._train, self._holdout = setting.on_device.train, setting.on_device.holdout
        self._held_out = setting.held_out
        self._orders = {on: setting.stream(role) for on, role in _ORDERS.items()}
        self._passes: dict[tuple[str, int], ShuffledIndices] = {}

    def indices(self, on: str, size: int) -> ShuffledIndices:
        """Shuffled passes over ``train`` or ``holdout``, going on where they were."""
        if (on, size) not in self._passes:
            pool = self._setting.visible(on)
            self._passes[on, size] = ShuffledIndices(pool, size, self._orders[on])
        return self._passes[on, size]

    def train(self, index: Tensor, step: int) -> Draw:
        """The training examples ``index`` for the step after ``step`` others."""
        augmentation = self._augmentation(self._train, index, "augment", step)
        return Draw(self._train, index, augmentation, self._held_out)

    def clean(self, size: int, step: int) -> Draw:
        """The next ``size`` examples of the hold-out, or all if there are fewer."""
        pool = self._holdout
        if size >= len(pool):
            index = torch.arange(len(pool), device=pool.labels.device)
        else:
            index = next(self.indices("holdout", size))
        return Draw(pool, index, self._augmentation(pool, index, "clean-augment", step), True)

    def _augmentation(self, pool: Pool, index: Tensor, role: str, step: int) -> Tensor | None:
        """Draws that depend on the step and on nothing before it."""
        if pool.augmentation is None:
            return None
        return pool.augmentation.draw(len(index), self._setting.stream(f"{role}/{step}"))

    def state_dict(self) -> dict[str, Any]:
        """Enough to go on from, as tensors and plain values."""
        return {
            "passes": {key: passes.state() for key, passes in self._passes.items()},
            "orders": {on: order.get_state() for on, order in self._orders.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state_dict` gave."""
        for (on, size), place in state["passes"].items():
            self.indices(on, size).go_to(place)
        for on, order in self._orders.items():
            order.set_state(state["orders"][on].cpu())
