"""The parts of the page about single tasks and single weighters, down to the records."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from weightbench.records.schema import Provenance, Record
from weightbench.report.cards import Card
from weightbench.report.cells import plain
from weightbench.report.site.pictures import matrix_png
from weightbench.scoring import Board, Cell

_WRITTEN = 12  # classes up to which the shares are written into the picture of a matrix
Groups = Mapping[tuple[str, str], Sequence[Record]]


class Links:
    """The ids of the parts, by task and by weighter, in the order of the boards."""

    def __init__(self, boards: Sequence[Board]) -> None:
        tasks = dict.fromkeys(task for board in boards for task in board.tasks)
        weighters = dict.fromkeys(row.weighter for board in boards for row in board.rows)
        self.tasks = {task: f"task-{i}" for i, task in enumerate(tasks)}
        self.weighters = {weighter: f"weighter-{i}" for i, weighter in enumerate(weighters)}


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
class Matrix:
    """A transition matrix: its picture, what it says in words, and shares to write into it."""

    picture: str
    words: str
    size: int
    shares: tuple[tuple[int, int, str, bool], ...]  # row, column, percent, whether on dark


@dataclasses.dataclass(frozen=True)
class TaskPart:
    """A task: its card, its anchors and its own table."""

    name: str
    id: str
    about: Markup
    facts: Mapping[str, str]
    matrix: Matrix | None
    cells: tuple[tuple[str, str, Cell], ...]  # name, link, cell


@dataclasses.dataclass(frozen=True)
class WeighterPart:
    """A weighter: its card, its results with the records behind them, its failures."""

    name: str
    id: str
    about: Markup
    facts: Mapping[str, str]
    results: tuple[Result, ...]
    failures: tuple[Failure, ...]


class Environments:
    """Numbers the distinct circumstances under which records were made."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], Provenance] = {}
        self._numbers: dict[tuple[object, ...], int] = {}

    def number(self, made: Provenance) -> int:
        """Of the circumstances of one record."""
        packages = tuple(made.packages.items())
        known = (made.commit, made.dirty, made.machine, made.threads, packages)
        self._made.setdefault(known, made)
        return self._numbers.setdefault(known, len(self._numbers) + 1)

    def described(self) -> tuple[tuple[str, ...], ...]:
        """All of them, in order: source, machine, threads, packages."""
        return tuple(map(_described, self._made.values()))


def _described(made: Provenance) -> tuple[str, ...]:
    packages = ", ".join(f"{name} {version}" for name, version in made.packages.items())
    commit = (made.commit or "an installed package") + (" with changes" if made.dirty else "")
    return tuple(map(plain, (commit, made.machine, str(made.threads), packages)))


def task_part(
    task: str, boards: Sequence[Board], card: Card | None, records: Groups, links: Links
) -> TaskPart:
    """What there is to show of a task, over all boards."""
    cells = {row.weighter: row.cells[task] for b in boards for row in b.rows if task in row.cells}
    best = sorted(cells, key=lambda weighter: -cells[weighter].accuracy.mean)
    facts = {**_facts(records, task), **(card.facts if card else {})}
    facts.pop("parameters", None)  # each is in another fact
    trained = [r.training for (t, _), group in records.items() if t == task for r in group]
    if noise := [training.realised_noise for training in trained if training]:
        facts["wrong labels"] = _between(min(noise), max(noise))
        facts.pop("wrong", None)
    anchor = next((b.anchors[task] for b in boards if task in b.anchors), None)
    if anchor:
        facts["anchors"] = (
            f"uniform {anchor.lower:.3f} (skill 0), oracle {anchor.upper:.3f} (skill 1); the gap "
            f"is {anchor.gap:.3f}, standard error {anchor.error:.3f} over {anchor.seeds} seeds"
        )
    return TaskPart(
        name=plain(task),
        id=links.tasks[task],
        about=prose(card.about if card else ""),
        facts=facts,
        matrix=_matrix(card.transition) if card and card.transition is not None else None,
        cells=tuple((plain(w), links.weighters[w], cells[w]) for w in best),
    )


