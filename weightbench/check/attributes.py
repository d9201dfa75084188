"""Which attributes of a weighter a stopped training does not bring back."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils._pytree import tree_flatten
from typing_extensions import override

from weightbench.training.keeping import is_kept, state_of
from weightbench.training.run import Batch, Run
from weightbench.training.state import TrainingState
from weightbench.training.watcher import Watcher
from weightbench.training.weighter import layers_of

_UNKNOWN = object()  # a value that cannot be compared


class Attributes(Watcher):
    """Watches a training that is stopped, then the one that goes on; behind the checkpoint.

    Attributes:
        lost: names of attributes that came back with other values, and what they are.
    """

    def __init__(self) -> None:
        self.lost = ""
        self._seen: dict[str, tuple[str, Any]] = {}

    @override
    def begin(self, training: TrainingState) -> None:
        """See what is there again, where something was there."""
        now = _values(training)
        self.lost = ", ".join(
            f"self.{name} ({kind})"
            for name, (kind, value) in self._seen.items()
            if not _same(value, now.get(name, ("", None))[1])
        )

    @override
    def after_step(self, training: TrainingState, batch: Batch, weights: Tensor) -> None:
        """Note what is there."""
        self._seen = _values(training)


def _values(training: TrainingState) -> dict[str, tuple[str, Any]]:
    """The kind and value of every attribute, by name, the inner weighter's last."""
    return {
        name: (type(value).__name__, _noted(value))
        for layer in layers_of(training.weighter)
        for name, value in vars(layer).items()
        if name != "inner"
    }


def _noted(value: Any) -> Any:
    if isinstance(value, Run | Batch):
        return _UNKNOWN
    try:
        return copy.deepcopy(state_of(value) if is_kept(value) else value)
    except Exception:  # whatever a copy does
        return _UNKNOWN


def _same(one: Any, other: Any) -> bool:
    """Whether two noted values are alike; what cannot be compared is."""
    if one is _UNKNOWN or other is _UNKNOWN:
        return True
    if is_kept(one):
        return is_kept(other) and _flat(one) == _flat(other)
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and np.array_equal(one, other)
    if hasattr(one, "__dict__") and not callable(one):
        return type(one) is type(other) and all(
            _same(value, vars(other).get(name)) for name, value in vars(one).items()
        )
    try:
        return bool(one == other)
    except Exception:  # whatever a comparison does
        return True


def _flat(state: Any) -> list[Any]:
    leaves, form = tree_flatten(state)
    return [str(form), *(v.tolist() if isinstance(v, Tensor) else v for v in leaves)]
