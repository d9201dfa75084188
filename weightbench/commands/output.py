"""What several commands say in the same way."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from weightbench.texts import terminal

if TYPE_CHECKING:
    from rich.console import Console

    from weightbench.records.store import Store
    from weightbench.scoring import Board

INTERRUPTED = 130  # exit status after Ctrl-C, as a shell has it
_PIPE = 160  # columns of what has no width to fit


def say(text: object, err: bool = False) -> None:
    """Print a line, on stderr where it is no result; whoever wrote it, it stays a line."""
    click.echo(terminal(text), err=err)


def say_left_out(damaged: Iterable[object]) -> None:
    """Name damaged files, on stderr."""
    for damage in damaged:
        say(f"damaged, left out: {damage}", err=True)


def wide_console() -> Console:
    """Where tables are printed: as wide as the terminal or COLUMNS says, wide without either."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPE
    return console


def show_board(store: Store, tasks: Sequence[str]) -> Board:
    """Print the board of some tasks of a store to the terminal, to the last byte."""
    from weightbench.evaluation.data_today import data_today
    from weightbench.report.terminal import print_boards
    from weightbench.submission.boards import load

    loaded = load(store, data=data_today(tasks, files=True))
    say_left_out(loaded.damaged)
    board = loaded.board(tasks)
    print_boards([board], wide_console())
    sys.stdout.flush()
    return board
