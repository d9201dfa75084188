"""``weightbench leaderboard``: the board of a folder, in one of several forms."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightbench.commands.output import say, say_left_out, wide_console
from weightbench.registry.metrics import METRICS
from weightbench.registry.tracks import TRACKS, Track
from weightbench.submission.badges import BADGES, Badge

if TYPE_CHECKING:
    from weightbench.scoring import Board
    from weightbench.submission.published import AuthorText

Texts = Mapping[str, "AuthorText"]

_GIVEN = "; ".join(f"{track} {words}" for track, words in TRACKS.items())


def _table(boards: Sequence[Board], *_: object) -> str:
    from weightbench.report.terminal import to_text

    return to_text(boards)


def _markdown(boards: Sequence[Board], *_: object) -> str:
    from weightbench.report.export import to_markdown

    return to_markdown(boards)


def _html(boards: Sequence[Board], texts: Texts, runs: str, out: Path | None) -> str:
    from weightbench.report.cards import Card, cards_of
    from weightbench.report.site import Beside, render

    tasks = [task for board in boards for task in board.tasks]
    weighters = [row.weighter for board in boards for row in board.rows]
    submitted = {w: Card(w, text.rule, text.facts) for w, text in texts.items()}
    return render(boards, cards_of(tasks, weighters) | submitted, Beside.of(out, Path(runs)))


def _csv(boards: Sequence[Board], *_: object) -> str:
    from weightbench.report.export import to_csv

    return to_csv(boards)


def _json(boards: Sequence[Board], *_: object) -> str:
    from weightbench.report.export import to_json

    return to_json(boards)


FORMATS: dict[str, Callable[[Sequence[Board], Texts, str, Path | None], str]] = {
    "table": _table,
    "markdown": _markdown,
    "html": _html,
    "csv": _csv,
    "json": _json,
}


@click.command()
@click.argument("runs", type=click.Path(file_okay=False), default="runs")
@click.option(
    "--format", "form", type=click.Choice(list(FORMATS)), default="table", show_default=True,
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
    help="A board of this suite's tasks; repeatable. [default: each suite that was run]",
)  # fmt: skip
@click.option(
    "--track", "tracks", type=click.Choice(list(TRACKS)), multiple=True,
    help=f"Weighters of this track alone; repeatable. Given beside noisy labels: {_GIVEN}.",
)  # fmt: skip
@click.option(
    "--metric", type=click.Choice(list(METRICS)), metavar="METRIC",
    help=f"Score by this: {', '.join(METRICS)}; docs/leaderboard.md says what each is. "
    "[default: each task's own]",
)  # fmt: skip
def leaderboard(
    runs: str, form: str, out: Path | None, only: Badge, suites: Sequence[str],
    tracks: Sequence[Track], metric: str | None,
) -> None:  # fmt: skip
    """Print the leaderboard of a folder of records.

    The records are those under RUNS, and of the submissions in RUNS/submissions. Where they are of
    several suites, there is a board for each. The board of a suite shows the suite's weighters, and
    whoever else ran on all of its tasks. Rows that are nobody's submission are shown whatever
    --only says.
    """
    from weightbench.records.store import Store
    from weightbench.registry import SUITES
    from weightbench.submission.boards import load

    chosen = {name: SUITES.get(name) for name in suites}
    loaded = load(Store(runs), only)
    if tracks:
        loaded = loaded.of_tracks(tracks)
    loaded = dataclasses.replace(loaded, metric=metric)
    say_left_out(loaded.damaged)
    boards = [loaded.of_suite(name, suite) for name, suite in chosen.items()] or loaded.by_suite()
    if len(boards) > 1 and not chosen:
        say(
            "note: the records are of several suites, so there is a board for each; "
            "--suite NAME prints one",
            err=True,
        )
    if form == "table" and out is None:
        from weightbench.report.terminal import print_boards

        print_boards(boards, wide_console())
    else:
        _put(FORMATS[form](boards, loaded.texts, runs, out), form, out)
    sys.exit(1 if loaded.damaged else 0)


def _put(text: str, form: str, out: Path | None) -> None:
    from weightbench.files import write_text
    from weightbench.report.export import between_markers

    if out is None:
        click.echo(text, nl=False)
        return
    if form == "markdown" and out.is_file():
        text = between_markers(out.read_text(encoding="utf-8"), text)
    write_text(out, text)
