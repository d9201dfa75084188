"""A leaderboard as Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from weightbench.errors import StoreError
from weightbench.report.cells import (
    badge_head,
    badge_texts,
    cost_texts,
    letters_of,
    sections,
    skill_text,
    tracks_text,
)
from weightbench.scoring import Board, Interval, Row
from weightbench.texts import csv_cell, markdown

BEGIN, END = "<!-- board: begin -->", "<!-- board: end -->"
_COLUMNS = (
    "weighter", "task", "place", "privileged", "used_holdout", "track", "seeds", "failures",
    "accuracy", "accuracy_low", "accuracy_high", "skill", "skill_low", "skill_high",
    "time", "flops", "memory",
)  # fmt: skip


def to_markdown(boards: Sequence[Board]) -> str:
    """Each board under its title: a table for each part, the tasks and the notes."""
    return "\n".join(_markdown(board) for board in boards)


def _markdown(board: Board) -> str:
    letters = letters_of(board)
    failed = ["failed"] * any(row.failures for row in board.rows)
    head = [
        "",
        "weighter",
        "track",
        *badge_head(board),
        "skill [95 %]",
        *[f"acc {letter}" for letter in letters],
        "time x",
        "FLOP x",
        "mem x",
        *failed,
    ]
    left = 3 + len(badge_head(board))
    ruler = ["---:", *["---"] * left, *["---:"] * (len(head) - left - 1)]
    lines: list[str] = []
    if board.title:
        about = f"{board.about[:1].upper()}{board.about[1:]}."
        lines += [f"## {markdown(board.title)}", "", markdown(about), ""]
    for title, rows in sections(board):
        lines += [f"**{title}**", "", _line(head), _line(ruler)]
        lines += [_line(_cells(row, board)[: len(head)]) for row in rows]
        lines.append("")
    lines += [
        f"- {letter}: {markdown(task)}" for letter, task in zip(letters, board.tasks, strict=True)
    ]
    lines.append("- skill: 0 is uniform, 1 is oracle (privileged: shown, never ranked)")
    lines.append("- x: a training's cost over uniform's")
    lines.append(f"- {tracks_text(board)}")
    lines += [f"- note: {markdown(note)}" for note in board.notes]
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
            "weighter": row.weighter,
            "privileged": int(row.privileged),
            "used_holdout": int(row.used_holdout),
            "track": row.track or "",
            **dict(zip(badge_head(board), badge_texts(row, board), strict=True)),
        }
        cost = row.cost
        whole = {"place": row.place, "failures": row.failures, **_bounds("skill", row.skill)}
        if cost:
            whole |= {"time": cost.time, "flops": cost.flops, "memory": cost.memory}
        writer.writerow(_csv_line(own | whole))
        for task, cell in row.cells.items():
            bounds = _bounds("accuracy", cell.accuracy) | _bounds("skill", cell.skill)
            counts = {"seeds": cell.seeds, "failures": cell.failures}
            writer.writerow(_csv_line(own | {"task": task, **counts, **bounds}))


def _csv_line(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: csv_cell(value) for name, value in fields.items()}


def to_json(boards: Sequence[Board]) -> str:
    """Everything, and the keys of the records each number was made from; suites by their names."""
    if [board.title for board in boards] == [""]:
        content = _content(boards[0])
    else:
        content = {"suites": {board.title: _content(board) for board in boards}}
    text = json.dumps({"schema_version": 1, **content}, indent=1, allow_nan=False) + "\n"
    # The same to whoever reads JSON; a build server that shows it as a log sees no command.
    return text.replace("##", "#\\u0023")


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
        markdown(row.weighter),
        row.track or "-",
        *badge_texts(row, board),
        skill_text(row, board),
        *accuracies,
        *cost_texts(row),
        str(row.failures or ""),
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
