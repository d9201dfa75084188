"""What every executor does, whichever machines it uses."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from weightbench.execution.processes import Lost

J = TypeVar("J")
R = TypeVar("R")


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a job may use.

    Attributes:
        workers: processes at once; 0 runs everything in this process, without the other limits.
        seconds: wall clock of one job.
        memory: bytes of data of one worker.
    """

    workers: int
    seconds: float
    memory: int


class Executor(Protocol):
    """Runs independent jobs; each gives one result, whatever becomes of its process."""

    @property
    def limits(self) -> Limits:
        """Of a job; of workers and memory on this machine."""

    @property
    def preload(self) -> Sequence[str]:
        """Modules that the processes jobs run in are born with."""

    @property
    def is_remote(self) -> bool:
        """Whether jobs run on machines that lack the files of this one."""

    @property
    def shares_disk(self) -> bool:
        """Whether jobs can write where this process can."""

    def run(
        self, jobs: Sequence[J], work: Callable[[J], R], lost: Lost[J, R], *, fresh: bool = False
    ) -> Iterator[tuple[J, R]]:
        """Run ``work`` on each job; yields as they finish.

        Args:
            jobs: picklable.
            work: an importable function that catches what it can.
            lost: what to yield for a job whose process was lost.
            fresh: whether each job has a process of its own, so that none meets what another left.

        Raises:
            ExecutorError: jobs cannot be run there.
        """

    def alone(self) -> AbstractContextManager[Executor]:
        """The same for one job at a time, with nothing else on its machine.

        Raises:
            ExecutorError: no machine is free for that.
        """
