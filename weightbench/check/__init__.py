"""Conformance of weighters and tasks: rules with stable names, each with what mends it.

The two checks load torch, so they are imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from weightbench.check.rules import RULES, Finding

__all__ = ["RULES", "Finding", "check_task", "check_weighter"]

if TYPE_CHECKING:
    from weightbench.check.task import check_task
    from weightbench.check.weighter import check_weighter


def __getattr__(name: str) -> Any:
    if name not in ("check_task", "check_weighter"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(f"{__name__}.{name.removeprefix('check_')}")
    return getattr(home, name)
