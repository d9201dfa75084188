"""The command line. Thin: each command reads its options and calls the room that does the work."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from weightbench._version import __version__
from weightbench.commands import (
    anchors,
    check,
    compare,
    doctor,
    leaderboard,
    merge,
    new,
    plot,
    submit,
    verify,
)
from weightbench.errors import BadSpec, WeightbenchError
from weightbench.registry import SUITES, TASKS, WEIGHTERS, WRAPPERS

if TYPE_CHECKING:
    from weightbench.evaluation.grid import Grid, Limits
    from weightbench.execution.cluster import Cluster
    from weightbench.records.store import Store

_INTERRUPTED = 130


class _Commands(click.Group):
    """Every error of ours is one line on stderr; a wrong name or option exits with 2.

    Ctrl-C exits with 130, as a shell does, where click would say 1. So is whatever the system
    refuses, above all the output: a full disk, a folder that is gone. A pipe that was closed by who
    reads from it is no error to speak of.
    """

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            try:
                Path.cwd()  # libraries fail in odder ways where it is gone
                return super().main(*args, **kwargs)
            finally:
                if sys.stdout is not None:
                    sys.stdout.flush()
        except BrokenPipeError:
            _drop_output()
        except OSError as error:
            _drop_output()
            with contextlib.suppress(OSError):
                self._say(_refused(error))
        sys.exit(1)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            where = error.ctx.command_path if error.ctx else "weightbench"
            self._say(f"{error.format_message()} ({where} --help says more)")
            ctx.exit(2)
        except BadSpec as error:
            self._say(error)
            ctx.exit(2)
        except WeightbenchError as error:
            self._say(error)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("\nstopped", err=True)
            ctx.exit(_INTERRUPTED)

    @staticmethod
    def _say(error: Exception | str) -> None:
        click.echo(f"error: {' '.join(str(error).split())}", err=True)


def _refused(error: OSError) -> str:
    """What the system did not do, in words."""
    if error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, FileNotFoundError):
        return "the working folder is no longer there"
    return f"the output cannot be written: {error.strerror or error}"


def _drop_output() -> None:
    """Let what is still to be written go nowhere, or Python would fail once more at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@click.group("weightbench", cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Compare example-weighting methods on the same corrupted data sets.

    Plain `weightbench evaluate` trains the built-in methods on small embedded data sets and prints
    a leaderboard in about a minute.
    """


@main.command()
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
def evaluate(
    suite: str | None,
    tasks: Sequence[str],
    weighters: Sequence[str],
    seeds: int | None,
    workers: int,
    device: str,
    out: str,
    time_limit: float,
    memory_limit: float | None,
    download: bool,
    executor: str,
    address: str | None,
    cpus: float,
    gpus: float | None,
    shared: bool,
) -> None:
    """Train weighters on tasks over many seeds and print the leaderboard.

    The anchors uniform and oracle always run. Records go to --out as they finish: Ctrl-C or a
    crash loses only the trials in flight, and the same command goes on.
    """
    from weightbench import execution

    on_ray = executor == "ray"
    _no_strangers(on_ray)
    if not on_ray:
        execution.warm_up()
    from weightbench.evaluation.grid import Limits, load_data, plan_grid
    from weightbench.execution.cluster import Cluster, connected
    from weightbench.records.store import Store

    if download:
        os.environ["WEIGHTBENCH_DOWNLOAD"] = "1"
    chosen = SUITES.get(suite or "quick")
    share = execution.total_memory() * 0.9 / max(workers, 1)
    memory = int(memory_limit * 2**30) if memory_limit else None
    limits = Limits(workers, time_limit, memory or int(share))
    if gpus is None:
        gpus = 1.0 if device == "cuda" else 0.0
    cluster = Cluster(cpus, gpus, memory, shared) if on_ray else None
    store = Store(out)
    grid = plan_grid(
        tasks or chosen.tasks,
        weighters or chosen.weighters,
        seeds or chosen.seeds,
        _usable_device(device, here=not on_ray),
        store,
    )
    load_data(grid)
    for damage in grid.damaged:
        click.echo(f"damaged, set aside, run again: {damage}", err=True)
    try:
        with connected(address) if on_ray else contextlib.nullcontext():
            lost = _run(grid, store, limits, cluster)
        leaderboard.show(store, grid.tasks)
    except KeyboardInterrupt:
        click.echo("\nstopped; finished trials are kept, the same command goes on", err=True)
        sys.exit(_INTERRUPTED)
    sys.exit(1 if lost or grid.damaged else 0)


def _no_strangers(on_ray: bool) -> None:
    """Refuse options that mean nothing where the trials run.

    Raises:
        BadSpec: there is one.
    """
    context = click.get_current_context()
    for name in ("workers",) if on_ray else ("address", "cpus", "gpus", "shared"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise BadSpec(f"--{name} goes with --executor {'local' if on_ray else 'ray'}")


def _usable_device(device: str, here: bool) -> str:
    """``device``, if trials can use it ``here``; what nodes of a cluster have is theirs to say."""
    import torch

    if device == "cpu" or (device == "cuda" and (not here or torch.cuda.is_available())):
        return device
    if device == "cuda":
        raise BadSpec("--device cuda: torch finds no CUDA device here; use --device cpu")
    raise BadSpec(f"--device {device}: expected cpu or cuda")


def _run(grid: Grid, store: Store, limits: Limits, cluster: Cluster | None) -> bool:
    """Run what is missing under a progress bar; whether anything was lost."""
    from rich.console import Console
    from rich.markup import escape

    from weightbench.commands.progress import CellReport, progress_bar
    from weightbench.evaluation.grid import missing_costs, run_grid, run_probes

    shortage = cluster.shortage() if cluster and grid.missing else None
    if shortage:
        click.echo(f"waiting: {shortage}", err=True)
    console = Console()
    report = CellReport(grid)
    failures = []
    with progress_bar(console) as bar:
        trials = bar.add_task("trials", total=len(grid.missing))
        for record in run_grid(grid, store, limits, cluster):
            bar.advance(trials)
            if record.status != "ok":
                failures.append(record)
            for line in report.finished(record):
                bar.console.print(line, highlight=False)
        probes = missing_costs(grid, store)
        costs = bar.add_task("costs", total=len(probes))
        lost = len(failures)
        for done in run_probes(probes, store, limits, cluster):
            bar.advance(costs)
            if isinstance(done, str):
                lost += 1
                bar.console.print(escape(done), highlight=False)
    for record in failures:
        name = f"{record.trial.weighter} on {record.trial.task}, seed {record.trial.seed}"
        click.echo(f"{record.status}: {name}: {record.reason}", err=True)
    return lost > 0


@main.command("list")
@click.argument("kind", type=click.Choice(["tasks", "weighters", "wrappers", "suites"]))
def list_names(kind: str) -> None:
    """List the tasks, weighters, wrappers or suites that are installed."""
    names = {"tasks": TASKS.names, "weighters": WEIGHTERS.names, "wrappers": WRAPPERS.names}
    for name in names.get(kind, SUITES.names)():
        click.echo(name)


@main.command()
@click.argument("id_", metavar="ID")
def show(id_: str) -> None:
    """Show what a task, weighter, wrapper or suite is, its parameters and where it is defined."""
    from weightbench.report.cards import card

    click.echo(card(id_))


for command in (
    anchors.anchors,
    check.check,
    compare.compare,
    doctor.doctor,
    leaderboard.leaderboard,
    merge.merge,
    new.new,
    plot.plot,
    submit.submit,
    verify.verify,
):
    main.add_command(command)
