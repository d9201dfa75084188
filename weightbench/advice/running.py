"""Running a grid while somebody watches: a bar, a line for each finished cell."""

from __future__ import annotations

from rich.console import Console
from rich.progress import Progress

from weightbench.errors import BadSpec
from weightbench.evaluation.grid import Grid, missing_costs, run_grid, run_probes
from weightbench.execution import Executor
from weightbench.records.schema import Record
from weightbench.records.store import Store
from weightbench.report.progress import CellReport, progress_bar
from weightbench.report.terminal import print_line


def usable_device(device: str, here: bool = True) -> str:
    """``device``, if trials can use it.

    Args:
        device: ``cpu`` or ``cuda``.
        here: whether trials run on this machine; what nodes of a cluster have is theirs to say.

    Raises:
        BadSpec: there is no such device.
    """
    import torch

    if device == "cpu" or (device == "cuda" and (not here or torch.cuda.is_available())):
        return device
    if device == "cuda":
        raise BadSpec("--device cuda: torch finds no CUDA device here; use --device cpu")
    raise BadSpec(f"--device {device}: expected cpu or cuda")


def run_shown(
    grid: Grid, store: Store, executor: Executor, console: Console, costs: bool = True
) -> tuple[list[Record], int]:
    """Run what is missing of a grid under a progress bar.

    Args:
        grid: what is asked for.
        store: where records go.
        executor: where trials run.
        console: where it is shown.
        costs: whether they are measured after the trials.

    Returns:
        The records of trials that failed, and how many costs could not be measured.

    Raises:
        StoreError: the disk refuses.
        ExecutorError: trials cannot be run there.
    """
    with progress_bar(console) as bar:
        failures = _trials(grid, store, executor, bar)
        return failures, _costs(grid, store, executor, bar) if costs else 0


def _trials(grid: Grid, store: Store, executor: Executor, bar: Progress) -> list[Record]:
    """Run them; those that failed."""
    report, failures = CellReport(grid.missing), []
    trials = bar.add_task("trials", total=len(grid.missing))
    for record in run_grid(grid, store, executor):
        bar.advance(trials)
        if record.status != "ok":
            failures.append(record)
        for line in report.finished(record):
            print_line(bar.console, line)
    return failures


def _costs(grid: Grid, store: Store, executor: Executor, bar: Progress) -> int:
    """Measure them; how many could not be."""
    unmeasured = 0
    probes = missing_costs(grid, store)
    costs = bar.add_task("costs", total=len(probes))
    for done in run_probes(probes, store, executor):
        bar.advance(costs)
        if isinstance(done, str):
            unmeasured += 1
            print_line(bar.console, done)
    return unmeasured
