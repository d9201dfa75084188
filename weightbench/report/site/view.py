"""What the page shows, as plain values: the template only lays them out."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup

from weightbench._version import __version__
from weightbench.registry.tracks import Track
from weightbench.report.cards import Card
from weightbench.report.cells import tracks_of
from weightbench.report.looks import look_of
from weightbench.report.site.columns import Column, columns
from weightbench.report.site.details import details
from weightbench.report.site.index import PageIndex
from weightbench.report.site.lines import Line, is_coloured, lines
from weightbench.report.site.numbers import DASH, proper
from weightbench.report.site.parts import TaskPart, WeighterPart, task_part, weighter_part
from weightbench.report.site.scatter import Point, Scatter, scatter
from weightbench.report.site.sweep import Sweep, sweep
from weightbench.report.sweeps import moving
from weightbench.report.titles import suite_title, task_title
from weightbench.scoring import Board
from weightbench.scoring.entries import Finding

_MANY = 8  # tasks, beyond which a table scrolls sideways


@dataclasses.dataclass(frozen=True)
class Said:
    """A finding, and the rows that it is about: the id and the name of each."""

    kind: str
    title: str
    text: str
    rows: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True)
class BoardPart:
    """A board: what follows from it, its table, its notes and its pictures."""

    id: str
    suite: str
    title: str
    about: str
    said: tuple[Said, ...]
    columns: tuple[Column, ...]
    wide: bool
    lines: tuple[Line, ...]
    metric: str
    one: str
    sweep: Sweep | None
    scatter: Scatter | None
    notes: tuple[str, ...]
    badges: bool
    failures: bool
    costs: bool
    skills: bool
    tracks: Mapping[Track, str]  # those there are, in words
    privileged: bool
    seeds: str


@dataclasses.dataclass(frozen=True)
class Page:
    """Everything on the page."""

    boards: tuple[BoardPart, ...]
    tasks: tuple[TaskPart, ...]
    weighters: tuple[WeighterPart, ...]
    environments: Sequence[tuple[str, ...]]
    details: Markup
    records: int
    newest: str
    version: str
    year: str


def page(boards: Sequence[Board], cards: Mapping[str, Card]) -> Page:
    """Prepare boards for the template; a task or weighter of several boards has one part."""
    index = PageIndex(boards, cards)
    return Page(
        boards=tuple(_board(i, board, index) for i, board in enumerate(boards)),
        tasks=tuple(task_part(name, index) for name in index.tasks),
        weighters=tuple(weighter_part(name, index) for name in index.weighters),
        environments=index.environments.described(),
        details=details(boards, index),
        records=index.count,
        newest=_day(index.newest),
        version=__version__,
        year=index.newest[:4],
    )


def _day(time: str) -> str:
    """The day of a time as records have it: ``30 November 2026``; empty where it is none."""
    try:
        day = datetime.datetime.fromisoformat(time[:10])
    except ValueError:
        return ""
    return f"{day.day} {day:%B} {day.year}"


def _board(i: int, board: Board, index: PageIndex) -> BoardPart:
    id, heads = f"board-{i}" if i else "board", columns(board, index)
    rows = lines(board, f"row-{i}", heads, index)
    seeds = sorted({cell.seeds for row in board.rows for cell in row.cells.values()})
    return BoardPart(
        id=id,
        suite=board.title,
        title=suite_title(board.title) if board.title else "Board",
        about=board.about,
        said=tuple(_said(finding, board, rows) for finding in board.findings),
        columns=heads,
        wide=len(heads) > _MANY,
        lines=tuple(rows),
        metric=_only(head.metric for head in heads) or "the metric of each task",
        one=_most(head.one for head in heads if head.one),
        sweep=_sweep(board, index),
        scatter=scatter(_points(board, index)),
        notes=tuple(_spoken(note, board) for note in board.notes),
        badges=bool(board.badges),
        failures=any(row.failures for row in board.rows),
        costs=any(row.cost for row in board.rows),
        skills=any(row.skill for row in board.rows),
        tracks=tracks_of(board),
        privileged=any(row.privileged for row in board.rows),
        seeds=DASH.join(map(str, dict.fromkeys([seeds[0], seeds[-1]]))) if seeds else "0",
    )


def _only(texts: Iterable[str]) -> str:
    """What all of them say; empty where they differ."""
    different = set(texts)
    return different.pop() if len(different) == 1 else ""


def _most(texts: Iterable[str]) -> str:
    """What most of them say; empty where there are none."""
    return next((text for text, _ in Counter(texts).most_common(1)), "")


def _said(finding: Finding, board: Board, rows: Sequence[Line]) -> Said:
    ids = {row.name: row.id for row in rows}
    linked = tuple((ids[name], name) for name in finding.weighters if name in ids)
    return Said(
        finding.kind, _spoken(finding.title, board), _spoken(finding.text, board), linked[:4]
    )


def _spoken(text: str, board: Board) -> str:
    """A sentence with tasks in plain words, and with proper signs."""
    for task in sorted(board.tasks, key=len, reverse=True):
        words = _called(task, board)
        text = words.join(re.split(rf"(?<![\w/-]){re.escape(task)}(?![\w\[-])", text))
    return proper(text)


def _called(task: str, board: Board) -> str:
    """A task inside a sentence, with no more detail than tells it from others of the board."""
    heading, detail = task_title(task)
    if heading == task:
        return task
    alike = [other for one, other in map(task_title, board.tasks) if one == heading]
    shared = set.intersection(*(set(other.split(", ")) for other in alike))
    own = ", ".join(part for part in detail.split(", ") if part not in shared)
    words = f"{heading[:1].lower()}{heading[1:]}"
    return f"{words} ({own})" if own else words


def _sweep(board: Board, index: PageIndex) -> Sweep | None:
    """Where every task of the board is known here, and one number tells them apart."""
    if not all(task in index.cards for task in board.tasks):
        return None
    swept = moving({task: index.cards[task].parameters for task in board.tasks})
    return sweep(board.rows, swept, is_coloured, index) if swept else None


def _points(board: Board, index: PageIndex) -> list[Point]:
    """Weighters whose skill is over all tasks, so that they can be compared."""
    return [
        Point(
            index.weighters[row.weighter],
            row.weighter,
            row.cost.flops,
            row.skill,
            look_of(row.weighter),
            is_coloured(row.weighter),
        )
        for row in board.rows
        if row.cost and row.cost.flops and row.skill
        and not row.privileged and board.is_complete(row)
    ]  # fmt: skip
