"""Running a grid while somebody watches."""

from __future__ import annotations

from rich.console import Console

from weightbench.errors import BadSpec
from weightbench.evaluation.grid import Grid, missing_costs, run_grid, run_probes
from weightbench.execution import Executor
from weightbench.records.schema import Record
from weightbench.records.store import Store
from weightbench.report.progress import CellReport, watched
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
    """Run what is missing of a grid, and show how far it is.

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
    failures = _trials(grid, store, executor, console)
    return failures, _costs(grid, store, executor, console) if costs else 0


def _trials(grid: Grid, store: Store, executor: Executor, console: Console) -> list[Record]:
    """Run them; those that failed."""
    report, failures = CellReport(grid.missing), []
    with watched(console, "trials", len(grid.missing)) as advance:
        for record in run_grid(grid, store, executor):
            if record.status != "ok":
                failures.append(record)
            advance(report.finished(record))
    return failures


def _costs(grid: Grid, store: Store, executor: Executor, console: Console) -> int:
    """Measure them; how many could not be."""
    unmeasured = 0
    probes = missing_costs(grid, store)
    with watched(console, "costs", len(probes)) as advance:
        for done in run_probes(probes, store, executor):
            advance("")
            if isinstance(done, str):
                unmeasured += 1
                print_line(console, done)
    return unmeasured
