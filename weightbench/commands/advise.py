"""``weightbench advise``: is weighting worth it on somebody's own data."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightbench.commands.output import INTERRUPTED, say

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class _Watch:
    """A bar with the time left on a terminal's stderr, and a line for whatever is known."""

    def __init__(self, bar: Progress) -> None:
        self._bar, self._began = bar, time.monotonic()
        self._task: TaskID | None = None

    def begin(self, trainings: int) -> None:
        """So many trainings are to come."""
        self._task = self._bar.add_task("trainings", total=trainings)

    def done(self) -> None:
        """One is over."""
        if self._task is not None:
            self._bar.advance(self._task)

    def say(self, line: str) -> None:
        """Something is known."""
        say(line)


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--label", default="label", show_default=True, help="Column of the labels.")
@click.option(
    "--trusted",
    metavar="FILE|COLUMN",
    help="Rows whose labels are right: a file of them (all columns, or --id and the label), or a "
    "column (true or false, or the right label where somebody looked).",
)
@click.option(
    "--id", "id_", metavar="COLUMN", help="Column of ids, for suspects.csv and --trusted."
)
@click.option("--group", metavar="COLUMN", help="Column of groups, such as a site; no input.")
@click.option("--test", metavar="FILE", help="Rows with right labels to judge on instead.")
@click.option(
    "--weighter",
    "weighters",
    multiple=True,
    help="Compare this with plain training; repeatable. [default: a shortlist]",
)
@click.option(
    "--network",
    metavar="FILE:NAME",
    help="Your own: a function that makes an nn.Module of a wb.DataSet. [default: one that suits]",
)
@click.option("--out", default="advice", show_default=True, type=click.Path(file_okay=False))
@click.option("--seed", default=0, show_default=True, help="Of every random stream.")
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    default=os.cpu_count() or 1,
    show_default="one per core",
    help="Trainings at once; 0 runs them in this process.",
)
def advise(
    data: Path, label: str, trusted: str | None, id_: str | None, group: str | None,
    test: str | None, weighters: tuple[str, ...], network: str | None, out: str, seed: int,
    workers: int,
) -> None:  # fmt: skip
    """Say whether weighting is worth it on DATA, with which method, and which labels look wrong.

    DATA is a CSV, Parquet or npz file, or a folder of images in a folder for each class. The
    answer, a page, suspects.csv and a trained network go to --out. What was trained is kept there:
    after Ctrl-C the same command goes on.
    """
    from weightbench.evaluation import PRELOAD
    from weightbench.execution import warm_up

    if workers:
        warm_up(PRELOAD)
    from rich.console import Console

    from weightbench.advice.advising import advise as advice_on
    from weightbench.registry import load_from_file
    from weightbench.report.progress import progress_bar

    console = Console(stderr=True)
    try:
        with progress_bar(console) as bar:
            bar.disable = not console.is_terminal
            found = advice_on(
                data,
                label=label,
                trusted=trusted,
                id=id_,
                group=group,
                test=test,
                weighters=weighters,
                network=load_from_file(network) if network else None,
                out=out,
                seed=seed,
                workers=workers,
                watch=_Watch(bar),
            )
    except KeyboardInterrupt:
        say("", err=True)
        say("stopped; finished trainings are kept, the same command goes on", err=True)
        sys.exit(INTERRUPTED)
    for name, reason in found.fitted.failed.items():
        say(f"left out: {name}: {reason}", err=True)
    first = min(500, len(found.suspects))
    share = found.suspects["score"].head(first).mean() if first else 0
    say(f"about {share:.0%} of the first {first:,} suspects are wrong ({out}/suspects.csv)")
    say(f"more in {out}/report.html; the network and how to use it in {out}/model")
