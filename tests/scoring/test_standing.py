"""Places follow from paired differences in which every task has the same say."""

from __future__ import annotations

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
    assert overall.difference.is_known == all(len(values) > 1 for values in by_task.values())


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
    """Three entries: the pair that differs most has its p times three, and so on."""
    rng = np.random.default_rng(1)
    seen = {True: 0, False: 0}
    for _ in range(20):
        table: Seeds = {
            ("a-v0", weighter): dict(enumerate(level + 0.05 * rng.standard_normal(6)))
            for weighter, level in (("one", 0.8), ("two", 0.7), ("three", 0.6))
        }
        scored = board(made(table), frozen=ANCHORS)
        by_p = sorted(scored.duels, key=lambda duel: duel.p)
        adjusted = np.maximum.accumulate([d.p * (3 - i) for i, d in enumerate(by_p)]).clip(0, 1)
        for duel, p in zip(by_p, adjusted, strict=True):
            assert duel.holm == pytest.approx(p)
            assert duel.is_told == (p < 0.05)
            ties = rows(scored)[duel.one].ties
            assert (duel.other in ties) == (not duel.is_told)
            seen[duel.is_told] += 1
    assert min(seen.values()) > 5


@pytest.mark.parametrize("weighters", [2, 7, 20])
def test_a_place_counts_who_is_better_and_who_is_worse(weighters: int) -> None:
    rng = np.random.default_rng(weighters)
    table: Seeds = {
        (task, f"w{i}"): dict(enumerate(0.6 + 0.01 * i + 0.03 * rng.standard_normal(8)))
        for task in ANCHORS
        for i in range(weighters)
    }
    scored = board(made(table), frozen=ANCHORS)
    assert len(scored.duels) == weighters * (weighters - 1) // 2
    for row in scored.rows:
        own = [d for d in scored.duels if d.is_told and row.weighter in (d.one, d.other)]
        won = [d for d in own if (d.difference.mean > 0) == (d.one == row.weighter)]
        assert row.rank == 1 + len(own) - len(won)
        assert row.rank_last == weighters - len(won)


def test_a_single_seed_gives_no_place_and_a_note() -> None:
    table: Seeds = {("a-v0", f"w{i}"): {0: 0.5 + 0.1 * i} for i in range(3)}
    scored = board(made(table), frozen=ANCHORS)
    assert {row.place for row in scored.rows} == {"1-3"}
    assert [n for n in scored.notes if n.startswith("a single seed somewhere: no interval")]
