"""A comparison in the terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tests.generated import anchored, records, spread
from weightbench.report.cells import interval_text
from weightbench.report.versus import print_comparison
from weightbench.scoring import Comparison, compare

TASKS = [f"a-task-with-quite-a-long-name-v0[noise=0.{i}]" for i in range(1, 5)]


def printed(comparison: Comparison, width: int) -> str:
    out = io.StringIO()
    print_comparison(comparison, Console(file=out, width=width))
    return out.getvalue()


def made(seeds: int = 8) -> Comparison:
    """Ahead on the first task, behind on the second, close on the others."""
    table = anchored(tasks=TASKS)
    for task, mean in zip(TASKS, (0.8, 0.6, 0.7, 0.71), strict=True):
        table[task]["mine.py:One"] = spread(mean, 8, 7)
        table[task]["other"] = spread(0.7, 8, 11)
    chosen = [r for r in records(table) if r.trial.seed < seeds]
    return compare(chosen, "mine.py:One", "other")


@pytest.mark.parametrize("width", [80, 100, 120])
def test_all_of_it_is_there_at_any_width(width: int) -> None:
    comparison = made()
    text = printed(comparison, width)
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    assert max(map(len, text.splitlines())) <= width
    words = " ".join(text.split())
    assert "A mine.py:One B other" in words
    assert comparison.overall
    for found in (*comparison.tasks, comparison.overall):
        d = found.difference
        for number in (f"{found.one:.3f}", interval_text(d, 3, "+")):
            assert number in words
        verdict = found.verdict.replace("first", "A").replace("second", "B")
        assert verdict in words
    for task in TASKS:
        assert task in words


def test_a_narrow_terminal_has_signs_in_the_table() -> None:
    lines = [line.split() for line in printed(made(), 80).splitlines()]
    (head,) = [i for i, line in enumerate(lines) if line[:2] == ["task", "A"]]
    rows = lines[head + 1 : head + 6]
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "all"]
    assert [row[-1] for row in rows[:2]] == ["A", "B"]


def test_a_wide_terminal_has_words() -> None:
    lines = printed(made(), 150).splitlines()
    (row,) = [line for line in lines if line.startswith(TASKS[0])]
    assert row.endswith("A is better")


def test_a_single_seed_has_no_interval() -> None:
    text = printed(made(seeds=1), 80)
    assert "[+" not in text
    assert "inf" not in text
    assert "nan" not in text
    assert "too few seeds to tell" in " ".join(text.split())
