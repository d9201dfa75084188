"""A leaderboard as Markdown, CSV, JSON and plain text."""

from __future__ import annotations

import csv
import dataclasses
import html
import io
import json
import re
from collections.abc import Sequence
from typing import Any

from weightbench.errors import StoreError
from weightbench.scoring import Board, Interval, Row

BEGIN, END = "<!-- board: begin -->", "<!-- board: end -->"
_COLUMNS = (
    "weighter", "task", "place", "privileged", "used_holdout", "seeds", "failures",
    "accuracy", "accuracy_low", "accuracy_high", "skill", "skill_low", "skill_high",
    "time", "flops", "memory",
)  # fmt: skip


def sections(board: Board) -> list[tuple[str, list[Row]]]:
    """Titles and rows of the two parts of every table; an empty part is left out."""
    parts = [
        (title, [row for row in board.rows if row.used_holdout == used])
        for title, used in (("noisy data only", False), ("with clean data", True))
    ]
    return [(title, rows) for title, rows in parts if rows]


def to_text(boards: Sequence[Board]) -> str:
    """What the terminal shows, without colours."""
    from rich.console import Console

    from weightbench.report.terminal import print_boards

    out = io.StringIO()
    print_boards(boards, Console(file=out, width=200))
    return out.getvalue()


def letters_of(board: Board) -> list[str]:
    """Short names of the tasks, for the heads of narrow columns: A to Z, then AA."""
    return [chr(ord("A") + i % 26) * (1 + i // 26) for i in range(len(board.tasks))]


def to_markdown(boards: Sequence[Board]) -> str:
    """Each board under its title: a table for each part, the tasks and the notes."""
    return "\n".join(_markdown(board) for board in boards)


def _markdown(board: Board) -> str:
    letters = letters_of(board)
    failed = ["failed"] * any(row.failures for row in board.rows)
    head = [
        "",
        "weighter",
        *badge_head(board),
        "skill [95 %]",
        *[f"acc {letter}" for letter in letters],
        "time x",
        "FLOP x",
        "mem x",
        *failed,
    ]
    left = 2 + len(badge_head(board))
    ruler = ["---:", *["---"] * left, *["---:"] * (len(head) - left - 1)]
    lines: list[str] = []
    if board.title:
        about = f"{board.about[:1].upper()}{board.about[1:]}."
        lines += [f"## {_escaped(board.title)}", "", _escaped(about), ""]
    for title, rows in sections(board):
        lines += [f"**{title}**", "", _line(head), _line(ruler)]
        lines += [_line(_cells(row, board)[: len(head)]) for row in rows]
        lines.append("")
    lines += [
        f"- {letter}: {_escaped(task)}" for letter, task in zip(letters, board.tasks, strict=True)
    ]
    lines.append("- skill: 0 is uniform, 1 is oracle (privileged: shown, never ranked)")
    lines.append("- x: a training's cost over uniform's")
    lines += [f"- note: {_escaped(note)}" for note in board.notes]
    return "\n".join(lines) + "\n"


def between_markers(page: str, text: str) -> str:
    """``page`` with what stands between its markers replaced by ``text``.

    Raises:
        StoreError: it has not one such place.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise StoreError(f"the file needs one line {BEGIN} and below it one line {END}")
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    return f"{before}{BEGIN}\n{text}{END}{after}"


def to_csv(boards: Sequence[Board]) -> str:
    """A line for each weighter on each task; ``task`` is empty where it is about all of them."""
    out = io.StringIO()
    badges = ["badge"] * any(board.badges for board in boards)
    columns = ["suite"] * any(board.title for board in boards) + [*_COLUMNS, *badges]
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for board in boards:
        _write_rows(board, writer)
    return out.getvalue()


def _write_rows(board: Board, writer: csv.DictWriter[str]) -> None:
    for row in board.rows:
        own: dict[str, Any] = {
            **({"suite": board.title} if board.title else {}),
            "weighter": plain(row.weighter),
            "privileged": int(row.privileged),
            "used_holdout": int(row.used_holdout),
            **dict(zip(badge_head(board), badge_texts(row, board), strict=True)),
        }
        cost = row.cost
        whole = {"place": row.place, "failures": row.failures, **_bounds("skill", row.skill)}
        if cost:
            whole |= {"time": cost.time, "flops": cost.flops, "memory": cost.memory}
        writer.writerow({**own, **whole})
        for task, cell in row.cells.items():
            bounds = _bounds("accuracy", cell.accuracy) | _bounds("skill", cell.skill)
            counts = {"seeds": cell.seeds, "failures": cell.failures}
            writer.writerow({**own, "task": plain(task), **counts, **bounds})


def to_json(boards: Sequence[Board]) -> str:
    """Everything, and the keys of the records each number was made from; suites by their names."""
    if [board.title for board in boards] == [""]:
        content = _content(boards[0])
    else:
        content = {"suites": {board.title: _content(board) for board in boards}}
    return json.dumps({"schema_version": 1, **content}, indent=1, allow_nan=False) + "\n"


def _content(board: Board) -> dict[str, Any]:
    keys: dict[str, dict[str, list[str]]] = {}
    for r in board.records:
        keys.setdefault(r.trial.task, {}).setdefault(r.trial.weighter, []).append(r.trial.key)
    content: dict[str, Any] = {
        "tasks": board.tasks,
        "rows": [{**dataclasses.asdict(row), "place": row.place} for row in board.rows],
        "anchors": {task: anchor.model_dump() for task, anchor in board.anchors.items()},
        "notes": board.notes,
        "records": keys,
    }
    if board.badges:
        content["badges"] = dict(board.badges)
    return content


def _bounds(name: str, interval: Interval | None) -> dict[str, float]:
    if interval is None:
        return {}
    return {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _cells(row: Row, board: Board) -> list[str]:
    accuracies = []
    for task in board.tasks:
        cell = row.cells.get(task)
        marked = "\\*" if cell and cell.failures else ""
        accuracies.append(f"{cell.accuracy.mean:.3f}{marked}" if cell else "")
    return [
        row.place,
        _escaped(row.weighter),
        *badge_texts(row, board),
        skill_text(row, board),
        *accuracies,
        *cost_texts(row),
        str(row.failures or ""),
    ]


def skill_text(row: Row, board: Board) -> str:
    """Skill with its interval, and how many tasks it covers where some are missing."""
    if row.skill is None:
        return ""
    mean, low, high = (fixed(v, 2) for v in (row.skill.mean, row.skill.low, row.skill.high))
    text = f"{mean} [{low}, {high}]"
    covered, of = board.covered(row), len(board.anchors)
    return text if board.whole(row) else f"{text}, {covered}/{of} tasks"


def fixed(value: float, digits: int) -> str:
    """A number with so many digits after the point, and no sign before a zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}"


def badge_head(board: Board) -> list[str]:
    """The title of the column of badges, where submissions are shown."""
    return ["badge"] if board.badges else []


def badge_texts(row: Row, board: Board) -> list[str]:
    """How far a submitted row was verified; empty for a row that is nobody's submission."""
    return [board.badges.get(row.weighter, "")] if board.badges else []


def cost_texts(row: Row) -> list[str]:
    """Time, FLOPs and memory over uniform's; empty where unknown."""
    if row.cost is None:
        return ["", "", ""]
    flops = f"{row.cost.flops:.2f}" if row.cost.flops is not None else ""
    return [f"{row.cost.time:.2f}", flops, f"{row.cost.memory:.2f}"]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", html.escape(plain(text)))


def plain(text: str) -> str:
    """``text`` in one line, without characters that steer a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
