"""``weightbench suspects``: which training rows counted least in finished runs."""

from __future__ import annotations

from pathlib import Path

import click

from weightbench.commands.output import say


@click.command()
@click.argument("runs", type=click.Path(file_okay=False), default="runs")
@click.option("--task", help="Of this task. [default: the one there is]")
@click.option("--weighter", help="By this weighter. [default: the one whose weights differ]")
@click.option(
    "--out",
    default="suspects.csv",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the rows go, the least weighty first.",
)
def suspects(runs: str, task: str | None, weighter: str | None, out: Path) -> None:
    """Write the training rows under RUNS that counted least, by the weights kept with records.

    For rows of your own, `weightbench advise` tells wrong labels far better.
    """
    from weightbench.advice.by_weight import by_weight
    from weightbench.files import write_text
    from weightbench.records.store import Store
    from weightbench.texts import csv_cell

    table = by_weight(Store(runs), task, weighter)
    table["id"] = [csv_cell(value) for value in table["id"]]
    table["weight"] = table["weight"].round(4)
    write_text(out, table.to_csv(index=False, lineterminator="\n"))
    say(f"{len(table):,} rows, those that counted least first: {out}")
