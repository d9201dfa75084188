"""Names that go: for a release they lead on to their new place and say so."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any


def warn(old: str, new: str) -> None:
    """Tell whoever called the caller that ``old`` goes and that ``new`` takes its place."""
    warnings.warn(
        f"{old} will be removed in the next release; use {new}", DeprecationWarning, stacklevel=3
    )


def forwarded(old: str, name: str) -> Callable[..., Any]:
    """A function that warns about ``old`` and does what the public ``weightbench.name`` does."""

    def forward(*args: Any, **kwargs: Any) -> Any:
        warn(old, f"weightbench.{name}")
        return getattr(importlib.import_module(__package__), name)(*args, **kwargs)

    forward.__doc__ = f"Deprecated: use ``weightbench.{name}``."
    return forward


def moved(old: str, home: str) -> Callable[[str], Any]:
    """A module's ``__getattr__`` that warns about the module ``old`` and looks in ``home``."""

    def look(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        warn(f"{old}.{name}", f"{home}.{name}")
        return getattr(importlib.import_module(home), name)

    return look
