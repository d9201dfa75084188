"""Two weighters, seed by seed."""

from __future__ import annotations

import numpy as np
import pytest

from tests.generated import anchored, record, records, spread
from weightbench.errors import UnknownName
from weightbench.records.schema import Record
from weightbench.scoring import board, compare


def entries(seeds: int = 8, **shifts: float) -> list[Record]:
    table = anchored(seeds)
    for task in table:
        base = np.array(spread(0.7, seeds, 3))
        for weighter, shift in shifts.items():
            table[task][weighter] = (base + shift).tolist()
    return records(table)


def test_a_constant_difference_is_found_on_every_task() -> None:
    comparison = compare(entries(one=0.05, two=0.0), "one", "two")
    for difference in comparison.tasks:
        assert difference.difference.mean == pytest.approx(0.05)
        assert difference.difference.low == pytest.approx(0.05, abs=0.001)  # to a test row
        assert difference.p < 1e-9
        assert difference.n == 8
        assert difference.verdict == "first is better"


def test_turned_round_it_says_the_opposite() -> None:
    there = compare(entries(one=0.05, two=0.0), "one", "two")
    back = compare(entries(one=0.05, two=0.0), "two", "one")
    assert back.overall is not None
    assert there.overall is not None
    assert back.overall.difference.mean == pytest.approx(-there.overall.difference.mean)
    assert back.overall.p == there.overall.p
    assert back.overall.verdict == "second is better"


def test_the_difference_over_all_tasks_is_that_of_the_boards_skills() -> None:
    everything = entries(one=0.05, two=0.0)
    skills = {row.weighter: row.skill for row in board(everything).rows}
    overall = compare(everything, "one", "two").overall
    assert overall is not None
    assert skills["one"] is not None
    assert skills["two"] is not None
    assert overall.difference.mean == pytest.approx(skills["one"].mean - skills["two"].mean)
    assert overall.n == 16


def test_only_shared_seeds_are_paired() -> None:
    everything = [
        r for r in entries(one=0.05, two=0.0) if (r.trial.weighter, r.trial.seed) != ("two", 0)
    ]
    comparison = compare(everything, "one", "two")
    assert [d.n for d in comparison.tasks] == [7, 7]
    assert comparison.tasks[0].difference.mean == pytest.approx(0.05)


def test_of_a_single_seed_it_is_said_that_it_takes_two() -> None:
    comparison = compare(entries(seeds=1, one=0.05, two=0.0), "one", "two")
    said = "too few seeds to tell: it takes two on every task"
    assert {d.verdict for d in comparison.tasks} == {said}
    assert {d.p for d in comparison.tasks} == {1.0}


def test_a_weighter_beside_itself_cannot_be_told_apart() -> None:
    comparison = compare(entries(one=0.05), "one", "one")
    assert {d.p for d in comparison.tasks} == {1.0}


def test_without_anchors_there_are_differences_and_no_skill() -> None:
    everything = [r for r in entries(one=0.05, two=0.0) if r.trial.weighter in ("one", "two")]
    comparison = compare(everything, "one", "two")
    assert comparison.overall is None
    assert len(comparison.tasks) == 2


def test_a_wrong_name_gets_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean one"):
        compare(entries(one=0.05), "onne", "uniform")


def test_weighters_that_share_no_task_cannot_be_compared() -> None:
    with pytest.raises(UnknownName, match="share no seed"):
        compare([record("a-v0", "one", 0, 0.5), record("b-v0", "two", 0, 0.5)], "one", "two")
