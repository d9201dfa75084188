"""What is said while trials run."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from tests.generated import record, trial
from weightbench.records.schema import Trial
from weightbench.report.progress import CellReport, watched


def missing(seeds: int) -> list[Trial]:
    return [trial("a-v0", w, s) for w in ("x", "y") for s in range(seeds)]


def test_a_cell_is_reported_once_when_its_last_seed_is_in() -> None:
    report = CellReport(missing(2))
    assert report.finished(record("a-v0", "x", 1, 0.5)) == ""
    assert report.finished(record("a-v0", "y", 0, 0.5)) == ""
    line = report.finished(record("a-v0", "x", 0, 0.7))
    assert line == "x on a-v0: accuracy 0.600 over 2 seeds"
    line = report.finished(record("a-v0", "y", 1, 0.7))
    assert line == "y on a-v0: accuracy 0.600 over 2 seeds"


def test_failures_are_counted_apart() -> None:
    report = CellReport(missing(2))
    assert report.finished(record("a-v0", "x", 0, None)) == ""
    line = report.finished(record("a-v0", "x", 1, 0.7))
    assert line.endswith(" accuracy 0.700 over 1 seeds, 1 failed")


def test_a_cell_without_any_result_says_so() -> None:
    report = CellReport(missing(1))
    line = report.finished(record("a-v0", "x", 0, None))
    assert line.endswith(" no result over 0 seeds, 1 failed")


def logged(steps: list[tuple[float, str]], total: int) -> list[str]:
    """What a log holds after steps at these times, each with what became known."""
    out, times = io.StringIO(), iter([0.0, *(when for when, _ in steps)])
    with watched(Console(file=out, width=160), "trials", total, lambda: next(times)) as advance:
        for _, known in steps:
            advance(known)
    return out.getvalue().splitlines()


def test_a_log_has_a_line_now_and_then() -> None:
    steps = [(10.0 * i, f"cell {i}" if i % 2 else "") for i in range(1, 10)]
    assert logged(steps, 12) == [
        "3 of 12 trials, about 90 s left; cell 3".replace("90 s", "2 min"),
        "6 of 12 trials, about 60 s left; cell 5",
        "9 of 12 trials, about 30 s left; cell 9",
    ]


def test_what_is_over_soon_leaves_no_line() -> None:
    assert logged([(1.0, "cell")], 1) == []


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_bar_fits_its_terminal(width: int) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width)
    with watched(console, "trials", 2) as advance:
        advance("a/long/path/to/a.py:Weighter[power=2] on a-v0: accuracy 0.600 over 2 seeds")
        advance("")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    assert "2/2" in plain
    assert all(len(part.rstrip()) <= width for part in re.split(r"[\r\n]", plain))


def test_nothing_to_do_shows_nothing() -> None:
    out = io.StringIO()
    with watched(Console(file=out, force_terminal=True), "trials", 0):
        pass
    assert out.getvalue() == ""
