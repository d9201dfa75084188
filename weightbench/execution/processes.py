"""Jobs in local processes with hard limits."""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import spawn
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

import weightbench.registry.siblings  # noqa: F401 - so that workers find functions of plug-in files
from weightbench.execution import server
from weightbench.records.schema import Status

J = TypeVar("J")
R = TypeVar("R")
Lost = Callable[[J, Status, str], R]

# Nobody but another process does this, so another try may end otherwise.
KILLED = "the process was killed by SIGKILL; the system may have run out of memory"
BARE = ("torch",)  # modules that processes are born with where the caller names none
_F_SETSIG = 10  # of Linux; Python's fcntl names it from 3.11 on
_GPU_SHARED = 0.9  # of its memory; the rest is for what CUDA itself takes in every process

_PLAIN: Any = multiprocessing.get_context(server.METHOD)


_starting = threading.Lock()


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Have a process that this thread starts leave the script alone that the user has started.

    It would run it again, to find there what it is sent; jobs need nothing of it, and a script that
    has no ``if __name__ == "__main__":`` would start processes in turn.
    """
    thread = threading.get_ident()
    with _starting:
        usual = spawn.get_preparation_data

        def prepared(name: str) -> dict[str, Any]:
            data: dict[str, Any] = usual(name)
            if threading.get_ident() == thread:
                data.pop("init_main_from_name", None)
                data.pop("init_main_from_path", None)
            return data

        spawn.get_preparation_data = prepared
        try:
            yield
        finally:
            spawn.get_preparation_data = usual


class _Worker(_PLAIN.Process):  # type: ignore[misc]
    """A worker whose end counts as normal only where it came to the end of its work.

    The pool takes status 0 for a normal end; a job that exits with it would be waited for until its
    time is up. Its ``exitcode`` is 256 instead, which no process can exit with.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._at_end = _PLAIN.RawValue("b", 0)

    @staticmethod
    def _Popen(worker: _Worker) -> Any:
        with _without_main(), server.safe_path():
            return _PLAIN.Process._Popen(worker)

    def run(self) -> None:
        super().run()
        self._at_end.value = 1

    @property
    def exitcode(self) -> int | None:
        status: int | None = super().exitcode
        return 256 if status == 0 and not self._at_end.value else status


class _Workers(type(_PLAIN)):  # type: ignore[misc]
    Process = _Worker


def in_processes(
    jobs: Sequence[J],
    work: Callable[[J], R],
    lost: Lost[J, R],
    *,
    workers: int,
    seconds: float,
    memory: int,
    device: str = "cpu",
    fresh: bool = False,
    preload: Sequence[str] = BARE,
) -> Iterator[tuple[J, R]]:
    """Run ``work`` on each job in ``workers`` processes, one thread each; yields as they finish.

    A job that outlives its limits is killed and its worker replaced; the others go on. On a GPU
    every job has a process of its own: an error of the device stays with a process for good.

    Args:
        jobs: picklable.
        work: a function that catches what it can, of a module other than ``__main__``.
        lost: what to yield for a job whose process was lost.
        workers: processes, at most: there are no more of them than jobs.
        seconds: wall-clock limit of each job.
        memory: bytes of data each worker may hold; on a GPU they share its memory instead.
        device: ``cpu`` or ``cuda``; on a GPU each job has a process of its own in any case.
        fresh: whether each job has a process of its own, so that none meets what another left.
        preload: modules that processes are born with; the first call decides for all.
    """
    # One that is still starting when the last job ends would end in a traceback.
    workers = max(1, min(workers, len(jobs)))
    share = None if device == "cpu" else 1 / workers
    with new_pool(workers, memory, share, fresh=fresh, preload=preload) as pool:
        futures: dict[concurrent.futures.Future[R], J] = {
            pool.schedule(work, args=[job], timeout=seconds): job for job in jobs
        }
        try:
            for future in concurrent.futures.as_completed(futures):
                yield futures[future], result_of(future, futures[future], lost, seconds)
        except BaseException:
            pool.stop()  # type: ignore[no-untyped-call]
            raise


