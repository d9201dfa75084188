"""The columns of a board's tasks: what each is, and between what its skill is measured."""

from __future__ import annotations

import dataclasses

from weightbench.report.site.index import PageIndex
from weightbench.report.site.numbers import is_share, score
from weightbench.report.titles import task_title, upper_words
from weightbench.scoring import Board


@dataclasses.dataclass(frozen=True)
class Column:
    """A task at the head of its column.

    Attributes:
        task: its name.
        id: of its part further down.
        words: what is wrong with its data.
        detail: which data, with what parameters.
        metric: what its cells are in, with the unit.
        plain: plain training's score, skill 0; empty where there is no skill.
        oracle: the oracle's, skill 1.
        one: what skill 1 means there.
    """

    task: str
    id: str
    words: str
    detail: str
    metric: str
    plain: str
    oracle: str
    one: str


def columns(board: Board, index: PageIndex) -> tuple[Column, ...]:
    """Of all tasks of a board, in its order."""
    return tuple(_column(task, board, index) for task in board.tasks)


def _column(task: str, board: Board, index: PageIndex) -> Column:
    words, detail = task_title(task)
    metric = board.metrics.get(task, "accuracy")
    anchor = board.anchors.get(task)
    return Column(
        task=task,
        id=f"task-{index.tasks[task]}",
        words=words,
        detail=detail,
        metric=metric_words(metric),
        plain=score(anchor.lower, metric) if anchor else "",
        oracle=score(anchor.upper, metric) if anchor else "",
        one=upper_words(task) if anchor else "",
    )


def metric_words(metric: str) -> str:
    """A metric as a reader would say it, with its unit."""
    return f"{metric.replace('_', ' ')}{', %' if is_share(metric) else ''}"
