"""Jobs on this machine."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, TypeVar

from weightbench.execution.executor import Limits
from weightbench.execution.processes import BARE, Lost, in_processes

J = TypeVar("J")
R = TypeVar("R")


@dataclasses.dataclass(frozen=True)
class Local:
    """In processes with hard limits, or, with 0 workers, in this process at its risk.

    Attributes:
        limits: of a job.
        device: ``cpu`` or ``cuda``, which jobs use.
        preload: modules that processes are born with.
    """

    limits: Limits
    device: str = "cpu"
    preload: Sequence[str] = BARE

    is_remote: ClassVar[bool] = False
    shares_disk: ClassVar[bool] = True

    def run(
        self, jobs: Sequence[J], work: Callable[[J], R], lost: Lost[J, R], *, fresh: bool = False
    ) -> Iterator[tuple[J, R]]:
        """See :meth:`Executor.run`."""
        if self.limits.workers == 0:
            return inline(jobs, work)
        return in_processes(
            jobs,
            work,
            lost,
            workers=self.limits.workers,
            seconds=self.limits.seconds,
            memory=self.limits.memory,
            device=self.device,
            fresh=fresh,
            preload=self.preload,
        )

    @contextlib.contextmanager
    def alone(self) -> Iterator[Local]:
        """See :meth:`Executor.alone`; who else uses this machine is not known."""
        one = dataclasses.replace(self.limits, workers=min(self.limits.workers, 1))
        yield dataclasses.replace(self, limits=one)


def inline(jobs: Sequence[J], work: Callable[[J], R]) -> Iterator[tuple[J, R]]:
    """Run ``work`` on each job in this process, one after another, without limits."""
    for job in jobs:
        yield job, work(job)
