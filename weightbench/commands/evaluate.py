"""``weightbench evaluate``: train weighters on tasks, print the leaderboard."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from weightbench.commands.output import INTERRUPTED, say, show_board
from weightbench.errors import BadSpec
from weightbench.registry import SUITES

if TYPE_CHECKING:
    from weightbench.evaluation.grid import Grid
    from weightbench.execution import Executor, Limits
    from weightbench.records.store import Store
    from weightbench.scoring import Board


@dataclasses.dataclass(frozen=True)
class Request:
    """An evaluation as it was asked for; a field for each option, whose help says what it is."""

    suite: str | None
    tasks: Sequence[str]
    weighters: Sequence[str]
    seeds: int | None
    workers: int
    device: str
    out: str
    time_limit: float
    memory_limit: float | None
    executor: str
    address: str | None
    cpus: float
    gpus: float | None
    shared: bool
    download: bool

    @property
    def on_ray(self) -> bool:
        """Whether trials run on a Ray cluster."""
        return self.executor == "ray"

    @property
    def memory(self) -> int | None:
        """Bytes a trial may hold; None for an equal share."""
        return int(self.memory_limit * 2**30) if self.memory_limit else None

    def limits(self) -> Limits:
        """What a trial may use of this machine."""
        from weightbench.execution import Limits, share_of_memory

        return Limits(self.workers, self.time_limit, self.memory or share_of_memory(self.workers))

    def plan(self, store: Store) -> Grid:
        """Every trial, and which of them are missing in ``store``.

        Raises:
            BadSpec: something that is asked for does not exist.
            StoreError: the store cannot be written.
        """
        from weightbench.advice.running import usable_device
        from weightbench.evaluation.grid import plan_grid

        suite = SUITES.get(self.suite or "quick")
        device = usable_device(self.device, here=not self.on_ray)
        tasks, weighters = self.tasks or suite.tasks, self.weighters or suite.weighters
        return plan_grid(tasks, weighters, self.seeds or suite.seeds, device, store)


@click.command()
@click.option("--suite", help="A named evaluation; see `weightbench list suites`. [default: quick]")
@click.option("--task", "tasks", multiple=True, help="A task instead of the suite's; repeatable.")
@click.option(
    "--weighter",
    "weighters",
    multiple=True,
    help="A weighter instead of the suite's; repeatable. path.py:Class is one too.",
)
@click.option("--seeds", type=click.IntRange(min=1), help="How many seeds. [default: the suite's]")
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    default=os.cpu_count() or 1,
    show_default="one per core",
    help="Trials at once, each in a process of its own; 0 runs them in this process.",
)
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option(
    "--out",
    default="runs",
    show_default=True,
    type=click.Path(file_okay=False),
    help="Where records are kept; what is there is not run again.",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0, min_open=True),
    default=3600.0,
    show_default=True,
    help="Seconds a trial may take.",
)
@click.option(
    "--memory-limit",
    type=click.FloatRange(min=0, min_open=True),
    show_default="an equal share",
    help="GiB a trial may hold.",
)
@click.option(
    "--executor",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Run trials on this machine or on a Ray cluster; see docs/scale.md.",
)
@click.option(
    "--address",
    help="Of the Ray cluster: auto, HOST:PORT or ray://HOST:PORT. [default: one on this machine]",
)
@click.option(
    "--cpus",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="CPUs of the Ray cluster that a trial takes.",
)
@click.option(
    "--gpus",
    type=click.FloatRange(min=0),
    show_default="1 with --device cuda",
    help="GPUs of the Ray cluster that a trial takes; with .25, four share one.",
)
@click.option(
    "--shared",
    is_flag=True,
    help="Every node sees --out: a trial whose node is lost goes on from its last half minute.",
)
@click.option(
    "--download",
    is_flag=True,
    help="Allow data sets that are not under WEIGHTBENCH_DATA to be downloaded there.",
)
def evaluate(**options: Any) -> None:
    """Train weighters on tasks over many seeds and print the leaderboard.

    The anchors uniform and oracle always run. Records go to --out as they finish: Ctrl-C or a
    crash loses only the trials in flight, and the same command goes on.
    """
    from weightbench.evaluation import PRELOAD
    from weightbench.execution import warm_up

    request = Request(**options)
    refuse_foreign_options(request.on_ray)
    if not request.on_ray:
        warm_up(PRELOAD)
    from weightbench.evaluation.grid import load_data
    from weightbench.records.store import Store

    if request.download:
        os.environ["WEIGHTBENCH_DOWNLOAD"] = "1"
    store = Store(request.out)
    grid = request.plan(store)
    load_data(grid)
    for damage in grid.damaged:
        say(f"damaged, set aside, run again: {damage}", err=True)
    if grid.newer:
        say(
            f"note: {len(grid.newer)} files were made by a newer version of weightbench and are "
            f"left where they are: {grid.newer[0].path} ...",
            err=True,
        )
    try:
        with _executor(request, grid) as executor:
            lost = _run(grid, store, executor)
        board = show_board(store, grid.tasks)
    except KeyboardInterrupt:
        say("", err=True)
        say("stopped; finished trials are kept, the same command goes on", err=True)
        sys.exit(INTERRUPTED)
    if new := trained_now(board, grid):
        say(new)
    for line in following(board, request.out):
        say(line, err=True)
    sys.exit(1 if lost or grid.damaged else 0)


def trained_now(board: Board, grid: Grid) -> str:
    """What this call added to the board, in a line; empty where all of it was there."""
    missing = {trial.key for trial in grid.missing}
    new = [r.training.accuracy for r in board.records if r.training and r.trial.key in missing]
    if not new:
        return ""
    return f"new: {len(new)} trials, test accuracy {min(new):.3f} to {max(new):.3f}"


def following(board: Board, out: str) -> list[str]:
    """Where the records are, and what can be done with them, in lines."""
    folder = [] if out == "runs" else [out]
    best = [row.weighter for row in board.rows if row.rank is not None][:2]
    commands = [
        *([["compare", *best, *folder]] if len(best) == 2 else []),
        ["leaderboard", *folder, "--format", "html", "--out", "board.html"],
    ]
    lines = [f"  {shlex.join(['weightbench', *command])}" for command in commands]
    return ["", f"the records are in {out}; next:", *lines]


def refuse_foreign_options(on_ray: bool) -> None:
    """Refuse options that mean nothing where the trials run.

    Raises:
        BadSpec: there is one.
    """
    context = click.get_current_context()
    for name in ("workers",) if on_ray else ("address", "cpus", "gpus", "shared"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise BadSpec(f"--{name} goes with --executor {'local' if on_ray else 'ray'}")


@contextlib.contextmanager
def _executor(request: Request, grid: Grid) -> Iterator[Executor]:
    """Where trials run; connected to the cluster, if it is one.

    Raises:
        ExecutorError: there is no such cluster.
    """
    from weightbench.evaluation import PRELOAD

    if not request.on_ray:
        from weightbench.execution import Local

        yield Local(request.limits(), request.device, PRELOAD)
        return
    from weightbench.execution.cluster import Cluster, connected
    from weightbench.execution.on_ray import Ray

    gpus = float(request.device == "cuda") if request.gpus is None else request.gpus
    cluster = Cluster(request.cpus, gpus, request.memory, request.shared)
    with connected(request.address):
        if grid.missing and (shortage := cluster.shortage()):
            say(f"waiting: {shortage}", err=True)
        yield Ray(request.limits(), cluster, PRELOAD)


def _run(grid: Grid, store: Store, executor: Executor) -> bool:
    """Run what is missing while stderr shows how far it is; whether anything was lost."""
    from rich.console import Console

    from weightbench.advice.running import run_shown

    failures, unmeasured = run_shown(grid, store, executor, Console(stderr=True))
    for record in failures:
        name = f"{record.trial.weighter} on {record.trial.task}, seed {record.trial.seed}"
        say(f"{record.status}: {name}: {record.reason}", err=True)
    return bool(failures or unmeasured)
