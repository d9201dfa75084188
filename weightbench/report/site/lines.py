"""The rows of a board: who, how good on each task and over all, at what cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from weightbench.registry import LOWER_ANCHOR, SUBJECT, UPPER_ANCHOR
from weightbench.registry.metrics import METRICS
from weightbench.registry.tracks import TRACKS, Track
from weightbench.report.cells import badge_texts, is_best, is_worse, rows_of
from weightbench.report.looks import Look, look_of
from weightbench.report.site.axis import Mark, mark
from weightbench.report.site.columns import Column
from weightbench.report.site.index import PageIndex
from weightbench.report.site.numbers import DASH, brackets, fixed, ratio, score, score_brackets
from weightbench.scoring import Board, Cell, CostRatios, Row


@dataclasses.dataclass(frozen=True)
class Dot:
    """A weighter on a task.

    Attributes:
        text: its score; a reason where it has none.
        mark: where it lies on the axis of skill; None where the task gives none.
        kind: ``best`` or ``level`` with the best of the column, ``worse`` than plain training
            beyond chance, or empty.
        value: what the column is sorted by, the higher the better; empty where there is none.
        interval: of the score, for where it is not drawn.
        failed: how many of its trials.
        said: all of it in words, for whoever cannot see.
    """

    text: str
    mark: Mark | None
    kind: str
    value: str
    interval: str
    failed: int
    said: str


@dataclasses.dataclass(frozen=True)
class Line:
    """A row of a board; ``bar`` is its cost in per cent of the board's highest.

    ``coloured`` says whether it has its colour from the start; others get theirs when picked.
    """

    id: str
    number: int
    name: str
    look: Look
    coloured: bool
    track: Track | None
    needs: str
    place: str
    privileged: bool
    ranked: bool
    coverage: str
    skill: str
    interval: str
    mark: Mark | None
    value: str
    dots: tuple[Dot, ...]
    flops: str
    flops_value: str
    bar: float
    time: str
    time_said: str
    failures: int
    badge: str


def lines(board: Board, id: str, columns: Sequence[Column], index: PageIndex) -> list[Line]:
    """All rows: those with a place or nearly so by rank, the privileged as reference at the end."""
    order = rows_of(board)
    dearest = max((row.cost.flops for row in order if row.cost and row.cost.flops), default=1.0)
    return [_line(row, board, id, columns, index, dearest) for row in order]


def _line(
    row: Row, board: Board, id: str, columns: Sequence[Column], index: PageIndex, dearest: float
) -> Line:
    skill, number = row.skill, index.weighters[row.weighter]
    flops = row.cost.flops if row.cost else None
    covered, of = board.covered(row), len(board.anchors)
    return Line(
        id=f"{id}-{number}",
        number=number,
        name=row.weighter,
        look=look_of(row.weighter),
        coloured=is_coloured(row.weighter),
        track=row.track,
        needs=needs(row),
        place=row.place.replace("-", DASH),
        privileged=row.privileged,
        ranked=row.rank is not None,
        coverage="" if board.is_complete(row) else f"{covered} of {of} tasks",
        skill=fixed(skill.mean, 2) if skill else "",
        interval=brackets(skill, 2) if skill else "",
        mark=mark(skill) if skill else None,
        value=f"{skill.mean:.5g}" if skill else "",
        dots=tuple(_dot(row, column, board) for column in columns),
        flops=ratio(flops),
        flops_value=f"{flops:.5g}" if flops is not None else "",
        bar=round(100 * flops / dearest, 1) if flops is not None else 0.0,
        time=ratio(row.cost.time) if row.cost and row.cost.time_known else DASH,
        time_said=_time_said(row.cost),
        failures=row.failures,
        badge="".join(badge_texts(row, board)),
    )


def is_coloured(weighter: str) -> bool:
    """Whether it is an anchor, or the method that all are held against, or a form of it."""
    known = (LOWER_ANCHOR, UPPER_ANCHOR)
    return weighter in known or look_of(weighter).colour == look_of(SUBJECT).colour


def needs(row: Row) -> str:
    """What it must be given beside noisy labels, in words."""
    if row.privileged:
        return "knows the truth: a reference, not ranked"
    if row.track is None:
        return ""
    return TRACKS[row.track] if row.track == "A" else f"needs {TRACKS[row.track]}"


def _time_said(cost: CostRatios | None) -> str:
    if cost is None:
        return "not measured"
    if not cost.time_known:
        return "time is not known to a fifth: the machine was busy, or steps differ"
    return (
        f"time {ratio(cost.time)} of plain training's, {cost.time_low:.2g} to {cost.time_high:.2g}"
    )


def _dot(row: Row, column: Column, board: Board) -> Dot:
    cell = row.cells.get(column.task)
    if cell is None:
        return Dot(DASH, None, "", "", "", 0, f"{row.weighter} was not run on {column.words}")
    text, kind = score(cell.score.mean, cell.metric), kind_of(row, column.task, board)
    where = f"{column.words}, {column.detail}" if column.detail else column.words
    said = [f"{text} {score_brackets(cell.score, cell.metric)}".strip()]
    said[0] += f": {row.weighter} on {where}"
    if cell.skill:
        said.append(f"skill {fixed(cell.skill.mean, 2)} {brackets(cell.skill, 2)}".strip())
    said += [_KINDS[kind]] if kind else []
    said += [f"{cell.failures} failed"] if cell.failures else []
    higher = -1 if lower_is_better(cell) else 1
    return Dot(
        text,
        mark(cell.skill) if cell.skill else None,
        kind,
        f"{higher * cell.score.mean:.5g}",
        score_brackets(cell.score, cell.metric),
        cell.failures,
        ", ".join(said),
    )


_KINDS: Mapping[str, str] = {
    "best": "best of this task",
    "level": "level with the best of this task",
    "worse": "worse than plain training",
}


def kind_of(row: Row, task: str, board: Board) -> str:
    """How a cell stands out in its column."""
    if is_best(row, task, board):
        return "best" if row.weighter == board.leaders[task][0] else "level"
    return "worse" if is_worse(row.cells.get(task)) else ""


def lower_is_better(cell: Cell) -> bool:
    """Whether less of the cell's metric is better."""
    return cell.metric in METRICS and not METRICS[cell.metric].higher
