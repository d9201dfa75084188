"""Places follow from paired differences in which every task has the same say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.generated import anchored, digest, record, records, spread
from weightbench.records.schema import Record
from weightbench.scoring import Anchor, Board, Row, board, compare

ANCHORS = {
    task: Anchor(fingerprint=digest(task), lower=0.5, upper=upper, chance=0.1, seeds=8, error=0.0)
    for task, upper in (("a-v0", 0.9), ("b-v0", 0.7))
}
Seeds = dict[tuple[str, str], dict[int, float]]  # accuracies by task, weighter and seed


def made(table: Seeds) -> list[Record]:
    return [
        record(task, weighter, seed, accuracy)
        for (task, weighter), values in table.items()
        for seed, accuracy in values.items()
    ]


def rows(scored: Board) -> dict[str, Row]:
    return {row.weighter: row for row in scored.rows}


def test_a_task_of_many_seeds_has_no_more_say_than_one_of_few() -> None:
    """Far better on 8 seeds of one task, a trifle worse on 200 of the other: better on the whole.

    Seed by seed, the sum of all differences says the opposite.
    """
    table = anchored(208)
    base = spread(0.7, 208, 3, 0.001)
    table["a-v0"]["one"], table["a-v0"]["two"] = [b + 0.05 for b in base[:8]], base[:8]
    table["b-v0"]["one"], table["b-v0"]["two"] = [b - 0.0025 for b in base[:200]], base[:200]
    scored = rows(board(records(table)))
    assert 200 * 0.0025 > 8 * 0.05
    assert (scored["one"].place, scored["two"].place) == ("1", "2")
    overall = compare(records(table), "one", "two").overall
    assert overall is not None
    assert overall.verdict == "first is better"
    assert overall.n == 208


@st.composite
def two_weighters(draw: st.DrawFn) -> Seeds:
    """One to five shared seeds of each task, and some that one of both has alone."""
    table: Seeds = {}
    accuracy = st.integers(0, 100).map(lambda percent: percent / 100)
    for task in ANCHORS:
        shared = draw(st.sets(st.integers(0, 9), min_size=1, max_size=5))
        for weighter in ("one", "two"):
            own = draw(st.sets(st.integers(10 if weighter == "one" else 20, 25), max_size=2))
            table[task, weighter] = {seed: draw(accuracy) for seed in sorted(shared | own)}
    return table


def shared_differences(table: Seeds) -> dict[str, list[float]]:
    """Differences in skill by task, over the seeds both have."""
    found = {}
    for task, anchor in ANCHORS.items():
        one, two = table[task, "one"], table[task, "two"]
        scale = anchor.upper - anchor.lower
        found[task] = [(one[seed] - two[seed]) / scale for seed in one if seed in two]
    return found


@settings(max_examples=60, deadline=None)
@given(two_weighters())
def test_the_test_over_all_tasks_is_of_the_mean_over_tasks_of_means_over_seeds(
    table: Seeds,
) -> None:
    """Counted over all sign patterns, whatever seeds each of both has on each task."""
    overall = compare(made(table), "one", "two", ANCHORS).overall
    assert overall is not None
    by_task = shared_differences(table)
    parts = [value / len(values) / len(by_task) for values in by_task.values() for value in values]
    mean = np.mean([np.mean(values) for values in by_task.values()])
    assert overall.difference.mean == pytest.approx(mean, abs=1e-12)
    assert overall.one - overall.other == pytest.approx(mean, abs=1e-12)
    assert overall.n == len(parts)
    signs = np.array(list(itertools.product((-1, 1), repeat=len(parts))))
    as_far = np.abs(signs @ parts) >= abs(mean) - 1e-9
    assert overall.p == overall.holm == pytest.approx(as_far.mean())
    assert not overall.enough
    assert overall.verdict == "too few seeds to tell"


@pytest.mark.parametrize(("fewest", "told"), [(5, False), (6, True)])
def test_six_shared_seeds_on_every_task_are_enough(fewest: int, told: bool) -> None:
    """However many there are of the other task, and however many of each that are not shared."""
    table: Seeds = {
        ("a-v0", "one"): dict.fromkeys(range(fewest), 0.8) | {99: 0.8},
        ("a-v0", "two"): dict.fromkeys(range(fewest), 0.7) | {98: 0.7},
        ("b-v0", "one"): dict.fromkeys(range(20), 0.68),
        ("b-v0", "two"): dict.fromkeys(range(20), 0.6),
    }
    scored = rows(board(made(table), frozen=ANCHORS))
    assert scored["one"].place == ("1" if told else "1-2")
    assert scored["two"].place == ("2" if told else "1-2")
    assert scored["two"].ties == (() if told else ("one",))
    overall = compare(made(table), "one", "two", ANCHORS).overall
    assert overall is not None
    assert overall.enough == told


def test_two_that_share_no_seed_of_a_task_are_not_told_apart() -> None:
    table: Seeds = {
        ("a-v0", "one"): dict.fromkeys(range(8), 0.8),
        ("a-v0", "two"): dict.fromkeys(range(8), 0.7),
        ("b-v0", "one"): dict.fromkeys(range(8), 0.68),
        ("b-v0", "two"): dict.fromkeys(range(8, 16), 0.6),
    }
    scored = rows(board(made(table), frozen=ANCHORS))
    assert scored["one"].place == scored["two"].place == "1-2"


def test_places_of_three_of_whom_two_cannot_be_told_apart() -> None:
    base = spread(0.6, 9, 1)
    noisy = [b + (0.001 if i % 2 else -0.001) for i, b in enumerate(base)]
    table: Seeds = {
        (task, weighter): dict(enumerate(values))
        for task in ANCHORS
        for weighter, values in (
            ("best", [b + 0.05 for b in base]), ("left", base), ("right", noisy),
        )
    }  # fmt: skip
    scored = rows(board(made(table), frozen=ANCHORS))
    assert {w: (r.rank, r.rank_last, r.place, r.ties) for w, r in scored.items()} == {
        "best": (1, 1, "1", ()),
        "left": (2, 3, "2-3", ("right",)),
        "right": (2, 3, "2-3", ("left",)),
    }


def test_just_below_a_twentieth_after_holm_is_told_and_just_above_is_not() -> None:
    """Three entries on one task of n seeds: three p values of 2 / 2^n, the first one times 3."""
    for seeds, told in ((6, False), (7, True)):
        table: Seeds = {
            ("a-v0", weighter): dict.fromkeys(range(seeds), level)
            for weighter, level in (("one", 0.8), ("two", 0.7), ("three", 0.6))
        }
        scored = rows(board(made(table), frozen=ANCHORS))
        assert scored["two"].place == ("2" if told else "1-3")


def test_a_wins_count_of_equal_levels_by_the_number_of_seeds_it_takes() -> None:
    """Notes say how many seeds would do, and nothing where there are enough."""

    def notes(weighters: int, seeds: int) -> list[str]:
        table: Seeds = {
            ("a-v0", f"w{i}"): dict.fromkeys(range(seeds), 0.5 + 0.01 * i) for i in range(weighters)
        }
        return [n for n in board(made(table), frozen=ANCHORS).notes if "seeds" in n]

    for weighters, needed in ((3, 7), (4, 8), (10, 11)):  # 3, 6 and 45 pairs
        duels = weighters * (weighters - 1) / 2
        assert duels * 2.0 ** (1 - needed) < 0.05 <= duels * 2.0 ** (2 - needed)
        assert notes(weighters, needed) == []
        assert notes(weighters, needed - 1) == [
            f"{needed - 1} seeds on 1 tasks are too few to tell any of {weighters} weighters "
            f"apart, however far apart they are: that takes {needed} seeds"
        ]
    assert notes(2, 6) == []
    assert notes(10, 5) == ["fewer than 6 seeds somewhere: too few to tell methods apart"]
