"""A leaderboard as Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from weightbench.errors import StoreError
from weightbench.registry.metrics import METRICS
from weightbench.report.cells import (
    BEST,
    about_text,
    badge_head,
    badge_texts,
    cost_heads,
    cost_texts,
    leads,
    legend,
    letters_of,
    marks,
    rows_of,
    score_heads,
    score_text,
    skill_text,
    task_text,
    track_text,
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
    """Each board under its title: its findings, table, tasks and notes; below them the legend."""
    parts = [_markdown(board) for board in boards]
    common = "\n".join(f"- {markdown(line)}" for line in legend(boards, "bold"))
    return "\n".join([*parts, *([f"{common}\n"] if common else [])])


def _markdown(board: Board) -> str:
    columns = [*_whole(board), *_scores(board), *_costs(board)]
    lines: list[str] = []
    if board.title:
        about = f"{about_text(board)}."
        about = f"{about[:1].upper()}{about[1:]}"
        lines += [f"## {markdown(board.title)}", "", markdown(about), ""]
    found = [f"- **{markdown(one.title)}.** {markdown(one.text)}" for one in board.findings]
    lines += [*found, *[""] * bool(found)]
    lines += [_line([head for head, *_ in columns]), _line([ruler for _, ruler, _ in columns])]
    lines += [_line(cells) for cells in zip(*(cells for *_, cells in columns), strict=True)]
    lines.append("")
    lines += [
        f"- {letter}: {markdown(task_text(task, board))}"
        for letter, task in zip(letters_of(board), board.tasks, strict=True)
    ]
    lines += [f"- note: {markdown(note)}" for note in board.notes]
    return "\n".join(lines) + "\n"


_Column = tuple[str, str, list[str]]  # head, ruler, cells
_LEFT, _RIGHT = "---", "---:"


def _whole(board: Board) -> list[_Column]:
    """Place, weighter, track, badge and skill."""
    rows = rows_of(board)
    badges = [
        (head, _LEFT, [badge_texts(row, board)[0] for row in rows]) for head in badge_head(board)
    ]
    skills = [(skill_text(row, board), leads(row, board)) for row in rows]
    return [
        ("place", _RIGHT, [row.place for row in rows]),
        ("weighter", _LEFT, [markdown(row.weighter) for row in rows]),
        ("track", _LEFT, [track_text(row) for row in rows]),
        *badges,
        ("skill [95 %]", _LEFT, [_bold(text) if best else text for text, best in skills]),
    ]


def _scores(board: Board) -> list[_Column]:
    found = []
    for head, task in zip(score_heads(board), board.tasks, strict=True):
        cells = []
        for row in rows_of(board):
            text, signs = score_text(row.cells.get(task)), marks(row, task, board)
            shown = _bold(text) if BEST in signs else text
            cells.append(shown + markdown(signs.replace(BEST, "")))
        found.append((head, _RIGHT, cells))
    return found


def _costs(board: Board) -> list[_Column]:
    """And how many trials failed, where any did."""
    rows = rows_of(board)
    costs = [
        (head, _RIGHT, [cost_texts(row)[i] for row in rows])
        for i, head in enumerate(cost_heads(board))
    ]
    failures = [str(row.failures or "") for row in rows]
    return [*costs, *([("failed", _RIGHT, failures)] if any(failures) else [])]


def _bold(text: str) -> str:
    return f"**{text}**"


def between_markers(page: str, text: str, begin: str = BEGIN, end: str = END) -> str:
    """``page`` with what stands between its markers replaced by ``text``.

    Raises:
        StoreError: it has not one such place.
    """
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
        raise StoreError(f"the file needs one line {begin} and below it one line {end}")
    before, after = page.partition(begin)[0], page.partition(end)[2]
    return f"{before}{begin}\n{text}{end}{after}"


def to_csv(boards: Sequence[Board]) -> str:
    """A line for each weighter on each task; ``task`` is empty where it is about all of them."""
    out = io.StringIO()
    badges = ["badge"] * any(board.badges for board in boards)
    suite = ["suite"] * any(board.title for board in boards)
    columns = [*suite, *_COLUMNS, *badges, *_metric_columns(boards)]
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for board in boards:
        _write_rows(board, writer)
    return out.getvalue()


def _metric_columns(boards: Sequence[Board]) -> list[str]:
    """Those that any cell fills beside accuracy and skill."""
    cells = [cell for board in boards for row in board.rows for cell in row.cells.values()]
    scored = any(cell.metric != "accuracy" for cell in cells)
    names = [name for name in METRICS if any(name in cell.metrics for cell in cells)]
    return [*["metric"] * scored, *(
        f"{name}{end}"
        for name in [*["score"] * scored, *names]
        for end in ("", "_low", "_high")
    )]  # fmt: skip


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
            time = cost.time if cost.time_known else ""
            whole |= {"time": time, "flops": cost.flops, "memory": cost.memory}
        writer.writerow(_csv_line(own | whole))
        for task, cell in row.cells.items():
            bounds: dict[str, Any] = _bounds("accuracy", cell.accuracy) | _bounds(
                "skill", cell.skill
            )
            counts = {"seeds": cell.seeds, "failures": cell.failures}
            if cell.metric != "accuracy":
                bounds |= {"metric": cell.metric, **_bounds("score", cell.score)}
            for name, found in cell.metrics.items():
                bounds |= _bounds(name, found)
            writer.writerow(_csv_line(own | {"task": task, **counts, **bounds}))


def _csv_line(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: csv_cell(value) for name, value in fields.items()}


def to_json(boards: Sequence[Board]) -> str:
    """Everything, and the keys of the records each number was made from; suites by their names."""
    if [board.title for board in boards] == [""]:
        content = _content(boards[0])
    else:
        content = {"suites": {board.title: _content(board) for board in boards}}
    whole = _finite({"schema_version": 1, **content})
    text = json.dumps(whole, indent=1, allow_nan=False) + "\n"
    # The same to whoever reads JSON; a build server that shows it as a log sees no command.
    return text.replace("##", "#\\u0023")


def _finite(value: Any) -> Any:
    """Null for numbers that are not known: the ends of an interval of a single seed."""
    if isinstance(value, dict):
        return {name: _finite(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(held) for held in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _content(board: Board) -> dict[str, Any]:
    keys: dict[str, dict[str, list[str]]] = {}
    for r in board.records:
        keys.setdefault(r.trial.task, {}).setdefault(r.trial.weighter, []).append(r.trial.key)
    content: dict[str, Any] = {
        "tasks": board.tasks,
        "rows": [_row(row) for row in board.rows],
        "anchors": {task: anchor.as_fields() for task, anchor in board.anchors.items()},
        "notes": board.notes,
        "findings": [dataclasses.asdict(finding) for finding in board.findings],
        "duels": [dataclasses.asdict(duel) for duel in board.duels],
        "leaders": dict(board.leaders),
        "records": keys,
    }
    if board.badges:
        content["badges"] = dict(board.badges)
    return content


def _row(row: Row) -> dict[str, Any]:
    """All of a row; a metric that is accuracy goes without saying."""
    fields: dict[str, Any] = {**dataclasses.asdict(row), "place": row.place}
    if row.cost:
        fields["cost"]["time_known"] = row.cost.time_known
    for cell in fields["cells"].values():
        if cell["metric"] == "accuracy":
            del cell["metric"], cell["score"]
        for name in ("metrics", "by_class"):  # records of older versions have none
            if not cell[name]:
                del cell[name]
    return fields


def _bounds(name: str, interval: Interval | None) -> dict[str, float]:
    """By column; the ends of an interval are empty where it takes more seeds."""
    if interval is None:
        return {}
    ends = {f"{name}_low": interval.low, f"{name}_high": interval.high}
    return {name: interval.mean, **(ends if interval.is_known else {})}


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
