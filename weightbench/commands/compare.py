"""``weightbench compare``: two weighters, seed by seed."""

from __future__ import annotations

import click

from weightbench.commands.output import say_left_out, wide_console
from weightbench.registry.metrics import METRICS


@click.command()
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@click.argument("runs", type=click.Path(file_okay=False), default="runs")
@click.option(
    "--metric", type=click.Choice(list(METRICS)), metavar="METRIC",
    help=f"Compare by this: {', '.join(METRICS)}; docs/leaderboard.md says what each is. "
    "[default: each task's own]",
)  # fmt: skip
def compare(one: str, other: str, runs: str, metric: str | None) -> None:
    """Print the paired difference of weighters A and B on every task under RUNS.

    Each with its 95 % interval, the p value of the paired t test over seeds that the interval
    belongs to, the number of shared seeds, and a verdict: A or B is better, = they cannot be told
    apart, ? there are too few seeds to tell.
    """
    from weightbench import scoring
    from weightbench.evaluation.data_today import data_today
    from weightbench.records.store import Store
    from weightbench.report.versus import print_comparison

    records, damaged = Store(runs).records()
    say_left_out(damaged)
    data = data_today(record.trial.task for record in records)
    comparison = scoring.compare(records, one, other, scoring.published_anchors(), data, metric)
    print_comparison(comparison, wide_console())
