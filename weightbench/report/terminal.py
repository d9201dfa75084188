"""A leaderboard, and a comparison, as a table in the terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from weightbench.report.cells import (
    badge_head,
    badge_texts,
    cost_texts,
    letters_of,
    score_heads,
    sections,
    skill_text,
    task_text,
    tracks_text,
)
from weightbench.scoring import Board, Cell, Comparison, Difference, Row
from weightbench.texts import terminal

_KEY = (
    "skill: 0 is uniform, 1 is oracle (privileged: shown, never ranked)",
    "first column: the places an entry may hold; overlapping ones cannot be told apart",
    "x: a training's cost over uniform's; steps measured in turn, alone on the machine",
)


def print_boards(boards: Sequence[Board], console: Console) -> None:
    """Print each board, under its title where it has one."""
    for i, board in enumerate(boards):
        if board.title:
            title = Text.assemble((terminal(board.title), "bold"), f": {terminal(board.about)}")
            console.print("\n" * bool(i), title, "\n", sep="")
        print_board(board, console)


def to_text(boards: Sequence[Board]) -> str:
    """What the terminal shows, without colours."""
    out = io.StringIO()
    print_boards(boards, Console(file=out, width=200))
    return out.getvalue()


def print_board(board: Board, console: Console) -> None:
    """Print places, weighter, skill, accuracies, cost and failures, and the notes below.

    Where the terminal is narrow, accuracies follow in tables of their own.
    """
    letters = letters_of(board)
    accuracies = score_heads(board)
    first = ["", "weighter", "track", *badge_head(board), "skill [95 %]"]
    last = ["time x", "FLOP x", "mem x", *["failed"] * any(row.failures for row in board.rows)]
    tables = [[*first, *accuracies, *last]]
    if _width(_table(board, tables[0]), console) > console.width:
        each = _width(_table(board, ["weighter", *accuracies[:1]]), console)
        fit = 1 + max(0, console.width - each) // 7  # an accuracy and its gap
        parts = [accuracies[i : i + fit] for i in range(0, len(accuracies), fit)]
        tables = [[*first, *last], *(["weighter", *part] for part in parts)]
    for columns in tables:
        console.print(_table(board, columns))
        console.print()
    for letter, task in zip(letters, board.tasks, strict=True):
        print_line(console, f"{letter}  {task_text(task, board)}")
    for line in (*_KEY, tracks_text(board)):
        print_line(console, line)
    for note in board.notes:
        print_line(console, f"note: {note}")


def print_line(console: Console, text: str) -> None:
    """Print a line, whoever wrote it."""
    console.print(Text(terminal(text)))


def _table(board: Board, columns: Sequence[str]) -> Table:
    """Both parts of the board, with these columns of it."""
    table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    left = {"weighter", "track", "badge", "skill [95 %]"}
    for name in columns:
        table.add_column(name, justify="left" if name in left else "right", no_wrap=True)
    for title, rows in sections(board):
        table.add_row(*[title if name == "weighter" else "" for name in columns], style="italic")
        for row in rows:
            cells = _cells(row, board)
            shown = [Text(terminal(cells[name])) for name in columns]
            table.add_row(*shown, style="dim" if row.privileged else None)
    return table


def _width(table: Table, console: Console) -> int:
    return table.__rich_measure__(console, console.options.update(width=10_000)).maximum


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the difference on each task and over all of them."""
    table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    table.add_column("task", no_wrap=True)
    for name in ("A", "B", "A - B [95 %]", "p", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for difference in comparison.tasks:
        table.add_row(*_difference(difference, _named(difference)))
    if comparison.overall:
        table.add_row(*_difference(comparison.overall, "skill over all tasks"), style="bold")
    for line in (f"A  {comparison.one}", f"B  {comparison.other}", ""):
        print_line(console, line)
    console.print(table)
    for note in comparison.notes:
        print_line(console, f"note: {note}")


def _named(difference: Difference) -> str:
    plain = difference.metric == "accuracy"
    return difference.task if plain else f"{difference.task}, by {difference.metric}"


def _difference(difference: Difference, name: str) -> list[Text]:
    d = difference.difference
    cells = [
        name,
        f"{difference.one:.3f}",
        f"{difference.other:.3f}",
        f"{d.mean:+.3f} [{d.low:+.3f}, {d.high:+.3f}]",
        f"{difference.p:.2g}",
        str(difference.n),
        difference.verdict,
    ]
    return [Text(terminal(cell)) for cell in cells]


def _cells(row: Row, board: Board) -> dict[str, str]:
    """By column."""
    accuracies = [_accuracy(row.cells.get(task)) for task in board.tasks]
    names = score_heads(board)
    return {
        "": row.place,
        "weighter": row.weighter,
        "track": row.track or "-",
        **dict(zip(badge_head(board), badge_texts(row, board), strict=True)),
        "skill [95 %]": skill_text(row, board),
        **dict(zip(names, accuracies, strict=True)),
        **dict(zip(("time x", "FLOP x", "mem x"), cost_texts(row), strict=True)),
        "failed": str(row.failures or ""),
    }


def _accuracy(cell: Cell | None) -> str:
    if cell is None:
        return ""
    return f"{cell.score.mean:.3f}" + ("*" if cell.failures else "")
