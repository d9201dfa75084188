"""Imported by the server that workers are forked from, so that they are born with torch loaded."""

from __future__ import annotations

import multiprocessing.synchronize
import sys
import traceback
from types import TracebackType

# The first optimiser of a process would load torch._dynamo, seconds that count as the trial's.
import torch._dynamo  # noqa: F401

import weightbench.evaluation.cost
import weightbench.evaluation.trial  # noqa: F401 - what workers run


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Be silent about a worker whose pool closed while it was being born; nobody waits for it."""
    frames = traceback.extract_tb(trace)
    unborn = bool(frames) and frames[-1].filename == multiprocessing.synchronize.__file__
    if not (unborn and issubclass(kind, FileNotFoundError)):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _report
