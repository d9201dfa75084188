"""The parts of the page about single tasks and single weighters, down to the records."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from weightbench.records.schema import Record, Training
from weightbench.report.cards import Card
from weightbench.report.site.index import PageIndex
from weightbench.report.site.pictures import matrix_png
from weightbench.scoring import Board, Cell, Row
from weightbench.texts import plain

_WRITTEN = 12  # classes up to which the shares are written into the picture of a matrix


@dataclasses.dataclass(frozen=True)
class SeedResult:
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
    runs: tuple[SeedResult, ...]
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


def task_part(task: str, index: PageIndex) -> TaskPart:
    """What there is to show of a task, over all boards."""
    cells, card = index.cells_of_task(task), index.cards.get(task)
    best = sorted(cells, key=lambda weighter: -cells[weighter].score.mean)
    return TaskPart(
        name=task,
        id=index.tasks[task],
        about=prose(card.about if card else ""),
        facts=_task_facts(task, card, index),
        matrix=_matrix(card.transition) if card and card.transition is not None else None,
        cells=tuple((w, index.weighters[w], cells[w]) for w in best),
    )


def _task_facts(task: str, card: Card | None, index: PageIndex) -> dict[str, str]:
    """What its card and its records say, and between what its skill is measured."""
    trained = index.trained(task)
    facts = {**_facts(trained), **(card.facts if card else {})}
    facts.pop("parameters", None)  # each is in another fact
    if noise := [t.realised_noise for t in trained if t.realised_noise is not None]:
        facts["wrong labels"] = _between(min(noise), max(noise))
        facts.pop("wrong", None)
    if anchor := index.anchor(task):
        facts["anchors"] = (
            f"uniform {anchor.lower:.3f} (skill 0), oracle {anchor.upper:.3f} (skill 1); the gap "
            f"is {anchor.gap:.3f}, standard error {anchor.error:.3f} over {anchor.seeds} seeds"
        )
    return facts


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


def _facts(trained: Sequence[Training]) -> dict[str, str]:
    """What the records say about a task, for those whose data are not here."""
    if not trained:
        return {}
    sizes = ", ".join(f"{part} {size}" for part, size in trained[0].sizes.items())
    return {"splits": sizes, "chance": f"{trained[0].chance:.3f}"}


def weighter_part(weighter: str, index: PageIndex) -> WeighterPart:
    """What there is to show of a weighter, over all boards."""
    rows, card = index.rows(weighter), index.cards.get(weighter)
    cells = {task: cell for _, row in rows for task, cell in row.cells.items()}
    return WeighterPart(
        name=weighter,
        id=index.weighters[weighter],
        about=prose(card.about if card else ""),
        facts={**(card.facts if card else {}), **_places(rows)},
        results=tuple(_result(task, weighter, cell, index) for task, cell in cells.items()),
        failures=tuple(one for task in cells for one in _failures(task, weighter, index)),
    )


def _places(rows: Sequence[tuple[Board, Row]]) -> dict[str, str]:
    """Its place on every board, and whom it cannot be told from."""
    places = [(b.title, row.place.replace("-", "\N{EN DASH}")) for b, row in rows]
    ties = [(b.title, ", ".join(row.ties)) for b, row in rows if row.ties]
    facts = {"place": "; ".join(f"{place} on {on}" if on else place for on, place in places)}
    if ties:
        facts["ties with"] = "; ".join(f"on {on}: {names}" if on else names for on, names in ties)
    return facts


def _result(task: str, weighter: str, cell: Cell, index: PageIndex) -> Result:
    group = index.records(task, weighter)
    runs = tuple(_seed_result(record, index) for record in group)
    return Result(task, index.tasks[task], cell, runs, *_last_weights(group))


def _failures(task: str, weighter: str, index: PageIndex) -> list[Failure]:
    return [
        Failure(task, record.trial.seed, record.status, record.reason)
        for record in index.records(task, weighter)
        if record.training is None
    ]


def prose(text: str) -> Markup:
    """A docstring: escaped, in paragraphs, its literals as code."""
    blocks = [" ".join(block.split()) for block in re.split(r"\n\s*\n", text)]
    paragraphs = [plain(block) for block in blocks if block]
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


def _seed_result(record: Record, index: PageIndex) -> SeedResult:
    return SeedResult(
        seed=record.trial.seed,
        accuracy=f"{record.training.accuracy:.4f}" if record.training else record.status,
        key=record.trial.key,
        environment=index.environments.number(record.provenance),
        finished=record.finished,
    )
