"""``weightbench leaderboard``: the board of a folder, in one of several forms."""

from __future__ import annotations

import dataclasses
import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from weightbench.scoring import Board
    from weightbench.store import Store
    from weightbench.submission import Badge

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
def leaderboard(runs: str, form: str, out: Path | None, only: Badge) -> None:
    """Print the leaderboard of the records under RUNS, and of the submissions in RUNS/submissions.

    Rows that are nobody's submission are always shown.
    """
    from weightbench.store import Store

    store = Store(runs)
    if form == "table" and out is None:
        whole = show(store, only=only)
    else:
        board, whole = load(store, only=only)
        _put(_written(board, form), form, out)
    sys.exit(0 if whole else 1)


def load(
    store: Store, tasks: Sequence[str] | None = None, only: Badge = "self-reported"
) -> tuple[Board, bool]:
    """The board of a store with its submissions, and whether all its files hold.

    Damaged ones are named on stderr.

    Raises:
        StoreError: there is no such folder, or nothing in it.
    """
    from weightbench.errors import StoreError
    from weightbench.scoring import board, published_anchors
    from weightbench.submission import published

    records, damaged = store.records()
    costs, damaged_costs = store.costs()
    submitted = published(store.root / "submissions", only)
    gc.freeze()  # records stay to the end: looking for garbage among many costs seconds
    broken = [*map(str, damaged + damaged_costs), *submitted.damaged]
    for damage in broken:
        click.echo(f"damaged, left out: {damage}", err=True)
    records += submitted.records
    if not records and not broken:
        raise StoreError(f"there are no records at {store.root}: weightbench evaluate makes some")
    scored = board(records, [*costs, *submitted.costs], tasks, published_anchors())
    return dataclasses.replace(scored, badges=submitted.badges), not broken


def show(store: Store, tasks: Sequence[str] | None = None, only: Badge = "self-reported") -> bool:
    """Print the board of a store to the terminal; whether all its files hold."""
    from rich.console import Console

    from weightbench.report import print_board

    board, whole = load(store, tasks, only)
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, 160)  # a pipe has no width to fit
    print_board(board, console)
    return whole


def _written(board: Board, form: str) -> str:
    if form == "html":
        from weightbench.cards import cards_of
        from weightbench.site import render

        return render(board, cards_of(board.tasks, [row.weighter for row in board.rows]))
    from weightbench import export

    if form == "table":
        return export.to_text(board)
    writers = {"markdown": export.to_markdown, "csv": export.to_csv, "json": export.to_json}
    return writers[form](board)


def _put(text: str, form: str, out: Path | None) -> None:
    from weightbench.export import between_markers
    from weightbench.files import write_text

    if out is None:
        click.echo(text, nl=False)
        return
    if form == "markdown" and out.exists():
        text = between_markers(out.read_text(encoding="utf-8"), text)
    write_text(out, text)
