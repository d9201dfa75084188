"""``weightbench doctor``: is everything in a folder of records what it should be?"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from weightbench.commands.output import say

if TYPE_CHECKING:
    from weightbench.records.schema import Record


@click.command()
@click.argument("runs", type=click.Path(file_okay=False), default="runs")
@click.option(
    "--repair",
    is_flag=True,
    help="Move damaged files to RUNS/damaged and delete halves that dead writers left behind.",
)
def doctor(runs: str, repair: bool) -> None:
    """Read every file under RUNS and compare it with its checksums.

    A trial whose record is set aside is missing, so the evaluation that made it runs it again. A
    folder that is none of records is refused; in one that is, files of other names are not touched.
    """
    from weightbench.records.store import Store

    store = Store(runs)
    found, leftovers = store.audit(), store.leftovers()
    damaged = [damage for damage in found if not damage.newer]
    newer = [damage for damage in found if damage.newer]
    for damage in damaged:
        say(f"damaged: {damage}")
    for damage in newer:
        say(f"left where it is: {damage}")
    for path in leftovers:
        say(f"left over: {path}")
    if repair:
        for damage in damaged:
            say(f"set aside: {store.set_aside(damage)}")
        for path in leftovers:
            store.clear(path)
    records, _ = store.records()
    for line in _of_other_data(records):
        say(line)
    unread = f", {len(newer)} were made by a newer version of weightbench" if newer else ""
    say(
        f"{len(records)} records hold, {len(damaged)} files are damaged, "
        f"{len(leftovers)} are left over{unread}"
    )
    sys.exit(1 if newer or ((damaged or leftovers) and not repair) else 0)


def _of_other_data(records: Sequence[Record]) -> Iterator[str]:
    """How many records were made with data that their task no longer has; boards leave them out."""
    from weightbench.evaluation.data_today import data_today

    today = data_today(record.trial.task for record in records)
    made = [(r.trial.task, r.training.checksums.get("data")) for r in records if r.training]
    others = Counter(task for task, data in made if data and today.get(task, data) != data)
    for task, number in sorted(others.items()):
        yield f"other data: {number} records of {task} were made with other data than today's"
