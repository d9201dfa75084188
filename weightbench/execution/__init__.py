"""Running many independent jobs: in this process, in local processes with hard limits, on Ray.

What a job does is the caller's business: it is a picklable thing, given to an importable function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from weightbench.execution.processes import Lost, in_processes, total_memory, warm_up

J = TypeVar("J")
R = TypeVar("R")

__all__ = ["Lost", "in_processes", "inline", "total_memory", "warm_up"]


def inline(jobs: Sequence[J], work: Callable[[J], R]) -> Iterator[tuple[J, R]]:
    """Run ``work`` on each job in this process, one after another, without limits."""
    for job in jobs:
        yield job, work(job)
