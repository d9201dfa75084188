"""Of all records and costs there are, those that count: one code, one device, a seed once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.generated import anchored, cost, digest, record, records
from weightbench.records.schema import Record, Trial
from weightbench.scoring import Board, Row, board, compare

TASK = "a-v0"
CODE = sorted(set(Trial.model_fields) - {"task", "weighter", "seed", "privileged"})
DAYS = [f"2026-01-0{day}T00:00:00+00:00" for day in range(1, 8)]


def row(scored: Board, weighter: str = "good") -> Row:
    return next(row for row in scored.rows if row.weighter == weighter)


def other(field: str) -> object:
    now = getattr(record(TASK, "good", 0, 0.5).trial, field)
    return now + 1 if isinstance(now, int) else digest("other")


@pytest.mark.parametrize("field", CODE)
def test_records_of_two_codes_or_devices_are_never_mixed(field: str) -> None:
    """Those of the code that was run last count, and no other, however many there are."""
    before = [
        record(TASK, "good", seed, 0.2, finished=DAYS[0], trial_changes={field: other(field)})
        for seed in range(8)
    ]
    now = [record(TASK, "good", seed, 0.8, finished=DAYS[1]) for seed in range(6)]
    for everything in ([*before, *now], [*now, *before]):
        scored = board(everything)
        cell = row(scored).cells[TASK]
        assert cell.accuracy.mean == pytest.approx(0.8)
        assert cell.seeds == 6
        assert scored.notes[0] == "8 records of older source code are left out"
        assert scored.records == tuple(now)


def test_records_of_schema_1_are_told_apart_by_the_version_they_name() -> None:
    old = {"engine": 0, "version": "0.1.0"}
    before = [
        record(TASK, "good", seed, 0.2, finished=DAYS[0], trial_changes=old) for seed in range(8)
    ]
    newer = {"engine": 0, "version": "0.2.0"}
    now = [
        record(TASK, "good", seed, 0.8, finished=DAYS[1], trial_changes=newer) for seed in range(6)
    ]
    for everything in ([*before, *now], [*now, *before]):
        assert board(everything).records == tuple(now)


def test_what_was_run_last_counts_for_each_weighter_on_its_own() -> None:
    """A weighter that was trained on another machine yesterday has not lost its records."""
    gpu = {"device": "cuda"}
    everything = [
        *[record(TASK, "good", s, 0.7, finished=DAYS[0], trial_changes=gpu) for s in range(6)],
        *[record(TASK, "fair", s, 0.6, finished=DAYS[1]) for s in range(6)],
    ]
    scored = board(everything)
    assert row(scored).cells[TASK].seeds == row(scored, "fair").cells[TASK].seeds == 6
    assert not any("older" in note for note in scored.notes)


def test_of_two_records_of_one_seed_the_later_counts() -> None:
    for everything in itertools.permutations(
        [record(TASK, "good", 0, a, finished=day) for a, day in ((0.2, DAYS[0]), (0.8, DAYS[1]))]
    ):
        cell = row(board(everything)).cells[TASK]
        assert cell.accuracy.mean == pytest.approx(0.8)
        assert cell.seeds == 1


@pytest.mark.parametrize("fields", [("status",), ("predictions",)])
def test_which_of_two_at_one_time_counts_does_not_depend_on_their_order(
    fields: Sequence[str],
) -> None:
    one = record(TASK, "good", 0, 0.7, predictions=digest("one"))
    two = record(TASK, "good", 0, 0.6, predictions=digest("two"))
    pair = (one, record(TASK, "good", 0, None)) if fields == ("status",) else (one, two)
    assert board(pair).records == board(pair[::-1]).records
    if fields == ("status",):
        assert board(pair).records == (one,)  # "ok" is after "error"


@st.composite
def histories(draw: st.DrawFn) -> list[Record]:
    """Trials of one weighter, run again and again, on two devices and with two sources."""
    kinds = st.tuples(
        st.integers(0, 3), st.sampled_from(["cpu", "cuda"]), st.sampled_from(["one", "two"]),
        st.sampled_from(DAYS), st.integers(1, 99),
    )  # fmt: skip
    return [
        record(
            TASK, "good", seed, percent / 100, finished=day, predictions=digest(f"{percent}"),
            trial_changes={"device": device, "source": digest(source)},
        )
        for seed, device, source, day, percent in draw(st.lists(kinds, min_size=1, max_size=12))
    ]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(histories())
def test_one_code_on_one_device_counts_the_last_one_and_its_last_records(
    history: list[Record],
) -> None:
    kept = board(history).records
    codes = {(r.trial.source, r.trial.device) for r in kept}
    seeds = [r.trial.seed for r in kept]
    assert len(codes) == 1
    assert seeds == sorted(set(seeds))
    of_code = [r for r in history if (r.trial.source, r.trial.device) in codes]
    assert max(r.finished for r in of_code) == max(r.finished for r in history)
    assert set(seeds) == {r.trial.seed for r in of_code}
    for r in kept:
        assert r.finished == max(o.finished for o in of_code if o.trial.seed == r.trial.seed)
    assert board(history[::-1]).records == kept
    left_out = len(history) - len(kept)
    noted = f"{left_out} records of older source code are left out" in board(history).notes
    assert noted == (left_out > 0)


@pytest.mark.parametrize("field", ["task", "fingerprint", "weighter", "source"])
def test_a_cost_of_other_code_than_that_of_the_records_is_not_shown(field: str) -> None:
    table = anchored()
    table[TASK]["good"] = table["b-v0"]["good"] = [0.8] * 8
    scored = board(records(table), [cost(TASK, "good", 3.0)])
    assert row(scored).cost is not None
    old = cost(TASK, "good", 3.0, trial=cost(TASK, "good").trial.model_copy(
        update={field: other(field)}))  # fmt: skip
    scored = board(records(table), [old])
    assert all(row.cost is None for row in scored.rows)


def test_an_old_cost_beside_a_new_one_changes_nothing() -> None:
    made = [record(TASK, "uniform", 0, 0.6), record(TASK, "good", 0, 0.8)]
    new = cost(TASK, "good", 3.0)
    old = cost(TASK, "good", 9.0)
    old = old.model_copy(update={"trial": old.trial.model_copy(update={"source": digest("old")})})
    assert row(board(made, [new, old])).cost == row(board(made, [new])).cost


def test_a_comparison_knows_no_older_records_either() -> None:
    before = [
        record(TASK, "good", seed, 0.1, finished=DAYS[0], trial_changes={"source": digest("old")})
        for seed in range(8)
    ]
    now = [record(TASK, "good", seed, 0.8, finished=DAYS[1]) for seed in range(7)]
    fair = [record(TASK, "fair", seed, 0.6, finished=DAYS[1]) for seed in range(8)]
    (found,) = compare([*before, *now, *fair], "good", "fair").tasks
    assert found.one == pytest.approx(0.8)
    assert found.n == 7
