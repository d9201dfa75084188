"""``python -m weightbench.submission.apart``: the process in which a contributor's code runs.

It reads an :class:`Order` from standard input and starts a process for each of its jobs. Such a
process can open nothing but what a training needs, so it sees neither what was submitted nor who
asks; it leaves its result as data in a folder of its own, and ends with all that it started.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from weightbench.errors import WeightbenchError
from weightbench.execution.confinement import (
    adopt_orphans,
    bound_processes,
    confine,
    end_all_of,
    end_with_parent,
    hide,
    stranger_of,
)
from weightbench.records.schema import Trial
from weightbench.records.strict import StrictModel

RESULT, PREDICTIONS = "result.json", "predictions.npz"
_PAUSE = 0.02  # seconds between two looks at the processes
_LARGEST = 2**28  # bytes of one file
_PROCESSES = 64  # and threads that a job may have at once, beside those it computes with
_SYSTEM = (
    "/usr", "/lib", "/lib64", "/bin", "/sys", "/etc/ld.so.cache", "/etc/localtime", "/etc/passwd",
    "/etc/group", "/etc/nsswitch.conf", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat",
    "/proc/driver", "/proc/devices",
)  # fmt: skip
_DEVICES = ("null", "zero", "random", "urandom", "shm")


class Job(StrictModel):
    """Something to do in a process of its own.

    Attributes:
        trial: what to train, or to probe.
        threads: that it computes with.
        cost: whether its costs are asked for, rather than its result.
        folder: holds the source and nothing else; the result goes there.
    """

    trial: Trial
    threads: int
    cost: bool
    folder: str


class Order(StrictModel):
    """What is asked for.

    Attributes:
        jobs: to be run; those that measure costs run after the others, one at a time.
        workers: processes at once.
        seconds: that a job may take.
        memory: bytes of data of a process.
        submission: the folder of what was submitted, which no job may see.
        hidden: the folder to put an empty one over, around the submission.
        tasks: folders of the suite's own tasks.
        leave: folders that jobs may leave files in.
    """

    jobs: list[Job]
    workers: int
    seconds: float
    memory: int
    submission: str
    hidden: str
    tasks: list[str]
    leave: list[str]


class Ended(StrictModel):
    """A job has ended; ``reason`` says why it left no result, and is empty where it did."""

    folder: str
    reason: str


def readable(order_tasks: list[str]) -> list[Path]:
    """What a training reads: Python, installed packages, weightbench, data sets, the system's."""
    from weightbench.data.cache import data_folder

    names = ("stdlib", "platstdlib", "purelib", "platlib")
    places = [sysconfig.get_paths()[name] for name in names]
    places += [place for place in sys.path if place.endswith(("site-packages", "dist-packages"))]
    places += [sys.prefix, sys.base_prefix, *_SYSTEM, *order_tasks]
    for name in ("weightbench", "weightbench.methods", "weightbench.tasks"):
        places += importlib.import_module(name).__path__
    return [Path(place).resolve() for place in (*places, str(data_folder()))]


def main() -> None:
    """Read the order, run its jobs, and print a line for each as it ends."""
    order = Order.model_validate_json(sys.stdin.read())
    end_with_parent()
    adopt_orphans()
    hidden = hide([Path(order.hidden)])
    from weightbench.evaluation import PRELOAD
    from weightbench.evaluation.provenance import provenance

    for name in PRELOAD:
        importlib.import_module(name)
    provenance("cpu")  # asks git once, which no job may read
    keeper = _Keeper(order, [Path(place) for place in order.leave if hidden])
    keeper.run([job for job in order.jobs if not job.cost], order.workers)
    keeper.run([job for job in order.jobs if job.cost], 1)


