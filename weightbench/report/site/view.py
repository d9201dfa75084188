"""What the page shows, as plain values: the template only lays them out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from weightbench.registry.tracks import Track
from weightbench.report.cards import Card
from weightbench.report.cells import badge_texts, cost_texts, tracks_of
from weightbench.report.site.index import PageIndex
from weightbench.report.site.parts import TaskPart, WeighterPart, task_part, weighter_part
from weightbench.report.site.pictures import Scatter, scatter
from weightbench.report.site.sweep import Sweep, sweep
from weightbench.report.sweeps import moving
from weightbench.scoring import Board, Cell, Interval, Row

_LOWEST, _HIGHEST = -0.5, 1.5  # of the axis of skill; what lies beyond is drawn at its end


@dataclasses.dataclass(frozen=True)
class Bar:
    """An interval on the common axis of skill; all in percent of its width."""

    low: float
    width: float
    mean: float


class Axis:
    """The common axis of a board's skills; ``zero`` and ``one`` in percent of its width."""

    def __init__(self, skills: Sequence[Interval]) -> None:
        self._low = max(min([0.0, *(skill.low for skill in skills)]), _LOWEST)
        self._high = min(max([1.0, *(skill.high for skill in skills)]), _HIGHEST)
        self.zero, self.one = self._at(0), self._at(1)

    def _at(self, value: float) -> float:
        share = (value - self._low) / (self._high - self._low)
        return round(100 * min(max(share, 0.0), 1.0), 1)

    def bar(self, skill: Interval) -> Bar:
        """Where an interval lies on it."""
        left, right = self._at(skill.low), self._at(skill.high)
        return Bar(left, round(max(right - left, 0.5), 1), self._at(skill.mean))


@dataclasses.dataclass(frozen=True)
class Line:
    """A row of a board."""

    id: str
    name: str
    link: str
    track: Track | None
    place: str
    rank: int
    ties: str
    privileged: bool
    skill: Interval | None
    bar: Bar | None
    coverage: str
    cells: tuple[tuple[Cell | None, float], ...]  # with how much of the skill is there, 0 to 1
    costs: tuple[str, ...]
    failures: int
    badge: str


@dataclasses.dataclass(frozen=True)
class BoardPart:
    """A board: its table, its notes and its pictures."""

    id: str
    title: str
    about: str
    tasks: tuple[tuple[str, str], ...]  # name, link
    lines: tuple[Line, ...]
    axis: Axis
    sweep: Sweep | None
    scatter: Scatter | None
    unlabelled: int
    notes: tuple[str, ...]
    badges: bool
    failures: bool
    tracks: Mapping[Track, str]  # those there are, in words


@dataclasses.dataclass(frozen=True)
class Page:
    """Everything on the page."""

    boards: tuple[BoardPart, ...]
    tasks: tuple[TaskPart, ...]
    weighters: tuple[WeighterPart, ...]
    environments: tuple[tuple[str, ...], ...]
    records: int


def page(boards: Sequence[Board], cards: Mapping[str, Card]) -> Page:
    """Prepare boards for the template; a task or weighter of several boards has one part."""
    index = PageIndex(boards, cards)
    return Page(
        boards=tuple(_board(i, board, index) for i, board in enumerate(boards)),
        tasks=tuple(task_part(name, index) for name in index.tasks),
        weighters=tuple(weighter_part(name, index) for name in index.weighters),
        environments=index.environments.described(),  # those that the weighters' parts name
        records=index.count,
    )


def _board(i: int, board: Board, index: PageIndex) -> BoardPart:
    axis = Axis([row.skill for row in board.rows if row.skill])
    ids = {row.weighter: f"row-{i}-{j}" for j, row in enumerate(board.rows)}
    picture = scatter(_points(board))
    return BoardPart(
        id=f"board-{i}" if i else "board",
        title=board.title or "Board",
        about=board.about,
        tasks=tuple((task, index.tasks[task]) for task in board.tasks),
        lines=tuple(_line(row, board, axis, ids, index) for row in board.rows),
        axis=axis,
        sweep=_sweep(board, index.cards),
        scatter=picture,
        unlabelled=sum(not dot.label for dot in picture.dots) if picture else 0,
        notes=board.notes,
        badges=bool(board.badges),
        failures=any(row.failures for row in board.rows),
        tracks=tracks_of(board),
    )


def _sweep(board: Board, cards: Mapping[str, Card]) -> Sweep | None:
    """Where every task of the board is known here, and one number tells them apart."""
    if not all(task in cards for task in board.tasks):
        return None
    swept = moving({task: cards[task].parameters for task in board.tasks})
    return sweep(board.rows, swept) if swept else None


def _points(board: Board) -> list[tuple[str, float, float, float, float]]:
    """Weighters whose skill is over all tasks, so that they can be compared."""
    return [
        (row.weighter, row.cost.time, row.skill.mean, row.skill.low, row.skill.high)
        for row in board.rows
        if row.cost and row.skill and not row.privileged and board.is_complete(row)
    ]


def _line(row: Row, board: Board, axis: Axis, ids: Mapping[str, str], index: PageIndex) -> Line:
    return Line(
        id=ids[row.weighter],
        name=row.weighter,
        link=index.weighters[row.weighter],
        track=row.track,
        place=row.place.replace("-", "\N{EN DASH}"),
        rank=len(board.rows) + 1 if row.rank is None else row.rank,
        ties=" ".join(ids[other] for other in row.ties if other in ids),
        privileged=row.privileged,
        skill=row.skill,
        bar=axis.bar(row.skill) if row.skill else None,
        coverage=""
        if board.is_complete(row)
        else f"{board.covered(row)} of {len(board.anchors)} tasks",
        cells=tuple((cell, _depth(cell)) for cell in map(row.cells.get, board.tasks)),
        costs=tuple(cost_texts(row)),
        failures=row.failures,
        badge="".join(badge_texts(row, board)),
    )


def _depth(cell: Cell | None) -> float:
    return round(min(max(cell.skill.mean, 0.0), 1.0), 2) if cell and cell.skill else 0.0