def new_pool(
    workers: int,
    memory: int,
    share: float | None = None,
    *,
    fresh: bool = False,
    environment: Mapping[str, str] | None = None,
    preload: Sequence[str] = BARE,
) -> ProcessPool:
    """Processes for jobs, one thread each.

    Args:
        workers: how many.
        memory: bytes of data each may hold; not limited where they use a GPU.
        share: how much of a GPU each has; None where they use none. On a GPU every job has a
            process of its own.
        fresh: whether every job has in any case.
        environment: variables that are set in each process.
        preload: modules that processes are born with; the first call decides for all.
    """
    return ProcessPool(
        max_workers=workers,
        max_tasks=int(fresh or share is not None),
        initializer=_prepare_worker,
        initargs=(memory, share, os.environ.get(server.SAFE_PATH), dict(environment or {})),
        context=_context(preload),
    )


def result_of(
    future: concurrent.futures.Future[R],
    job: J,
    lost: Lost[J, R],
    seconds: float,
) -> R:
    """What became of a job that was scheduled in a pool; waits for it."""
    try:
        return future.result()
    except (TimeoutError, concurrent.futures.TimeoutError):
        return lost(job, "timeout", f"it took longer than {seconds:g} s and was stopped")
    except ProcessExpired as error:
        return lost(job, "error", _death(error.exitcode))
    except MemoryError:
        return lost(job, "oom", "out of memory")


def warm_up(preload: Sequence[str] = BARE) -> None:
    """Start loading what workers need, in the background, while this process does other things."""
    _context(preload)
    if server.METHOD == "forkserver":
        from multiprocessing import forkserver

        with server.safe_path():
            forkserver.ensure_running()


def share_of_memory(workers: int) -> int:
    """Bytes that each of ``workers`` processes may hold of this machine's memory."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(total * 0.9 / max(workers, 1))


def _death(exitcode: int | None) -> str:
    if exitcode is None or exitcode >= 0:
        status = None if exitcode is None else exitcode % 256
        return f"the process exited with status {status} in mid-trial"
    if exitcode == -signal.SIGKILL:
        return KILLED
    return f"the process was killed by {signal.Signals(-exitcode).name}"


def _context(preload: Sequence[str]) -> Any:
    """Workers are forked from a server that has ``preload`` loaded, where the system can do so."""
    context = _Workers()
    server.prepare(context, preload)
    return context


def _prepare_worker(
    memory: int, share: float | None, safe_path: str | None, environment: dict[str, str]
) -> None:
    """One thread, a memory limit, no share in Ctrl-C, and no life after the parent's."""
    server.restore_path(safe_path)
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        _die_with_parent()
    import torch

    torch.set_num_threads(1)
    if share is None:
        _limit_data(memory)
    elif share < 1:  # without a device it is the job's error, which becomes a row
        with contextlib.suppress(RuntimeError, AssertionError):
            torch.cuda.set_per_process_memory_fraction(_GPU_SHARED * share)


def _die_with_parent() -> None:
    """Have the system kill this process when the one it was forked from ends, or the pool's owner.

    The server that workers are forked from lives as long as they do, so its end alone says nothing.
    """
    import fcntl

    parent_death_signal = 1  # PR_SET_PDEATHSIG
    ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)
    owner = multiprocessing.parent_process()
    if owner is None:
        return
    # A pipe whose other end the owner holds: when that is closed, a signal comes.
    with contextlib.suppress(OSError):  # not every sandbox has it
        fcntl.fcntl(owner.sentinel, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(owner.sentinel, _F_SETSIG, signal.SIGKILL)
        flags = fcntl.fcntl(owner.sentinel, fcntl.F_GETFL)
        fcntl.fcntl(owner.sentinel, fcntl.F_SETFL, flags | os.O_ASYNC)


def _limit_data(memory: int) -> None:
    """Limit writable memory; not where CUDA is used, whose driver maps far more than it holds."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (memory, hard))
