"""A leaderboard as a table in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from weightbench.scoring import Board, Cell, Interval, Row


def print_board(board: Board, console: Console) -> None:
    """Print rank, weighter, skill, accuracies, cost and failures, and the notes below."""
    table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    table.add_column("", justify="right")
    table.add_column("weighter", no_wrap=True)
    table.add_column("skill [95 %]", no_wrap=True)
    letters = [chr(ord("A") + i % 26) for i in range(len(board.tasks))]
    for letter in letters:
        table.add_column(f"acc {letter}", justify="right", no_wrap=True)
    for name in ("time x", "FLOP x", "mem x", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    for title, used_holdout in (("noisy data only", False), ("with clean data", True)):
        rows = [row for row in board.rows if row.used_holdout == used_holdout]
        if rows:
            table.add_row("", title, style="italic")
        for row in rows:
            table.add_row(*_cells(row, board), style="dim" if row.privileged else None)
    console.print(table)
    console.print()
    for letter, task in zip(letters, board.tasks, strict=True):
        console.print(f"{letter}  {escape(task)}", highlight=False)
    console.print("skill: 0 is uniform, 1 is oracle (privileged: shown, never ranked)")
    console.print(
        "x: a training's cost over uniform's; steps measured in turn, alone on the machine"
    )
    for note in board.notes:
        console.print(f"note: {escape(note)}", highlight=False)


def _cells(row: Row, board: Board) -> list[str]:
    accuracies = [_accuracy(row.cells.get(task)) for task in board.tasks]
    cost = row.cost
    costs = ["", "", ""]
    if cost is not None:
        flops = f"{cost.flops:.2f}" if cost.flops is not None else ""
        costs = [f"{cost.time:.2f}", flops, f"{cost.memory:.2f}"]
    rank = str(row.rank) if row.rank is not None else "-"
    return [rank, escape(row.weighter), _skill(row.skill), *accuracies, *costs, _failed(row)]


def _skill(skill: Interval | None) -> str:
    return escape(f"{skill.mean:.2f} [{skill.low:.2f}, {skill.high:.2f}]") if skill else ""


def _accuracy(cell: Cell | None) -> str:
    if cell is None:
        return ""
    return f"{cell.accuracy.mean:.3f}" + ("*" if cell.failures else "")


def _failed(row: Row) -> str:
    return str(row.failures) if row.failures else ""
