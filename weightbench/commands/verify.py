"""``weightbench verify``: is a submission true?"""

from __future__ import annotations

import os
from pathlib import Path

import click

from weightbench.commands.output import say


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--rerun", type=click.IntRange(min=0), default=0, metavar="K",
    help="Train K trials again. This runs the contributor's code: do it where that is safe.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(min=1), default=os.cpu_count() or 1,
    show_default="one per core", help="Trials trained again at once.",
)  # fmt: skip
@click.option(
    "--time-limit", type=click.FloatRange(min=0, min_open=True), default=3600.0,
    show_default=True, help="Seconds a trial may take.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path),
    help="The evidence file. [default: FOLDER.evidence.json]",
)  # fmt: skip
def verify(folder: Path, rerun: int, workers: int, time_limit: float, out: Path | None) -> None:
    """Check the submission in FOLDER and score it again from its predictions.

    The badge is self-reported where a data set is not at hand, re-scored where every number was
    computed again, reproduced where K trials were trained again too. Evidence goes to a file; where
    anything is wrong, one line says what, and nothing is written.
    """
    from weightbench.execution import Limits, share_of_memory
    from weightbench.submission.published import in_words
    from weightbench.submission.verifying import verify as verified

    limits = Limits(workers, time_limit, share_of_memory(workers))
    evidence, path = verified(folder, rerun, limits, out)
    for note in evidence.notes:
        say(f"note: {note}")
    found = evidence.reproduction
    for one in found.reruns if found else []:
        same = "the same predictions" if one.identical else "other predictions"
        say(f"{one.task}, seed {one.seed}: {one.submitted:.4f}, again {one.again:.4f}, {same}")
    if found:
        say(in_words(found))
    say(f"{folder.name}: {evidence.badge}; evidence in {path}")
