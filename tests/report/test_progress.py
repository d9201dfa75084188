"""The line that says a cell is complete."""

from __future__ import annotations

from tests.generated import record, trial
from weightbench.records.schema import Trial
from weightbench.report.progress import CellReport


def missing(seeds: int) -> list[Trial]:
    return [trial("a-v0", w, s) for w in ("x", "y") for s in range(seeds)]


def test_a_cell_is_reported_once_when_its_last_seed_is_in() -> None:
    report = CellReport(missing(2))
    assert list(report.finished(record("a-v0", "x", 1, 0.5))) == []
    assert list(report.finished(record("a-v0", "y", 0, 0.5))) == []
    (line,) = report.finished(record("a-v0", "x", 0, 0.7))
    assert line.split() == ["a-v0", "x", "accuracy", "0.600", "over", "2", "seeds"]
    (line,) = report.finished(record("a-v0", "y", 1, 0.7))
    assert line.split() == ["a-v0", "y", "accuracy", "0.600", "over", "2", "seeds"]


def test_failures_are_counted_apart() -> None:
    report = CellReport(missing(2))
    assert list(report.finished(record("a-v0", "x", 0, None))) == []
    (line,) = report.finished(record("a-v0", "x", 1, 0.7))
    assert line.endswith(" accuracy 0.700 over 1 seeds, 1 failed")


def test_a_cell_without_any_result_says_so() -> None:
    report = CellReport(missing(1))
    (line,) = report.finished(record("a-v0", "x", 0, None))
    assert line.endswith(" no result over 0 seeds, 1 failed")
