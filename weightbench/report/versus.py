"""A comparison of two weighters in the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from weightbench.report.cells import fixed, interval_text
from weightbench.report.grid import Column, full_width
from weightbench.report.terminal import print_grid, print_line
from weightbench.scoring import Comparison, Difference
from weightbench.texts import terminal


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the difference on each task and over all of them, in words where they fit."""
    for letter, name in (("A", comparison.one), ("B", comparison.other)):
        print_line(console, name, f"{letter}  ")
    print_line(console, "")
    found = [*comparison.tasks, *([comparison.overall] if comparison.overall else [])]
    names = [_name(difference) for difference in found]
    whole = _columns(found, names, [_verdict(difference) for difference in found])
    if full_width(whole) <= console.width:
        print_grid(console, whole)
        print_line(console, "")
    else:
        numbers = [*map(str, range(1, len(comparison.tasks) + 1)), "all"][: len(found)]
        print_grid(console, _columns(found, numbers, [difference.sign for difference in found]))
        print_line(console, "")
        for number, name, difference in zip(numbers, names, found, strict=True):
            lead = f"{number:{max(map(len, numbers))}}  "
            print_line(console, f"{name}: {_verdict(difference)}", lead)
    for note in comparison.notes:
        print_line(console, note, "note: ")
    print_line(console, "A - B: with its 95 % t interval, paired by seed; p: of that t test")


def _columns(
    found: Sequence[Difference], names: Sequence[str], verdicts: Sequence[str]
) -> list[Column]:
    def column(head: str, texts: Sequence[str], left: bool = False) -> Column:
        return Column(head, [Text(terminal(text)) for text in texts], left)

    return [
        column("task", names, left=True),
        column("A", [fixed(difference.one, 3) for difference in found]),
        column("B", [fixed(difference.other, 3) for difference in found]),
        column("A - B [95 %]", [interval_text(d.difference, 3, "+") for d in found], left=True),
        column("p", ["-" if math.isnan(d.p) else f"{d.p:.2g}" for d in found]),
        column("n", [str(difference.n) for difference in found]),
        column("verdict", verdicts, left=True),
    ]


def _name(difference: Difference) -> str:
    if difference.metric == "skill":
        return "skill over all tasks"
    plain = difference.metric == "accuracy"
    return difference.task if plain else f"{difference.task}, by {difference.metric}"


def _verdict(difference: Difference) -> str:
    return f"{difference.sign} is better" if difference.sign in "AB" else difference.verdict
