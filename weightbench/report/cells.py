"""What stands in the cells of a board, in whatever form it is shown."""

from __future__ import annotations

from weightbench.registry.tracks import TRACKS, Track
from weightbench.scoring import Board, Row


def sections(board: Board) -> list[tuple[str, list[Row]]]:
    """Titles and rows of the two parts of every table; an empty part is left out."""
    parts = [
        (title, [row for row in board.rows if row.used_holdout == used])
        for title, used in (("noisy data only", False), ("with clean data", True))
    ]
    return [(title, rows) for title, rows in parts if rows]


def tracks_of(board: Board) -> dict[Track, str]:
    """The tracks of a board's rows, in words."""
    there = {row.track for row in board.rows}
    return {track: words for track, words in TRACKS.items() if track in there}


def tracks_text(board: Board) -> str:
    """What the letters of a board's tracks stand for, in a line."""
    return f"track: given {'; '.join(f'{t} {words}' for t, words in tracks_of(board).items())}"


def letters_of(board: Board) -> list[str]:
    """Short names of the tasks, for the heads of narrow columns: A to Z, then AA."""
    return [chr(ord("A") + i % 26) * (1 + i // 26) for i in range(len(board.tasks))]


def score_heads(board: Board) -> list[str]:
    """Heads of the columns of scores, by task: ``acc A``, or ``score B`` in another metric."""
    return [
        f"{'score' if task in board.metrics else 'acc'} {letter}"
        for letter, task in zip(letters_of(board), board.tasks, strict=True)
    ]


def task_text(task: str, board: Board) -> str:
    """A task, and what it is scored by where that is not accuracy."""
    metric = board.metrics.get(task)
    return f"{task}, by {metric}" if metric else task


def badge_head(board: Board) -> list[str]:
    """The title of the column of badges, where submissions are shown."""
    return ["badge"] if board.badges else []


def badge_texts(row: Row, board: Board) -> list[str]:
    """How far a submitted row was verified; empty for a row that is nobody's submission."""
    return [board.badges.get(row.weighter, "")] if board.badges else []


def skill_text(row: Row, board: Board) -> str:
    """Skill with its interval, and how many tasks it covers where some are missing."""
    if row.skill is None:
        return ""
    mean, low, high = (fixed(v, 2) for v in (row.skill.mean, row.skill.low, row.skill.high))
    text = f"{mean} [{low}, {high}]"
    covered, of = board.covered(row), len(board.anchors)
    return text if board.is_complete(row) else f"{text}, {covered}/{of} tasks"


def cost_texts(row: Row) -> list[str]:
    """Time, FLOPs and memory over uniform's; empty where unknown."""
    if row.cost is None:
        return ["", "", ""]
    flops = f"{row.cost.flops:.2f}" if row.cost.flops is not None else ""
    return [f"{row.cost.time:.2f}", flops, f"{row.cost.memory:.2f}"]


def fixed(value: float, digits: int) -> str:
    """A number with so many digits after the point, and no sign before a zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}"
