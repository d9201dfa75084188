"""Leaderboards in the terminal: whole at any width, in as many tables as that takes."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from weightbench.report.cells import (
    UNKNOWN,
    about_text,
    badge_head,
    badge_texts,
    cost_heads,
    cost_texts,
    is_best,
    is_worse,
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
from weightbench.report.grid import Column, full_width, least_width, lines_of
from weightbench.scoring import Board
from weightbench.texts import terminal

_PROSE = 100  # columns; longer lines are hard to read
_LEAST = 20  # columns of a sentence, however narrow the terminal


def print_boards(boards: Sequence[Board], console: Console) -> None:
    """Print each board under its title where it has one, and what all have in common below.

    Of a board first what it says in sentences, then places, weighters, skill, scores and costs, the
    names of the tasks, and what else must be known.
    """
    for board in boards:
        if board.title:
            title = Text.assemble(
                (terminal(board.title), "bold"), f": {terminal(about_text(board))}"
            )
            print_text(console, title)
            console.print()
        for finding in board.findings:
            said = Text.assemble((terminal(finding.title), "bold"), f". {terminal(finding.text)}")
            print_text(console, said)
        if board.findings:
            console.print()
        for table in _tables(board, console.width):
            print_grid(console, table)
            console.print()
        for letter, task in zip(letters_of(board), board.tasks, strict=True):
            print_line(console, task_text(task, board), f"{letter}  ")
        for note in board.notes:
            print_line(console, note, "note: ")
        console.print()
    for line in legend(boards):
        print_line(console, line, hang="  ")


def to_text(boards: Sequence[Board]) -> str:
    """What the terminal shows, without colours."""
    out = io.StringIO()
    print_boards(boards, Console(file=out, width=200))
    return out.getvalue()


def print_grid(console: Console, columns: Sequence[Column]) -> None:
    """Print columns; what they hold was made fit for a terminal by whoever made them."""
    for line in lines_of(columns, console.width):
        console.print(line, soft_wrap=True)


def print_line(console: Console, text: str, lead: str = "", hang: str | None = None) -> None:
    """Print a line, whoever wrote it; where it is too long, it goes on below.

    Args:
        console: where to.
        text: the line.
        lead: what stands before it.
        hang: what stands before the lines it goes on in; where not given, blanks as wide as that.
    """
    print_text(console, Text(terminal(text)), lead, hang)


def print_text(console: Console, text: Text, lead: str = "", hang: str | None = None) -> None:
    """As :func:`print_line`, with a text that has styles and holds nothing of strangers."""
    hang = " " * len(lead) if hang is None else hang
    room = max(_LEAST, min(console.width, _PROSE) - max(len(lead), len(hang)))
    for i, line in enumerate(text.wrap(console, room, overflow="fold")):
        line.rstrip()
        console.print(Text.assemble(hang if i else lead, line), soft_wrap=True)


def _tables(board: Board, width: int) -> list[list[Column]]:
    """As many tables as a board takes within ``width``; each has the names of the weighters."""
    whole, scores, costs = _whole(board), _scores(board), _costs(board)
    if full_width([*whole, *scores, *costs]) <= width:
        return [[*whole, *scores, *costs]]
    tables, name = [whole], whole[1]
    for part in (costs, scores):
        for i, column in enumerate(part):
            fits = least_width([*tables[-1], column]) <= width
            if fits and not (i == 0 and part is scores):  # scores stand together
                tables[-1].append(column)
            else:
                tables.append([name, column])
    return tables


def _whole(board: Board) -> list[Column]:
    """Place, weighter, track, badge and skill."""
    rows = rows_of(board)
    bold = ["bold" if leads(row, board) else "" for row in rows]
    badges = [
        _column(board, head, [badge_texts(row, board)[0] for row in rows], left=True)
        for head in badge_head(board)
    ]
    return [
        _column(board, "place", [row.place for row in rows]),
        _column(board, "weighter", [row.weighter for row in rows], bold, left=True, folds=True),
        _column(board, "track", [track_text(row) for row in rows], left=True),
        *badges,
        _column(
            board, "skill [95 %]", _aligned([skill_text(r, board) for r in rows]), bold, left=True
        ),
    ]


def _aligned(texts: Sequence[str]) -> list[str]:
    """With a blank where others have a minus, so that points stand in one column."""
    signed = any(text.startswith("-") and text != UNKNOWN for text in texts)
    return [" " * (signed and not text.startswith("-")) + text for text in texts]


def _scores(board: Board) -> list[Column]:
    rows, found = rows_of(board), []
    for head, task in zip(score_heads(board), board.tasks, strict=True):
        styles = [
            "bold" if is_best(row, task, board) else "red" * is_worse(row.cells.get(task))
            for row in rows
        ]
        texts = [score_text(row.cells.get(task)) for row in rows]
        signs = [marks(row, task, board) for row in rows]
        found.append(_column(board, head, texts, styles, signs=signs))
    return found


def _costs(board: Board) -> list[Column]:
    """And how many trials failed, where any did."""
    rows = rows_of(board)
    costs = [cost_texts(row) for row in rows]
    found = [
        _column(board, head, [texts[i] for texts in costs])
        for i, head in enumerate(cost_heads(board))
    ]
    failures = [str(row.failures or "") for row in rows]
    return [*found, *([_column(board, "failed", failures)] if any(failures) else [])]


def _column(
    board: Board,
    head: str,
    texts: Sequence[str],
    styles: Sequence[str] | None = None,
    *,
    left: bool = False,
    folds: bool = False,
    signs: Sequence[str] = (),
) -> Column:
    """Texts of a board's rows, whoever wrote them; what is a reference alone is dim."""
    cells = []
    for i, (row, text) in enumerate(zip(rows_of(board), texts, strict=True)):
        style = "dim" if row.privileged else styles[i] if styles else ""
        cells.append(Text(terminal(text), style))
    return Column(head, cells, left, signs, folds)
