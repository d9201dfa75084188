"""A leaderboard, and a comparison, as a table in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from weightbench.export import badge_head, badge_texts, cost_texts, plain, sections, skill_text
from weightbench.scoring import Board, Cell, Comparison, Difference, Row


def print_board(board: Board, console: Console) -> None:
    """Print places, weighter, skill, accuracies, cost and failures, and the notes below."""
    table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("weighter", no_wrap=True)
    for name in badge_head(board):
        table.add_column(name, no_wrap=True)
    table.add_column("skill [95 %]", no_wrap=True)
    letters = [chr(ord("A") + i % 26) for i in range(len(board.tasks))]
    for letter in letters:
        table.add_column(f"acc {letter}", justify="right", no_wrap=True)
    for name in ("time x", "FLOP x", "mem x", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    for title, rows in sections(board):
        table.add_row("", title, style="italic")
        for row in rows:
            table.add_row(*_cells(row, board), style="dim" if row.privileged else None)
    console.print(table)
    console.print()
    for letter, task in zip(letters, board.tasks, strict=True):
        console.print(f"{letter}  {_text(task)}", highlight=False)
    console.print("skill: 0 is uniform, 1 is oracle (privileged: shown, never ranked)")
    console.print(
        "first column: the places an entry may hold; overlapping ones cannot be told apart",
        highlight=False,
    )
    console.print(
        "x: a training's cost over uniform's; steps measured in turn, alone on the machine"
    )
    for note in board.notes:
        console.print(f"note: {_text(note)}", highlight=False)


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the difference on each task and over all of them."""
    table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    table.add_column("task", no_wrap=True)
    for name in ("A", "B", "A - B [95 %]", "p", "p (Holm)", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for difference in comparison.tasks:
        table.add_row(*_difference(difference, difference.task))
    if comparison.overall:
        table.add_row(*_difference(comparison.overall, "skill over all tasks"), style="bold")
    console.print(f"A  {_text(comparison.one)}\nB  {_text(comparison.other)}\n", highlight=False)
    console.print(table)
    for note in comparison.notes:
        console.print(f"note: {_text(note)}", highlight=False)


def _difference(difference: Difference, name: str) -> list[str]:
    d = difference.difference
    return [
        _text(name),
        f"{difference.one:.3f}",
        f"{difference.other:.3f}",
        escape(f"{d.mean:+.3f} [{d.low:+.3f}, {d.high:+.3f}]"),
        f"{difference.p:.2g}",
        f"{difference.holm:.2g}",
        str(difference.n),
        difference.verdict,
    ]


def _cells(row: Row, board: Board) -> list[str]:
    accuracies = [_accuracy(row.cells.get(task)) for task in board.tasks]
    failed = str(row.failures) if row.failures else ""
    skill = escape(skill_text(row, board))
    return [
        row.place, _text(row.weighter), *badge_texts(row, board), skill, *accuracies,
        *cost_texts(row), failed,
    ]  # fmt: skip


def _accuracy(cell: Cell | None) -> str:
    if cell is None:
        return ""
    return f"{cell.accuracy.mean:.3f}" + ("*" if cell.failures else "")


def _text(text: str) -> str:
    return escape(plain(text))
