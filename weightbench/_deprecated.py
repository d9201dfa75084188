"""Names that go: for a release they lead on to their new place and say so."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

_GOES = "{} will be removed in the next release; use {}"


def warn(old: str, new: str) -> None:
    """Tell whoever called the caller that ``old`` goes and that ``new`` takes its place."""
    warnings.warn(_GOES.format(old, new), DeprecationWarning, stacklevel=3)


def forwarded(old: str, name: str) -> Callable[..., Any]:
    """A function that warns about ``old`` and does what the public ``weightbench.name`` does."""

    def forward(*args: Any, **kwargs: Any) -> Any:
        warn(old, f"weightbench.{name}")
        return getattr(importlib.import_module(__package__), name)(*args, **kwargs)

    forward.__doc__ = f"Deprecated: use ``weightbench.{name}``."
    return forward


def renamed(old: str, new: str, home: str, name: str) -> Any:
    """What ``name`` of the module ``home`` is; warns whoever called the caller, as :func:`warn`."""
    warnings.warn(_GOES.format(old, new), DeprecationWarning, stacklevel=3)
    return getattr(importlib.import_module(home), name)


def moved(old: str, home: str) -> Callable[[str], Any]:
    """A module's ``__getattr__`` that warns about the module ``old`` and looks in ``home``."""

    def look(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        warn(f"{old}.{name}", f"{home}.{name}")
        return getattr(importlib.import_module(home), name)

    return look
