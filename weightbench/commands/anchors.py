"""``weightbench anchors``: freeze what skill is measured between."""

from __future__ import annotations

from pathlib import Path

import click

from weightbench.commands.output import say


@click.command()
@click.argument("runs", type=click.Path(file_okay=False), default="runs")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), required=True,
    help="The anchors file; that of the published board is leaderboard/anchors.json.",
)  # fmt: skip
def anchors(runs: str, out: Path) -> None:
    """Freeze the anchors of the tasks under RUNS.

    A task is admitted when uniform and oracle are at least 3 points and 5 standard errors apart and
    training on the hold-out alone does not close half of that; the others are named, and count for
    no skill.
    """
    from weightbench.errors import RecordError
    from weightbench.files import write_text
    from weightbench.records.store import Store
    from weightbench.scoring import freeze

    records, damaged = Store(runs).records()
    if damaged:
        raise RecordError(f"anchors are made where every record can be read: {damaged[0]}")
    text, refused = freeze(records)
    for line in refused:
        say(line, err=True)
    write_text(out, text)
