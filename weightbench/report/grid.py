"""Columns of text that fit a terminal: nothing is cut off, a long text goes on below."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

_GAP = 2  # blanks between columns
_LEAST = 20  # columns of a text that goes on below, where there is no room for all of it


@dataclasses.dataclass(frozen=True)
class Column:
    """A head and a cell for each row.

    Attributes:
        head: its title.
        cells: texts, with their styles.
        left: whether they stand at the left; numbers stand at the right.
        signs: what follows a cell, in the gap to the next column, so that it moves no number.
        folds: whether a long text goes on in the next line.
    """

    head: str
    cells: Sequence[Text]
    left: bool = False
    signs: Sequence[str] = ()
    folds: bool = False

    @property
    def width(self) -> int:
        """Of its widest text."""
        return max(Text(self.head).cell_len, *(cell.cell_len for cell in self.cells), 0)

    @property
    def room(self) -> int:
        """For signs."""
        return max(map(len, self.signs), default=0)


def least_width(columns: Sequence[Column]) -> int:
    """How wide a terminal must be for these columns, with long texts folded."""
    widths = [min(c.width, _LEAST) if c.folds else c.width for c in columns]
    return _whole(columns, widths)


def full_width(columns: Sequence[Column]) -> int:
    """How wide a terminal must be for these columns, with nothing folded."""
    return _whole(columns, [column.width for column in columns])


def lines_of(columns: Sequence[Column], width: int) -> Iterator[Text]:
    """The head, where there is one, and the rows.

    Args:
        columns: with as many cells each; at most one of them folds.
        width: of the terminal; what cannot be folded is written out where it is too narrow.
    """
    widths = [column.width for column in columns]
    for i, column in enumerate(columns):
        if column.folds:
            widths[i] -= min(max(0, full_width(columns) - width), max(0, widths[i] - _LEAST))
    if any(column.head for column in columns):
        heads = [Text(column.head, "bold") for column in columns]
        yield from _row(columns, widths, heads, [""] * len(columns))
    for row in range(len(columns[0].cells)):
        signs = [column.signs[row] if column.signs else "" for column in columns]
        yield from _row(columns, widths, [column.cells[row] for column in columns], signs)


def _whole(columns: Sequence[Column], widths: Sequence[int]) -> int:
    gaps = sum(max(_GAP, column.room + 1) for column in columns[:-1])
    return sum(widths) + gaps + columns[-1].room


def _row(
    columns: Sequence[Column], widths: Sequence[int], cells: Sequence[Text], signs: Sequence[str]
) -> Iterator[Text]:
    console = Console(width=10_000)
    folded = [
        list(cell.wrap(console, width, overflow="fold")) if column.folds else [cell]
        for column, width, cell in zip(columns, widths, cells, strict=True)
    ]
    for i in range(max(map(len, folded))):
        line = Text()
        for column, width, parts, sign in zip(columns, widths, folded, signs, strict=True):
            part = parts[i].copy() if i < len(parts) else Text()
            blanks = " " * (width - part.cell_len)
            line.append(blanks if not column.left else "").append_text(part)
            line.append(blanks if column.left else "")
            line.append((sign if i == 0 else "").ljust(max(_GAP, column.room + 1)))
        line.rstrip()
        yield line
