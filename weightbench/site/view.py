"""What the page shows, as plain values: the template only lays them out."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from weightbench.cards import Card
from weightbench.export import badge_texts, cost_texts, plain, skill_text
from weightbench.records import Provenance, Record
from weightbench.scoring import Board, Cell, Interval, Row
from weightbench.site.pictures import Scatter, matrix_png, scatter


@dataclasses.dataclass(frozen=True)
class Bar:
    """An interval on a common axis; all in percent of its width."""

    low: float
    width: float
    mean: float


@dataclasses.dataclass(frozen=True)
class Line:
    """A row of the board."""

    name: str
    anchor: str
    section: str
    place: str
    rank: int
    privileged: bool
    skill: str
    skill_value: float | str
    bar: Bar | None
    accuracies: tuple[Cell | None, ...]
    costs: tuple[str, ...]
    failures: int
    badge: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Run:
    """A record behind a number."""

    seed: int
    accuracy: str
    key: str
    environment: int
    finished: str


@dataclasses.dataclass(frozen=True)
class Result:
    """A weighter on a task, and the records behind it; the last two are about its weights."""

    task: str
    link: str
    cell: Cell
    runs: tuple[Run, ...]
    separation: str
    effective: str


@dataclasses.dataclass(frozen=True)
class Failure:
    """A trial that gave no number."""

    task: str
    seed: int
    status: str
    reason: str


@dataclasses.dataclass(frozen=True)
class TaskPart:
    """A task: its card, its anchors and its own table."""

    name: str
    anchor: str
    about: str
    facts: Mapping[str, str]
    matrix: str
    matrix_words: str
    gap: str
    cells: tuple[tuple[str, str, Cell], ...]  # name, link, cell


@dataclasses.dataclass(frozen=True)
class WeighterPart:
    """A weighter: its card, its results with the records behind them, its failures."""

    name: str
    anchor: str
    about: str
    facts: Mapping[str, str]
    results: tuple[Result, ...]
    failures: tuple[Failure, ...]


@dataclasses.dataclass(frozen=True)
class Page:
    """Everything on the page."""

    tasks: tuple[TaskPart, ...]
    lines: tuple[Line, ...]
    weighters: tuple[WeighterPart, ...]
    scatter: Scatter | None
    notes: tuple[str, ...]
    environments: tuple[tuple[str, ...], ...]
    records: int
    badges: bool


def page(board: Board, cards: Mapping[str, Card]) -> Page:
    """Prepare a board for the template."""
    records: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in board.records:
        records[record.trial.task, record.trial.weighter].append(record)
    environments = _Environments()
    task_links = {task: f"task-{i}" for i, task in enumerate(board.tasks)}
    links = {row.weighter: f"weighter-{i}" for i, row in enumerate(board.rows)}
    weighters = [
        _weighter(row, cards.get(row.weighter), records, links, task_links, environments)
        for row in board.rows
    ]
    return Page(
        tasks=tuple(_task(board, task, cards.get(task), records, links) for task in board.tasks),
        lines=tuple(_lines(board, links)),
        weighters=tuple(weighters),
        scatter=scatter(_points(board.rows)),
        notes=board.notes,
        environments=environments.described(),
        records=len(board.records),
        badges=bool(board.badges),
    )


class _Environments:
    """Numbers the distinct circumstances under which records were made."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, ...], int] = {}
        self._seen: dict[int, int] = {}

    def number(self, made: Provenance) -> int:
        packages = ", ".join(f"{name} {version}" for name, version in made.packages.items())
        commit = (made.commit or "an installed package") + (" with changes" if made.dirty else "")
        described = (commit, made.machine, str(made.threads), packages)
        return self._numbers.setdefault(described, len(self._numbers) + 1)

    def described(self) -> tuple[tuple[str, ...], ...]:
        return tuple(self._numbers)


def _points(rows: Sequence[Row]) -> list[tuple[str, float, float, float, float]]:
    return [
        (plain(row.weighter), row.cost.time, row.skill.mean, row.skill.low, row.skill.high)
        for row in rows
        if row.cost and row.skill and not row.privileged
    ]


def _lines(board: Board, links: Mapping[str, str]) -> list[Line]:
    skills = [row.skill for row in board.rows if row.skill]
    low = min((skill.low for skill in skills), default=0.0)
    high = max((skill.high for skill in skills), default=1.0)
    last = len(board.rows) + 1
    return [
        Line(
            name=plain(row.weighter),
            anchor=links[row.weighter],
            section="clean" if row.used_holdout else "noisy",
            place=row.place,
            rank=last if row.rank is None else row.rank,
            privileged=row.privileged,
            skill=skill_text(row, board),
            skill_value=row.skill.mean if row.skill else "",
            bar=_bar(row.skill, low, high) if row.skill else None,
            accuracies=tuple(row.cells.get(task) for task in board.tasks),
            costs=tuple(cost_texts(row)),
            failures=row.failures,
            badge=tuple(badge_texts(row, board)),
        )
        for row in board.rows
    ]


