"""Running many independent jobs: in this process, or in local processes with hard limits."""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.context import BaseContext
from typing import TypeVar

from pebble import ProcessExpired, ProcessPool

from weightbench.records import Status

J = TypeVar("J")
R = TypeVar("R")
Lost = Callable[[J, Status, str], R]
Step = Iterator[tuple[J, R]]

_GPU_SHARED = 0.9  # of its memory; the rest is for what CUDA itself takes in every process


def inline(jobs: Sequence[J], work: Callable[[J], R]) -> Iterator[tuple[J, R]]:
    """Run ``work`` on each job in this process, one after another, without limits."""
    for job in jobs:
        yield job, work(job)


def in_processes(
    jobs: Sequence[J],
    work: Callable[[J], R],
    lost: Callable[[J, Status, str], R],
    *,
    workers: int,
    seconds: float,
    memory: int,
    device: str = "cpu",
    fresh: bool = False,
) -> Iterator[tuple[J, R]]:
    """Run ``work`` on each job in ``workers`` processes, one thread each; yields as they finish.

    A job that outlives its limits is killed and its worker replaced; the others go on. On a GPU
    every job has a process of its own: an error of the device stays with a process for good.

    Args:
        jobs: picklable.
        work: an importable function that catches what it can.
        lost: what to yield for a job whose process was lost.
        workers: processes.
        seconds: wall-clock limit of each job.
        memory: bytes of data each worker may hold; on a GPU they share its memory instead.
        device: ``cpu`` or ``cuda``; on a GPU each job has a process of its own in any case.
        fresh: whether each job has a process of its own, so that none meets what another left.
    """
    with ProcessPool(
        max_workers=workers,
        max_tasks=int(fresh or device != "cpu"),
        initializer=_prepare_worker,
        initargs=(memory, workers, device),
        context=_context(),
    ) as pool:
        futures: dict[concurrent.futures.Future[R], J] = {
            pool.schedule(work, args=[job], timeout=seconds): job for job in jobs
        }
        try:
            for future in concurrent.futures.as_completed(futures):
                yield futures[future], _result(future, futures[future], lost, seconds)
        except BaseException:
            pool.stop()  # type: ignore[no-untyped-call]
            raise


def warm_up() -> None:
    """Start loading what workers need, in the background, while this process does other things."""
    context = _context()
    if context.get_start_method() == "forkserver":
        from multiprocessing import forkserver

        forkserver.ensure_running()


def total_memory() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _result(
    future: concurrent.futures.Future[R],
    job: J,
    lost: Callable[[J, Status, str], R],
    seconds: float,
) -> R:
    try:
        return future.result()
    except (TimeoutError, concurrent.futures.TimeoutError):
        return lost(job, "timeout", f"it took longer than {seconds:g} s and was stopped")
    except ProcessExpired as error:
        return lost(job, "error", _death(error.exitcode))
    except MemoryError:
        return lost(job, "oom", "out of memory")


def _death(exitcode: int | None) -> str:
    if exitcode is None or exitcode >= 0:
        return f"the process exited with status {exitcode} in mid-trial"
    name = signal.Signals(-exitcode).name
    hint = "; the system may have run out of memory" if name == "SIGKILL" else ""
    return f"the process was killed by {name}{hint}"


def _context() -> BaseContext:
    """Workers are forked from a server that has torch loaded, where the system can do so."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["weightbench.nursery"])
    return context


def _prepare_worker(memory: int, workers: int, device: str) -> None:
    """One thread, a memory limit, no share in Ctrl-C, and no life after the parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        parent_death_signal = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)
    import torch

    torch.set_num_threads(1)
    if device == "cpu":
        _limit_data(memory)
    elif workers > 1:  # without a device it is the job's error, which becomes a row
        with contextlib.suppress(RuntimeError, AssertionError):
            torch.cuda.set_per_process_memory_fraction(_GPU_SHARED / workers)


def _limit_data(memory: int) -> None:
    """Limit writable memory; not where CUDA is used, whose driver maps far more than it holds."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (memory, hard))
