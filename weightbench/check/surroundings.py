"""What a plug-in finds around itself and must leave alone: settings, and other people's code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
import torch._dynamo  # wraps functions of torch; the first optimiser of a process would load it
import torch.nn.functional as F
from torch import nn

from weightbench.check.rules import Finding

_Settings = Mapping[str, tuple[Callable[[], Any], Callable[[Any], Any]]]
_SETTINGS: _Settings = {
    "torch's gradient mode": (torch.is_grad_enabled, torch.set_grad_enabled),
    "torch's default type": (torch.get_default_dtype, torch.set_default_dtype),
    "torch's default device": (torch.get_default_device, torch.set_default_device),
    "torch's number of threads": (torch.get_num_threads, torch.set_num_threads),
    "torch's precision of products": (
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
    ),
    "torch's deterministic mode": (
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
    "the working folder": (os.getcwd, os.chdir),
}


class Surroundings:
    """As they are when this is made; code that comes to be later is not looked at."""

    def __init__(self) -> None:
        self._settings = {name: read() for name, (read, _) in _SETTINGS.items()}
        self._code = [
            (owner, name, value)
            for owner in dict.fromkeys(_owners())
            for name, value in vars(owner).items()
            if callable(value) or hasattr(type(value), "__get__")
        ]

    def put_back(self) -> list[Finding]:
        """Put everything back, and say what was not as it was."""
        findings = []
        for name, (read, write) in _SETTINGS.items():
            was, now = self._settings[name], read()
            if was != now:
                write(was)
                findings.append(Finding("settings", f"{name} was {was}, now {now}"))
        for owner, name, value in self._code:
            if vars(owner).get(name) is not value:
                setattr(owner, name, value)
                place = owner.__name__ if owner.__name__ in sys.modules else owner.__qualname__
                findings.append(Finding("patches", f"{place}.{name} was replaced"))
        return findings[:1]


def left_alone(check: Callable[[], list[Finding]]) -> list[Finding]:
    """What ``check`` finds; or what it changed around itself, which is put back."""
    around = Surroundings()
    try:
        findings = check()
    finally:
        changed = around.put_back()
    return changed or findings


def _owners() -> Iterator[Any]:
    """Modules and classes that a training runs through."""
    yield from (torch, F, torch.Tensor, nn.Module)
    for name, module in list(sys.modules.items()):
        if module is not None and (name == "weightbench" or name.startswith("weightbench.")):
            yield module
            yield from (thing for thing in vars(module).values() if isinstance(thing, type))
