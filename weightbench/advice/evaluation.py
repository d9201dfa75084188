"""An evaluation from Python, in a notebook or a script."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence

from rich.console import Console

from weightbench.advice.results import Results
from weightbench.advice.running import run_shown, usable_device
from weightbench.errors import BadSpec, Misuse
from weightbench.evaluation import PRELOAD
from weightbench.evaluation.data_today import data_today
from weightbench.evaluation.grid import Grid, load_data, plan_grid
from weightbench.execution import Limits, Local, share_of_memory, warm_up
from weightbench.records.store import Store
from weightbench.registry import TASKS
from weightbench.spec import Spec, parse_spec
from weightbench.training.task import Task, make_task

_AGAIN = (
    "a file that is loaded for wb.evaluate calls it in turn: put that call under "
    "`if __name__ == '__main__':`, or the task or weighter into a file of its own"
)
_running: list[bool] = []


def evaluate(
    tasks: str | Task | Sequence[str | Task],
    weighters: str | Sequence[str],
    *,
    seeds: int = 6,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    device: str = "cpu",
    time_limit: float = 3600.0,
    costs: bool = True,
) -> Results:
    """Train weighters on tasks over many seeds; what ``weightbench evaluate`` does.

    The anchors uniform and oracle always run. Trials run in processes with limits, from a notebook
    and from a script without a ``__main__`` guard too. A :class:`Task` that has no name to be found
    by lives in this process alone, so its trials run here, one after another and without limits.

    Args:
        tasks: names, ``file.py:TASK``, or tasks.
        weighters: names or ``file.py:Class``.
        seeds: how many.
        out: a folder for records, where what is there is not run again; None keeps nothing.
        workers: processes at once; 0 runs everything in this one. One per core where not given.
        device: ``cpu`` or ``cuda``.
        time_limit: seconds a trial may take.
        costs: whether the cost of a step is measured too, one at a time after the trials.

    Returns:
        One record a trial, those that failed with their reason.

    Raises:
        BadSpec: something that is asked for does not exist, or cannot be asked for so.
        DataUnavailable: a data set is not at hand.
        StoreError: the folder cannot be written.
        Misuse: a file that is loaded for it calls it again.
    """
    workers = (os.cpu_count() or 1) if workers is None else workers
    _refuse_again(workers)
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise BadSpec(f"seeds={seeds!r}: say how many, 1 or more")
    if workers:
        warm_up(PRELOAD)
    names = [weighters] if isinstance(weighters, str) else list(weighters)
    if odd := [name for name in names if not isinstance(name, str)]:
        raise BadSpec(f"{odd[0]!r}: a weighter is asked for by name or as 'file.py:Class'")
    wanted = [tasks] if isinstance(tasks, str | Task) else list(tasks)
    local = Local(
        Limits(workers, time_limit, share_of_memory(workers)), usable_device(device), PRELOAD
    )
    _running.append(True)
    try:
        own = _nameless(wanted)
        with contextlib.ExitStack() as stack:
            stack.enter_context(TASKS.lent(own))
            folder = out or stack.enter_context(tempfile.TemporaryDirectory(prefix="weightbench-"))
            specs = [task if isinstance(task, str) else task.name for task in wanted]
            return _run(specs, names, seeds, Store(folder), local, frozenset(own), costs)
    finally:
        _running.pop()


def _run(
    tasks: Sequence[str],
    weighters: Sequence[str],
    seeds: int,
    store: Store,
    local: Local,
    own: frozenset[str],
    costs: bool,
) -> Results:
    """Plan, run what is missing, and read what came of it; trials of ``own`` tasks run here."""
    grid = plan_grid(tasks, weighters, seeds, local.device, store)
    load_data(grid)
    here = dataclasses.replace(local, limits=dataclasses.replace(local.limits, workers=0))
    console = Console(stderr=True, quiet=not sys.stderr.isatty())
    for part, executor in ((_part(grid, own, False), local), (_part(grid, own, True), here)):
        if part.trials:
            run_shown(part, store, executor, console, costs)
    keys = [trial.key for trial in grid.trials]
    results = Results.of(store, grid.tasks, keys, data_today(grid.tasks, files=True))
    return dataclasses.replace(results, damaged=(*map(str, grid.damaged), *results.damaged))


def _part(grid: Grid, own: frozenset[str], chosen: bool) -> Grid:
    """The trials of ``own`` tasks, or of all others."""
    trials = tuple(trial for trial in grid.trials if (trial.task in own) == chosen)
    missing = tuple(trial for trial in grid.missing if (trial.task in own) == chosen)
    return dataclasses.replace(grid, trials=trials, missing=missing)


def _refuse_again(workers: int) -> None:
    """Refuse to start inside of another evaluation.

    Raises:
        Misuse: a file that was loaded for one, here or in one of its processes, has called it.
    """
    if _running or (workers and multiprocessing.current_process().daemon):
        raise Misuse(_AGAIN)


def _nameless(tasks: Sequence[str | Task]) -> Mapping[str, Task]:
    """The tasks that are found by no name, by the one they say.

    Raises:
        BadSpec: something is no task, or two have one name.
    """
    own: dict[str, Task] = {}
    for task in tasks:
        if isinstance(task, str):
            continue
        if not isinstance(task, Task):
            raise BadSpec(f"{task!r} is no task: use a name or a weightbench Task")
        if task.name not in own and _is_found(task):
            continue
        if parse_spec(task.name) != Spec(task.name) or task.name in TASKS.names():
            raise BadSpec(
                f"the task {task.name!r} is another than the one that name stands for; give it a "
                "name of its own, dataclasses.replace(task, name=...)"
            )
        if own.setdefault(task.name, task) is not task:
            raise BadSpec(f"two tasks are called {task.name!r}; give them names of their own")
    return own


def _is_found(task: Task) -> bool:
    """Whether its name leads to the same task, in any process."""
    with contextlib.suppress(BadSpec):
        return make_task(task.name).fingerprint == task.fingerprint
    return False
