"""The parts of the page about single tasks and single weighters: what they are."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from weightbench.errors import WeightbenchError
from weightbench.records.schema import Training
from weightbench.report.cards import Card, card
from weightbench.report.site.index import PageIndex
from weightbench.report.site.pictures import matrix_png
from weightbench.report.titles import task_title
from weightbench.spec import parse_spec
from weightbench.texts import plain

_WRITTEN = 12  # classes up to which the shares are written into the picture of a matrix


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
    """A task: its card and its anchors."""

    name: str
    id: str
    words: str
    detail: str
    about: Markup
    facts: Mapping[str, str]
    matrix: Matrix | None


@dataclasses.dataclass(frozen=True)
class WeighterPart:
    """A weighter: its card, what is wrapped around it, its failures."""

    name: str
    id: str
    summary: str
    about: Markup
    wrapped: tuple[tuple[str, str], ...]
    facts: Mapping[str, str]
    failures: tuple[Failure, ...]


def task_part(task: str, index: PageIndex) -> TaskPart:
    """What there is to show of a task, over all boards."""
    known = index.cards.get(task)
    return TaskPart(
        task,
        f"task-{index.tasks[task]}",
        *task_title(task),
        about=prose(known.about if known else ""),
        facts=_task_facts(task, known, index),
        matrix=_matrix(known.transition) if known and known.transition is not None else None,
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
            f"plain training {anchor.lower:.3f} (skill 0), oracle {anchor.upper:.3f} (skill 1); "
            f"the gap is {anchor.gap:.3f} ± {anchor.error:.3f} (standard error) over "
            f"{anchor.seeds} seeds"
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
    known = index.cards.get(weighter)
    about = known.about if known else ""
    return WeighterPart(
        name=weighter,
        id=f"weighter-{index.weighters[weighter]}",
        summary=first_sentence(about),
        about=prose(about),
        wrapped=wrapped(weighter),
        facts=known.facts if known else {},
        failures=tuple(one for task in index.tasks for one in _failures(task, weighter, index)),
    )


def wrapped(weighter: str) -> tuple[tuple[str, str], ...]:
    """The suffixes of a name that are installed here, each with what it does."""
    try:
        names = [f"+{wrapper.name}" for wrapper in parse_spec(weighter).wrappers]
        return tuple((name, first_sentence(card(name).about)) for name in names)
    except WeightbenchError:
        return ()


def first_sentence(text: str) -> str:
    """Of a docstring, in one line and without its marks of code."""
    line = " ".join(text.partition("\n\n")[0].replace("`", "").split())
    found = re.match(r".*?[.!?](?=\s+[A-Z]|$)", line)
    return found[0] if found else line


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