def _between(low: float, high: float) -> str:
    if f"{low:.1%}" == f"{high:.1%}":
        return f"{low:.1%} of the training set"
    return f"{low:.1%} to {high:.1%} of the training set, by seed"


def _matrix(matrix: NDArray[np.float64]) -> Matrix:
    kept, classes = matrix.diagonal(), len(matrix)
    low, high = f"{min(kept):.0%}", f"{max(kept):.0%}"
    keep = (
        f"{low} of each class keep" if low == high else f"Between {low} and {high} of a class keep"
    )
    shares = [
        (i, j, f"{100 * matrix[i, j]:.0f}", bool(matrix[i, j] > 0.25))
        for i in range(classes)
        for j in range(classes)
        if classes <= _WRITTEN and matrix[i, j] >= 0.005
    ]
    words = (
        f"Transition matrix at seed 0, {classes} by {classes}: rows are true labels, columns "
        f"given labels, in percent of the row. {keep} their label."
    )
    return Matrix(matrix_png(matrix), words, classes, tuple(shares))


def _facts(records: Groups, task: str) -> dict[str, str]:
    """What the records say about a task, for those whose data are not here."""
    trained = [r.training for (t, _), group in records.items() if t == task for r in group]
    for training in trained:
        if training:
            sizes = ", ".join(f"{plain(part)} {size}" for part, size in training.sizes.items())
            return {"splits": sizes, "chance": f"{training.chance:.3f}"}
    return {}


def weighter_part(
    weighter: str,
    boards: Sequence[Board],
    card: Card | None,
    records: Groups,
    links: Links,
    environments: Environments,
) -> WeighterPart:
    """What there is to show of a weighter, over all boards."""
    rows = [(board, row) for board in boards for row in board.rows if row.weighter == weighter]
    cells = {task: cell for _, row in rows for task, cell in row.cells.items()}
    results, failures = [], []
    for task, cell in cells.items():
        group = records[task, weighter]
        runs = tuple(_run(record, environments) for record in group)
        results.append(Result(plain(task), links.tasks[task], cell, runs, *_last_weights(group)))
        failures += [
            Failure(plain(task), r.trial.seed, r.status, plain(r.reason))
            for r in group
            if r.training is None
        ]
    facts = dict(card.facts) if card else {}
    places = [(plain(b.title), row.place.replace("-", "\N{EN DASH}")) for b, row in rows]
    ties = [(plain(b.title), ", ".join(map(plain, row.ties))) for b, row in rows if row.ties]
    facts["place"] = "; ".join(f"{place} on {on}" if on else place for on, place in places)
    if ties:
        facts["ties with"] = "; ".join(f"on {on}: {names}" if on else names for on, names in ties)
    return WeighterPart(
        name=plain(weighter),
        id=links.weighters[weighter],
        about=prose(card.about if card else ""),
        facts=facts,
        results=tuple(results),
        failures=tuple(failures),
    )


def prose(text: str) -> Markup:
    """A docstring: escaped, in paragraphs, its literals as code."""
    paragraphs = [" ".join(block.split()) for block in re.split(r"\n\s*\n", text) if block.strip()]
    marked = [
        re.sub(r"``(.+?)``|`([^`]+)`", r"<code>\1\2</code>", str(escape(paragraph)))
        for paragraph in paragraphs
    ]
    return Markup("".join(f"<p>{paragraph}</p>" for paragraph in marked))


def _last_weights(group: Sequence[Record]) -> tuple[str, str]:
    """AUROC of the last weights against "label is right", and their effective sample size."""
    last = [r.training.weights for r in group if r.training and r.training.weights]
    separations = [summary.auroc for summary in last if summary.auroc is not None]
    return (
        f"{np.mean(separations):.2f}" if separations else "",
        f"{np.mean([summary.effective for summary in last]):.2f}" if last else "",
    )


def _run(record: Record, environments: Environments) -> Run:
    return Run(
        seed=record.trial.seed,
        accuracy=f"{record.training.accuracy:.4f}" if record.training else record.status,
        key=record.trial.key,
        environment=environments.number(record.provenance),
        finished=plain(record.finished),
    )
