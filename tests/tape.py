"""A CUDA graph's stand-in on a CPU: the operations of a piece of work, done again as recorded.

Like a graph it knows no Python: what was decided while it was recorded stays decided, and tensors
are those that were there then. Recording leaves no trace in tensors from outside, and an operation
whose result Python would have to wait for is refused.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from weightbench.alignment.parts import Weights

aten = torch.ops.aten
WAITING = {aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten.equal, aten.unique_dim}


class Tape(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._done: list[tuple[Any, Any, Any, list[Tensor]]] = []
        self._own: set[int] = set()
        self._before: dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = _tensors((args, kwargs))
        masks = func.overloadpacket is aten.index and any(t.dtype == torch.bool for t in given)
        if func.overloadpacket in WAITING or masks:
            raise RuntimeError(f"{func} waits for the device")
        for tensor in given:
            storage = tensor.untyped_storage()
            if storage._cdata not in self._own and storage._cdata not in self._before:
                self._before[storage._cdata] = storage, storage.clone()  # type: ignore[no-untyped-call]
        as_given = tree_map_only(Tensor, _view, (args, kwargs))
        result = func(*args, **kwargs)
        made = [_view(tensor) for tensor in _tensors(result)]
        known = {t.untyped_storage()._cdata for t in given}
        self._own |= {t.untyped_storage()._cdata for t in made} - known - set(self._before)
        self._done.append((func, *as_given, made))
        return result

    def rewind(self) -> None:
        for storage, before in self._before.values():
            storage.copy_(before)

    @torch.no_grad()
    def play(self) -> None:
        for func, args, kwargs, made in self._done:
            for then, now in zip(made, _tensors(func(*args, **kwargs)), strict=True):
                if then.untyped_storage().data_ptr() != now.untyped_storage().data_ptr():
                    then.copy_(now)


def _view(tensor: Tensor) -> Tensor:
    """The same memory in the shape of now, which operations in place may change."""
    return tensor if tensor._is_zerotensor() else aten.alias(tensor)


def _tensors(tree: Any) -> list[Tensor]:
    """Those that have memory; zeros of forward differentiation have none."""
    leaves = [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
    return [leaf for leaf in leaves if not leaf._is_zerotensor()]


def taped(work: Callable[[], None], stream: object = None) -> Callable[[], None]:
    """In place of :func:`weightbench.training.cuda.captured`."""
    tape = Tape()
    with tape:
        work()
    tape.rewind()
    play: Callable[[], None] = tape.play
    return play


class _AllWeights(Weights):
    def __init__(self, weights: Tensor) -> None:
        self.all, self.kept, self._values = weights, None, weights


def count_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no example of weight zero out of layerwise's update, for to count them would wait."""
    layerwise = sys.modules[
        "weightbench.alignment.layerwise"
    ]  # its package has a function so named
    monkeypatch.setattr(layerwise, "Weights", _AllWeights)
