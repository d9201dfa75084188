"""``weightbench merge``: the records of several machines in one folder."""

from __future__ import annotations

from collections.abc import Sequence

import click

from weightbench.commands.output import say


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(file_okay=False))
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False),
    help="The folder to bring them to; what it holds already stays and is compared too.",
)
def merge(runs: Sequence[str], out: str) -> None:
    """Bring the records under all RUNS into one folder, with predictions, weights and costs.

    Where a folder has a failure and another a result of the same trial, the result counts. Damaged
    files, results that differ in anything but times and machines, and folders that hold something
    else are refused: then nothing is written.
    """
    from weightbench.records.merge import merge as merged
    from weightbench.records.store import Store

    done = merged([Store(folder) for folder in runs], Store(out))
    say(
        f"{done.records_added} records and {done.costs_added} costs added; "
        f"{out} has {done.records} records"
    )
    for doubt in done.doubtful:
        say(f"note: the first cost was taken, for {doubt}: other operations", err=True)
