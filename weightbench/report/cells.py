"""What stands in the cells of a board and beside them, in whatever form it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from weightbench.registry import LOWER_ANCHOR, UPPER_ANCHOR
from weightbench.registry.tracks import TRACKS, Track
from weightbench.scoring import Board, Cell, Interval, Row
from weightbench.scoring.wording import two_digits

PLACES = (
    "place 2-4: beyond chance, one entry is better and all but four, itself among them, are worse; "
    "paired t tests over seeds, Holm over all pairs"
)
SKILL = (
    f"skill: 0 is {LOWER_ANCHOR}, plain training; 1 is {UPPER_ANCHOR}, a reference with no place; "
    "more is possible"
)
COSTS = f"time, FLOP, mem: of a whole training, over {LOWER_ANCHOR}'s"
BEST, WORSE, FAILED = "^", "-", "*"  # beside a score
UNKNOWN = "-"


def rows_of(board: Board) -> list[Row]:
    """The rows as every table shows them: the winner first, what is a reference alone last."""
    return sorted(board.rows, key=lambda row: row.privileged)


def tracks_of(board: Board) -> dict[Track, str]:
    """The tracks of a board's entries, in words."""
    there = {row.track for row in board.rows if not row.privileged}
    return {track: words for track, words in TRACKS.items() if track in there}


def tracks_text(boards: Iterable[Board]) -> str:
    """What the letters of the boards' tracks stand for, in a line."""
    there = {track for board in boards for track in tracks_of(board)}
    said = [f"{track} {words}" for track, words in TRACKS.items() if track in there]
    return f"track: given {'; '.join(said)}"


def track_text(row: Row) -> str:
    """The letter of a row's track; none where it knows what is hidden, or where all failed."""
    return UNKNOWN if row.privileged or row.track is None else row.track


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
    """A task, what it is scored by where that is not accuracy, and what it is in words."""
    from weightbench.report.titles import task_title  # loads torch, as tasks do

    metric = board.metrics.get(task)
    heading, detail = task_title(task)
    words = ", ".join(filter(None, [heading, detail]))
    name = f"{task}, by {metric}" if metric else task
    return name if not detail and heading in task else f"{name}: {words}"


def about_text(board: Board) -> str:
    """What a suite's board is headed with beside its name."""
    from weightbench.report.titles import suite_title

    title = suite_title(board.title)
    return "; ".join(filter(None, [title if title != board.title else "", board.about]))


def score_text(cell: Cell | None) -> str:
    """The mean score of a cell."""
    return UNKNOWN if cell is None else f"{cell.score.mean:.3f}"


def is_best(row: Row, task: str, board: Board) -> bool:
    """Whether a row is the best of a task or level with it; nobody is where all of them are."""
    entries = sum(not row.privileged and task in row.cells for row in board.rows)
    leaders = board.leaders.get(task, ())
    return row.weighter in leaders and len(leaders) < entries


def is_worse(cell: Cell | None) -> bool:
    """Whether a cell is worse than plain training, beyond chance."""
    return cell is not None and cell.gain is not None and cell.gain.high < 0


def leads(row: Row, board: Board) -> bool:
    """Whether a row has the best skill or cannot be told from who has it."""
    first = next((row for row in rows_of(board) if row.rank is not None), None)
    alone = first is not None and len(first.ties) + 1 < sum(r.rank is not None for r in board.rows)
    return first is not None and alone and row.weighter in (first.weighter, *first.ties)


def marks(row: Row, task: str, board: Board) -> str:
    """What is said beside a score, in signs; :func:`legend` says what they mean."""
    cell = row.cells.get(task)
    best = BEST * is_best(row, task, board)
    return best + WORSE * is_worse(cell) + FAILED * bool(cell and cell.failures)


def legend(boards: Sequence[Board], best: str = BEST) -> list[str]:
    """What a reader of these boards' tables must know, each thing once, in lines.

    Args:
        boards: all that stand together.
        best: how the best scores are marked.
    """
    rows = [row for board in boards for row in board.rows]
    seen = {
        m for board in boards for r in board.rows for t in board.tasks for m in marks(r, t, board)
    }
    words = {
        BEST: f"{best} the best of a task, or level with it",
        WORSE: f"{WORSE} worse than plain training",
        FAILED: f"{FAILED} with failed trials",
    }
    said = [meaning for sign, meaning in words.items() if sign in seen]
    lines = [
        *[PLACES] * any(row.rank is not None for row in rows),
        *[SKILL] * any(row.skill is not None for row in rows),
        *[f"scores: {'; '.join(said)}"] * bool(said),
        *[COSTS] * any(has_costs(board) for board in boards),
    ]
    return [*lines, *[tracks_text(boards)] * any(tracks_of(board) for board in boards)]


def badge_head(board: Board) -> list[str]:
    """The title of the column of badges, where submissions are shown."""
    return ["badge"] if board.badges else []


def badge_texts(row: Row, board: Board) -> list[str]:
    """How far a submitted row was verified; empty for a row that is nobody's submission."""
    return [board.badges.get(row.weighter, "")] if board.badges else []


def skill_text(row: Row, board: Board) -> str:
    """Skill with its interval, and how many tasks it covers where some are missing."""
    if row.skill is None:
        return UNKNOWN
    text = interval_text(row.skill, 2)
    covered, of = board.covered(row), len(board.anchors)
    return text if board.is_complete(row) else f"{text}, {covered}/{of} tasks"


def interval_text(interval: Interval, digits: int, sign: str = "") -> str:
    """``0.67 [0.57, 0.76]``; the mean alone where an interval takes more seeds.

    Args:
        interval: of anything.
        digits: after the point.
        sign: ``+`` for a difference, which shows on which side of zero it is.
    """
    mean, low, high = (fixed(v, digits, sign) for v in (interval.mean, interval.low, interval.high))
    return f"{mean} [{low}, {high}]" if interval.is_known else mean


def has_costs(board: Board) -> bool:
    """Whether costs were measured for any row."""
    return any(row.cost for row in board.rows)


def cost_heads(board: Board) -> list[str]:
    """Heads of the columns of costs, where any were measured."""
    return ["time", "FLOP", "mem"] if has_costs(board) else []


def cost_texts(row: Row) -> list[str]:
    """Time, FLOPs and memory over plain training's, which has 1 by definition."""
    if row.weighter == LOWER_ANCHOR:
        return ["1", "1", "1"]
    if row.cost is None:
        return [UNKNOWN] * 3
    cost = row.cost
    time = cost.time if cost.time_known else None
    return [UNKNOWN if v is None else two_digits(v) for v in (time, cost.flops, cost.memory)]


def fixed(value: float, digits: int, sign: str = "") -> str:
    """A number with so many digits after the point, and no minus before a zero."""
    return f"{round(value, digits) + 0.0:{sign}.{digits}f}"
