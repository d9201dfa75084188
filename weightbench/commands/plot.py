"""``weightbench plot``: figures from records."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightbench.commands.output import say, say_left_out
from weightbench.report.figures import FIGURES
from weightbench.texts import csv_cell

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from weightbench.records.store import Store
    from weightbench.report.figures.tables import Source
    from weightbench.scoring import Board
    from weightbench.spec import Value
    from weightbench.training.task import Task


@click.command()
@click.argument("name", type=click.Choice(list(FIGURES)))
@click.argument("runs", type=click.Path(file_okay=False), default="runs")
@click.option("--task", "tasks", multiple=True, help="Only this task; repeatable.")
@click.option("--weighter", "weighters", multiple=True, help="Only this weighter; repeatable.")
@click.option("--suite", help="Only the tasks and weighters of this suite's board.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default="figures", show_default=True,
    help="The folder for NAME.svg, NAME-dark.svg, NAME.png and NAME.csv.",
)  # fmt: skip
def plot(
    name: str,
    runs: str,
    tasks: tuple[str, ...],
    weighters: tuple[str, ...],
    suite: str | None,
    out: Path,
) -> None:
    """Draw a figure from the records under RUNS, with its data as CSV beside it.

    \b
    skill       skill of each weighter over all tasks and on each, the best first
    imbalance   test error against the imbalance ratio (Ren et al. 2018, Fig. 2)
    weights     weights of clean and of wrong examples (Fig. 3)
    separation  how well weights tell the two apart, over the training
    clean-size  accuracy against the size of the clean hold-out (Fig. 4)
    noise       accuracy against the noise level (Fig. 5)
    confusion   confusion matrices (Fig. 6)
    curves      accuracy over the training

    Imbalance, clean-size and noise need a task with several values of that parameter, such as
    evaluate --task 'digits-uniform-flip-v0[noise=0.2]' --task 'digits-uniform-flip-v0[noise=0.4]'.
    A task in a file is run for its labels and parameters only where --task names it.
    """  # noqa: D301 - click's mark for lines that stay lines
    import io

    import matplotlib

    from weightbench.files import write_bytes, write_text
    from weightbench.records.store import Store
    from weightbench.report.figures.canvas import Paper

    make_table, draw = FIGURES[name]()
    table = make_table(_source(Store(runs), tasks, weighters, suite))
    write_text(out / f"{name}.csv", table.map(csv_cell).to_csv(index=False))
    # Names are text, not formulae; and the same table gives the same file.
    with matplotlib.rc_context({"text.parse_math": False, "svg.hashsalt": name}):
        for file, dark in (
            (f"{name}.svg", False),
            (f"{name}-dark.svg", True),
            (f"{name}.png", False),
        ):
            figure = draw(table, Paper(dark, frozenset(weighters)))
            buffer = io.BytesIO()
            undated = {"Date": None} if file.endswith("svg") else None
            figure.savefig(buffer, format=file[-3:], dpi=150, metadata=undated)
            write_bytes(out / file, buffer.getvalue())
            say(out / file)


def _source(
    store: Store, tasks: tuple[str, ...], weighters: tuple[str, ...], suite: str | None
) -> Source:
    from weightbench.registry import SUITES
    from weightbench.report.figures.tables import Source
    from weightbench.scoring.results import choose
    from weightbench.submission.boards import load

    loaded = load(store)
    say_left_out(loaded.damaged)
    counted = choose(loaded.records, loaded.data)
    for note in counted.notes:
        say(f"note: {note}", err=True)

    @functools.cache
    def board() -> Board:
        if suite is not None:
            return loaded.of_suite(suite, SUITES.get(suite))
        return loaded.board(tasks or None)

    # Of submissions there are neither weights nor predictions here.
    chosen = [
        r
        for r in (counted.kept if suite is None else board().records)
        if r.training
        and r.trial.weighter not in loaded.badges
        and (not tasks or r.trial.task in tasks)
        and (not weighters or r.trial.weighter in weighters)
    ]
    asked = frozenset(tasks)
    return Source(
        chosen,
        functools.partial(_default, asked),
        store.weights,
        store.predictions,
        lambda record: _test_labels(asked, record.trial.task, record.trial.seed),
        board,
        frozenset(weighters),
    )


def _task(asked: frozenset[str], name: str) -> Task:
    """A task that a record names; one in a file is run only where the command line names it.

    Raises:
        BadSpec: it does not, or there is no such task.
    """
    from weightbench.errors import BadSpec
    from weightbench.registry import is_file_spec
    from weightbench.training.task import make_task

    if is_file_spec(name) and name not in asked:
        raise BadSpec(f"{name} is in a file, which records do not cause to be run: --task names it")
    return make_task(name)


@functools.cache
def _default(asked: frozenset[str], task: str, parameter: str) -> Value:
    """A task's own value of a parameter; None where it has none or may not be asked."""
    from weightbench.errors import WeightbenchError

    try:
        value: Value = _task(asked, task).parameters().get(parameter)
    except WeightbenchError:
        return None
    return value


@functools.cache
def _test_labels(asked: frozenset[str], task: str, seed: int) -> NDArray[np.int64]:
    made = _task(asked, task)
    return made.data.labels[made.split(seed).test]
