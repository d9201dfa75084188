"""Passes that leave no trace: in a network's state, its gradients, or the random streams."""

from __future__ import annotations

import collections
import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_CONTAINERS = {list, dict, set, collections.deque}
_OF_EVERY_MODULE = vars(nn.Module()).keys()
_STEP = 0.1  # of a parameter's root mean square: how far a trial moves it


@contextlib.contextmanager
def kept_state(model: nn.Module) -> Iterator[None]:
    """Let the block move copies of buffers, thrown away after it, and put attributes back.

    Running statistics live in buffers, some modules' own in plain tensors, numbers and lists. They
    are not written to: the graph of an earlier pass may still need them. Frozen parameters that the
    block moves (:func:`movable`) are put back.
    """
    frozen = [(p, p._version, p.detach().clone()) for p in movable(model)]
    kept = [(space, dict(space)) for module in model.modules() for space in _spaces(module)]
    copies: dict[Tensor, Tensor] = {}  # of a shared one, one copy
    for space, values in kept:
        for name, value in values.items():
            if isinstance(value, Tensor):
                if not value.requires_grad:
                    if value not in copies:
                        copies[value] = value.clone()
                    space[name] = copies[value]
            elif type(value) in _CONTAINERS and name not in _OF_EVERY_MODULE:
                space[name] = value.copy()
    try:
        yield
    finally:
        for space, values in kept:
            space.update(values)
            for name in space.keys() - values.keys():
                del space[name]
        for parameter, version, before in frozen:
            if parameter._version != version:
                parameter.data.copy_(before)  # behind autograd's back, as nothing has changed


def movable(model: nn.Module) -> list[nn.Parameter]:
    """Frozen parameters that a forward pass may move, as those of a second network that follows.

    None where there are more of them than trained ones: a large network with a small adapter does
    not move, and to copy it in every step would cost more than the step.
    """
    frozen = [p for p in model.parameters() if not p.requires_grad]
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return frozen if sum(p.numel() for p in frozen) <= trained else []


def _spaces(module: nn.Module) -> tuple[dict[str, Any], dict[str, Any]]:
    """Where a module keeps what is no parameter of it."""
    return module._buffers, vars(module)


class Streams:
    """Where every random stream is that a forward pass of a network may draw from."""

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        """Note where they are: torch's, Python's and NumPy's global ones, and the network's own."""
        self._own = [
            (value, value.get_state())
            for module in model.modules()
            for value in vars(module).values()
            if isinstance(value, torch.Generator)
        ]
        self._torch = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        self._device = device
        self._python = random.getstate()
        self._numpy = np.random.get_state()  # noqa: NPY002 - networks may draw from it

    def rewind(self) -> None:
        """Put them back there."""
        torch.set_rng_state(self._torch)
        if self._cuda is not None:
            torch.cuda.set_rng_state(self._cuda, self._device)
        random.setstate(self._python)
        np.random.set_state(self._numpy)  # noqa: NPY002
        for generator, state in self._own:
            generator.set_state(state)


@contextlib.contextmanager
def kept_gradients(model: nn.Module) -> Iterator[None]:
    """Start the block with no gradients and put those that were there back after it."""
    kept = [(parameter, parameter.grad) for parameter in model.parameters()]
    for parameter, _ in kept:
        parameter.grad = None
    try:
        yield
    finally:
        for parameter, gradient in kept:
            parameter.grad = gradient


@contextlib.contextmanager
def moved_parameters(model: nn.Module) -> Iterator[None]:
    """Have every parameter elsewhere in the block, and back to the bit after it.

    A layer that starts at zero hides what is wrong about those before it. The parameters move
    behind autograd's back, as the graph of an earlier pass may still need them.
    """
    stream = torch.Generator().manual_seed(0)
    kept = [(p.data, p.data.clone()) for p in model.parameters() if p.requires_grad]
    try:
        for values, _ in kept:
            size = values.square().mean().sqrt() if values.numel() else values.sum()
            noise = torch.randn(values.shape, generator=stream).to(values)
            values.add_(noise * torch.where(size > 0, size, torch.ones_like(size)), alpha=_STEP)
        yield
    finally:
        for values, before in kept:
            values.copy_(before)


@contextlib.contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Compute in the type that tensors have: no autocast, no TensorFloat-32."""
    switches = _switches() if device.type == "cuda" else []
    before = [getattr(place, name) for place, name, _ in switches]
    for place, name, exact in switches:
        setattr(place, name, exact)
    try:
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        for (place, name, _), value in zip(switches, before, strict=True):
            setattr(place, name, value)


def _switches() -> list[tuple[Any, str, Any]]:
    """What lets a GPU round to TensorFloat-32, and its setting that does not.

    Torch from 2.9 on refuses to read the older ones once somebody has set the newer.
    """
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    if hasattr(cudnn, "conv"):
        return [(place, "fp32_precision", "ieee") for place in (matmul, cudnn.conv, cudnn.rnn)]
    return [(place, "allow_tf32", False) for place in (matmul, cudnn)]
