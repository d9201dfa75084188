"""What of an object's attributes a stopped training keeps, and how it comes back.

Kept are tensors, numbers, text and None, whatever has ``state_dict`` and ``load_state_dict``
(modules, optimisers, schedules of rates, weighters), and lists, tuples and dicts of these.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Protocol, TypeGuard

from torch import Tensor, nn

from weightbench.errors import Misuse

_PLAIN = (bool, int, float, str, type(None))


class _Stateful(Protocol):
    def state_dict(self) -> Any: ...
    def load_state_dict(self, state: Any) -> Any: ...


def _is_stateful(value: object) -> TypeGuard[_Stateful]:
    return hasattr(value, "state_dict") and hasattr(value, "load_state_dict")


def is_kept(value: object) -> bool:
    """Whether a stopped training keeps ``value``."""
    if isinstance(value, list | tuple):
        return all(map(is_kept, value))
    if isinstance(value, dict):
        return all(isinstance(key, _PLAIN) for key in value) and all(map(is_kept, value.values()))
    return isinstance(value, (Tensor, *_PLAIN)) or _is_stateful(value)


def state_of(value: Any) -> Any:
    """What is kept of a value that is, in tensors and plain values."""
    if _is_stateful(value):
        return value.state_dict()
    if isinstance(value, list | tuple):
        return type(value)(map(state_of, value)) if type(value) in (list, tuple) else value
    if isinstance(value, dict):
        return {key: state_of(item) for key, item in value.items()}
    return value


def restored(current: Any, state: Any) -> Any:
    """``current`` as :func:`state_of` saw it; what is known elsewhere by identity stays itself.

    Raises:
        Misuse: a module, optimiser or the like that was there then is not there now.
    """
    if _is_stateful(current):
        current.load_state_dict(state)
        return current
    if isinstance(current, nn.Parameter):
        current.data.copy_(state)  # the optimiser knows it by identity
        return current
    if isinstance(state, list | tuple) and _has_stateful(current):
        if len(current) != len(state):
            raise Misuse(f"{len(state)} of them were kept and {len(current)} are there")
        return type(state)(map(restored, current, state))
    if isinstance(state, Mapping) and _has_stateful(current):
        if current.keys() != state.keys():
            raise Misuse(f"{list(state)} were kept and {list(current)} are there")
        return {key: restored(current[key], item) for key, item in state.items()}
    return copy.copy(state) if isinstance(state, list | dict) else state


def _has_stateful(value: Any) -> bool:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return False
    return any(
        _is_stateful(item) or isinstance(item, nn.Parameter) or _has_stateful(item)
        for item in value
    )