def _bar(skill: Interval, low: float, high: float) -> Bar:
    span = max(high - low, 1e-9)
    left, right, middle = ((v - low) / span * 100 for v in (skill.low, skill.high, skill.mean))
    return Bar(round(left, 1), round(max(right - left, 0.5), 1), round(middle, 1))


def _task(
    board: Board,
    task: str,
    card: Card | None,
    records: Mapping[tuple[str, str], Sequence[Record]],
    links: Mapping[str, str],
) -> TaskPart:
    cells = [
        (plain(r.weighter), links[r.weighter], r.cells[task]) for r in board.rows if task in r.cells
    ]
    cells.sort(key=lambda entry: -entry[2].accuracy.mean)
    facts = dict(card.facts) if card else _facts(records, task)
    noise = [
        r.training.realised_noise
        for (t, _), group in records.items()
        if t == task
        for r in group
        if r.training
    ]
    if noise:
        facts["wrong"] = f"{min(noise):.1%} to {max(noise):.1%} of the training labels, by seed"
    anchor = board.anchors.get(task)
    gap = ""
    if anchor:
        gap = (
            f"uniform {anchor.lower:.3f} (skill 0), oracle {anchor.upper:.3f} (skill 1), "
            f"gap {anchor.gap:.3f} with standard error {anchor.error:.3f} over {anchor.seeds} seeds"
        )
    matrix = card.transition if card else None
    return TaskPart(
        name=plain(task),
        anchor=f"task-{board.tasks.index(task)}",
        about=card.about if card else "",
        facts=facts,
        matrix=matrix_png(matrix) if matrix is not None else "",
        matrix_words="" if matrix is None else _matrix_words(matrix),
        gap=gap,
        cells=tuple(cells),
    )


def _matrix_words(matrix: NDArray[np.float64]) -> str:
    kept, classes = matrix.diagonal(), len(matrix)
    return (
        f"Transition matrix at seed 0, {classes} by {classes}: rows are true labels, columns "
        f"given labels, darker is more. Between {min(kept):.0%} and {max(kept):.0%} of a class "
        "keep their label."
    )


def _facts(records: Mapping[tuple[str, str], Sequence[Record]], task: str) -> dict[str, str]:
    """What the records say about a task that is not installed here."""
    trained = [r.training for (t, _), group in records.items() if t == task for r in group]
    for training in trained:
        if training:
            sizes = ", ".join(f"{part} {size}" for part, size in training.sizes.items())
            return {"splits": sizes, "chance": f"{training.chance:.3f}"}
    return {}


def _weighter(
    row: Row,
    card: Card | None,
    records: Mapping[tuple[str, str], Sequence[Record]],
    links: Mapping[str, str],
    task_links: Mapping[str, str],
    environments: _Environments,
) -> WeighterPart:
    results, failures = [], []
    for task, cell in row.cells.items():
        group = records[task, row.weighter]
        runs = tuple(_run(record, environments) for record in group)
        results.append(Result(plain(task), task_links[task], cell, runs, *_last_weights(group)))
        failures += [
            Failure(plain(task), r.trial.seed, r.status, plain(r.reason))
            for r in group
            if r.training is None
        ]
    facts = dict(card.facts) if card else {}
    if row.ties:
        facts["ties with"] = ", ".join(plain(name) for name in row.ties)
    return WeighterPart(
        name=plain(row.weighter),
        anchor=links[row.weighter],
        about=card.about if card else "",
        facts=facts,
        results=tuple(results),
        failures=tuple(failures),
    )


def _last_weights(group: Sequence[Record]) -> tuple[str, str]:
    """AUROC of the last weights against "label is right", and their effective sample size."""
    last = [r.training.weights for r in group if r.training and r.training.weights]
    separations = [summary.auroc for summary in last if summary.auroc is not None]
    return (
        f"{np.mean(separations):.2f}" if separations else "",
        f"{np.mean([summary.effective for summary in last]):.2f}" if last else "",
    )


def _run(record: Record, environments: _Environments) -> Run:
    return Run(
        seed=record.trial.seed,
        accuracy=f"{record.training.accuracy:.4f}" if record.training else record.status,
        key=record.trial.key,
        environment=environments.number(record.provenance),
        finished=plain(record.finished),
    )
