"""``weightbench leaderboard``: the board of a folder, in one of several forms."""

from __future__ import annotations

import dataclasses
import gc
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from weightbench.records.schema import Cost, Record
    from weightbench.records.store import Store
    from weightbench.registry import Suite
    from weightbench.scoring import Board
    from weightbench.submission import Badge, Told

FORMATS = ("table", "markdown", "html", "csv", "json")
BADGES = ("self-reported", "re-scored", "reproduced")


@click.command()
@click.argument("runs", type=click.Path(file_okay=False), default="runs")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True,
    help="html is one page that needs no network; csv and json are for programs.",
)  # fmt: skip
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file. Markdown goes between the markers of a file that has them.",
)
@click.option(
    "--only", type=click.Choice(BADGES), default="self-reported", show_default=True,
    help="Leave out submissions with a lesser badge.",
)  # fmt: skip
@click.option(
    "--suite", "suites", multiple=True,
    help="A board of this suite's tasks; repeatable. [default: one board of all tasks]",
)  # fmt: skip
def leaderboard(runs: str, form: str, out: Path | None, only: Badge, suites: Sequence[str]) -> None:
    """Print the leaderboard of the records under RUNS, and of the submissions in RUNS/submissions.

    The board of a suite shows the suite's weighters, and whoever else ran on all of its tasks. Rows
    that are nobody's submission are shown whatever --only says.
    """
    from weightbench.records.store import Store
    from weightbench.registry import SUITES

    chosen = {name: SUITES.get(name) for name in suites}
    loaded = load(Store(runs), only)
    boards = [loaded.of_suite(name, suite) for name, suite in chosen.items()] or [loaded.board()]
    if form == "table" and out is None:
        _print(boards)
    else:
        _put(_written(boards, form, loaded.told), form, out)
    sys.exit(0 if loaded.whole else 1)


@dataclasses.dataclass(frozen=True)
class Loaded:
    """What boards are made from, and whether all files hold."""

    records: Sequence[Record]
    costs: Sequence[Cost]
    badges: Mapping[str, str]
    told: Mapping[str, Told]
    whole: bool

    def board(self, tasks: Sequence[str] | None = None) -> Board:
        """Of these tasks, in their order; of all where not given."""
        return self._scored(self.records, tasks)

    def of_suite(self, name: str, suite: Suite) -> Board:
        """Of the tasks of a suite: its weighters, and others that ran on every one of them."""
        from weightbench.training.task import make_task
        from weightbench.training.weighter import make_weighter, spec_of

        tasks = [make_task(task).name for task in suite.tasks]
        members = {str(spec_of(make_weighter(weighter))) for weighter in suite.weighters}
        ran: dict[str, set[str]] = defaultdict(set)
        for record in self.records:
            ran[record.trial.weighter].add(record.trial.task)
        shown = {w for w in ran if w in members or ran[w].issuperset(tasks)}
        kept = [r for r in self.records if r.trial.weighter in shown and r.trial.task in tasks]
        return dataclasses.replace(self._scored(kept, tasks), title=name, about=suite.about)

    def _scored(self, records: Sequence[Record], tasks: Sequence[str] | None) -> Board:
        from weightbench.scoring import board, published_anchors

        scored = board(records, self.costs, tasks, published_anchors())
        shown = {row.weighter for row in scored.rows}
        badges = {weighter: badge for weighter, badge in self.badges.items() if weighter in shown}
        notes = [*scored.notes, *["costs of submissions are as submitted"] * bool(badges)]
        return dataclasses.replace(scored, badges=badges, notes=tuple(notes))


def load(store: Store, only: Badge = "self-reported") -> Loaded:
    """The records and costs of a store and of its submissions; damaged ones are named on stderr.

    Raises:
        StoreError: there is no such folder, or nothing in it.
    """
    from weightbench.errors import StoreError
    from weightbench.submission import published

    records, damaged = store.records()
    costs, damaged_costs = store.costs()
    submitted = published(store.root / "submissions", only)
    gc.freeze()  # records stay to the end: looking for garbage among many costs seconds
    broken = [*map(str, damaged + damaged_costs), *submitted.damaged]
    for damage in broken:
        click.echo(f"damaged, left out: {damage}", err=True)
    records = [*records, *submitted.records]
    if not records and not broken:
        raise StoreError(f"there are no records at {store.root}: weightbench evaluate makes some")
    return Loaded(records, [*costs, *submitted.costs], submitted.badges, submitted.told, not broken)


def show(store: Store, tasks: Sequence[str] | None = None) -> None:
    """Print the board of a store to the terminal."""
    _print([load(store).board(tasks)])


def _print(boards: Sequence[Board]) -> None:
    from rich.console import Console

    from weightbench.report.terminal import print_boards

    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, 160)  # a pipe has no width to fit
    print_boards(boards, console)


def _written(boards: Sequence[Board], form: str, told: Mapping[str, Told]) -> str:
    if form == "html":
        from weightbench.report.cards import Card, cards_of
        from weightbench.report.site import render

        tasks = [task for board in boards for task in board.tasks]
        weighters = [row.weighter for board in boards for row in board.rows]
        submitted = {w: Card(w, one.rule, one.facts) for w, one in told.items()}
        return render(boards, cards_of(tasks, weighters) | submitted)
    from weightbench.report import export

    writers = {
        "table": export.to_text, "markdown": export.to_markdown,
        "csv": export.to_csv, "json": export.to_json,
    }  # fmt: skip
    return writers[form](boards)


def _put(text: str, form: str, out: Path | None) -> None:
    from weightbench.files import write_text
    from weightbench.report.export import between_markers

    if out is None:
        click.echo(text, nl=False)
        return
    if form == "markdown" and out.exists():
        text = between_markers(out.read_text(encoding="utf-8"), text)
    write_text(out, text)
