"""``weightbench submit``: from records to a folder for the leaderboard."""

from __future__ import annotations

from pathlib import Path

import click

from weightbench.commands.output import say


@click.command()
@click.argument("weighter")
@click.argument("runs", type=click.Path(file_okay=False), default="runs")
@click.option("--name", required=True, help="Of the submission: lower-case words and hyphens.")
@click.option("--contact", required=True, help="Where questions about it go.")
@click.option("--paper", required=True, help="https address of a description of the method.")
@click.option("--code", required=True, help="https address of its code.")
@click.option("--suite", default="quick", show_default=True, help="What was run.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), show_default=True,
    default=Path("leaderboard", "submissions"), help="The folder of submissions.",
)  # fmt: skip
def submit(
    weighter: str, runs: str, name: str, contact: str, paper: str, code: str, suite: str, out: Path
) -> None:
    """Write a submission of WEIGHTER (my.py:Mine) from the records under RUNS.

    The weighter is checked, and every trial of the suite must be there; then one folder of data is
    written: a manifest, records, predictions and the weighter's source as text. See docs/submit.md.
    """
    from weightbench.evaluation import PRELOAD
    from weightbench.execution import warm_up

    warm_up(PRELOAD)
    from weightbench.records.store import Store
    from weightbench.submission.bundling import About, bundle

    about = About(name, contact, paper, code)
    folder = bundle(weighter, Store(runs), about, suite, out)
    for line in (f"wrote {folder}", "next:", f"  weightbench verify {out / name} --rerun 6"):
        say(line)