class _Keeper:
    """Starts processes, waits for them, and ends what they leave behind."""

    def __init__(self, order: Order, leave: list[Path]) -> None:
        self._order, self._leave = order, leave
        secret = Path(order.submission).resolve()
        self._read = [
            place
            for place in [*readable(order.tasks), *_packages_of_plugins()]
            if place != secret and place not in secret.parents
        ]
        self._running: dict[int, tuple[Job, float]] = {}

    def run(self, jobs: list[Job], workers: int) -> None:
        """All of ``jobs``, so many at once."""
        waiting = list(reversed(jobs))
        while waiting or self._running:
            while waiting and len(self._running) < workers:
                self._start(waiting.pop())
            self._look()
            time.sleep(_PAUSE)
        while self._end_orphans():
            time.sleep(_PAUSE)

    def _start(self, job: Job) -> None:
        pid = os.fork()
        if pid == 0:
            _work(job, self._order, self._read, self._leave)
        self._running[pid] = (job, time.monotonic() + self._order.seconds)

    def _look(self) -> None:
        """Take leave of those that ended, and end those whose time is over."""
        late = [pid for pid, (_, until) in self._running.items() if time.monotonic() > until]
        for pid in late:
            os.kill(pid, signal.SIGKILL)
        for pid in list(self._running):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                job, _ = self._running.pop(pid)
                if os.geteuid() == 0:
                    end_all_of(stranger_of(pid))
                self._say(job, os.waitstatus_to_exitcode(status), pid in late)
        self._end_orphans()

    def _say(self, job: Job, status: int, late: bool) -> None:
        reason = ""
        if late:
            reason = f"it took longer than {self._order.seconds:g} s and was stopped"
        elif status < 0:
            reason = f"the process was killed by {signal.Signals(-status).name}"
        elif not os.path.lexists(Path(job.folder, RESULT)):
            reason = f"the process exited with status {status} in mid-trial"
        print(Ended(folder=job.folder, reason=reason).model_dump_json(), flush=True)

    def _end_orphans(self) -> bool:
        """Kill children that are no job: what a job left behind. Returns whether there were any."""
        found = [pid for pid in _children() if pid not in self._running]
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
            except OSError:
                continue  # it has ended, and been waited for
        return bool(found)


def _children() -> Iterator[int]:
    own = str(os.getpid())
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                parent = (place / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
            except OSError:
                continue  # it has just ended
            if parent == own:
                yield int(place.name)


def _packages_of_plugins() -> Iterator[Path]:
    """Folders of packages that are loaded by now, wherever they are installed."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and "." not in name and Path(file).name == "__init__.py" and name != "weightbench":
            yield Path(file).resolve().parent


def _work(job: Job, order: Order, read: list[Path], leave: list[Path]) -> NoReturn:
    """In the process of a job: give up everything else, then do it."""
    status = 1
    try:
        _settle(job, order.memory)
        devices = [Path("/dev", name) for name in _DEVICES]
        if job.trial.device == "cuda":
            devices += Path("/dev").glob("nvidia*")
        confine([*read, Path("/proc/self")], [Path(job.folder), *devices], leave)
        _do(job)
        status = 0
    finally:
        os._exit(status)


def _settle(job: Job, memory: int) -> None:
    """Own group, no terminal, no open file of others, bounded memory, a home in its folder."""
    import resource

    import torch

    os.setsid()
    end_with_parent()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    for what, most in (("DATA", memory), ("FSIZE", _LARGEST), ("CORE", 0)):
        if what != "DATA" or job.trial.device == "cpu":  # CUDA's driver maps more than it holds
            resource.setrlimit(getattr(resource, f"RLIMIT_{what}"), (most, most))
    os.chdir(
        job.folder
    )  # the spec names the file without a folder, and seeds the weighter's stream
    torch.set_num_threads(job.threads)
    os.environ.update(HOME=job.folder, TMPDIR=job.folder)
    tempfile.tempdir = job.folder
    with contextlib.suppress(OSError):  # should all of them take the memory, they are ended first
        Path("/proc/self/oom_score_adj").write_text("1000")
    bound_processes(_PROCESSES + 2 * job.threads)


def _do(job: Job) -> None:
    from weightbench.evaluation.cost import probe
    from weightbench.evaluation.trial import run_trial
    from weightbench.records.predictions import pack
    from weightbench.records.schema import write
    from weightbench.registry import LOWER_ANCHOR

    if job.cost:
        result = write(probe(job.trial, LOWER_ANCHOR))
    else:
        outcome = run_trial(job.trial)
        result = write(outcome.record)
        if outcome.predictions is not None:
            Path(job.folder, PREDICTIONS).write_bytes(pack(outcome.predictions))
    Path(job.folder, RESULT).write_bytes(result)


if __name__ == "__main__":
    try:
        main()
    except WeightbenchError as error:
        sys.exit(str(error))
