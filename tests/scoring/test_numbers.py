"""Every number of a board and of a comparison, by hand."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.generated import anchored, cost, digest, record, records, spread
from weightbench.records.schema import Record
from weightbench.scoring import (
    Anchor,
    Board,
    Comparison,
    Difference,
    Interval,
    Row,
    board,
    compare,
    freeze,
    significance,
)
from weightbench.scoring.significance import holm, sign_flip

ANCHORS = {
    task: Anchor(fingerprint=digest(task), lower=0.5, upper=upper, chance=0.1, seeds=8, error=0.0)
    for task, upper in (("a-v0", 0.9), ("b-v0", 0.7))
}


def row(scored: Board, weighter: str = "good") -> Row:
    return next(row for row in scored.rows if row.weighter == weighter)


def deviation(values: Sequence[float]) -> float:
    """Of a mean over resamples of ``values``."""
    return float(np.std(values) / len(values) ** 0.5)


def near(interval: Interval | None, mean: float, error: float) -> None:
    """That it is the 95 % interval of something normal: 2.5 % on each side, give or take."""
    assert interval is not None
    assert interval.mean == pytest.approx(mean)
    assert mean - interval.low == pytest.approx(1.96 * error, rel=0.05)
    assert interval.high - mean == pytest.approx(1.96 * error, rel=0.05)


def values(seed: int, mean: float, seeds: int = 200) -> list[float]:
    return spread(mean, seeds, seed, 0.02)


TABLE = {
    "a-v0": {"good": values(1, 0.7), "fair": values(2, 0.6)},
    "b-v0": {"good": values(3, 0.6), "fair": values(4, 0.65)},
}
SCALE = {"a-v0": 0.4, "b-v0": 0.2}  # of skill


def test_a_cell_and_its_interval() -> None:
    scored = row(board(records(TABLE), frozen=ANCHORS))
    for task, weighters in TABLE.items():
        cell, found = scored.cells[task], weighters["good"]
        mean, error = float(np.mean(found)), deviation(found)
        near(cell.accuracy, mean, error)
        near(cell.skill, (mean - 0.5) / SCALE[task], error / SCALE[task])
        assert (cell.seeds, cell.failures) == (200, 0)


def test_skill_of_a_row_is_the_mean_over_tasks_and_its_interval_that_of_a_mean() -> None:
    skills = {t: (np.array(ws["good"]) - 0.5) / SCALE[t] for t, ws in TABLE.items()}
    mean = np.mean([skill.mean() for skill in skills.values()])
    error = sum(deviation(skill.tolist()) ** 2 for skill in skills.values()) ** 0.5 / 2
    near(row(board(records(TABLE), frozen=ANCHORS)).skill, mean, error)


def test_every_number_of_a_comparison() -> None:
    found = compare(records(TABLE), "good", "fair", ANCHORS)
    assert (found.one, found.other, found.notes) == ("good", "fair", ())
    differences = {t: np.array(ws["good"]) - np.array(ws["fair"]) for t, ws in TABLE.items()}
    p_values = [sign_flip(found) for found in differences.values()]
    for on_task, (task, found_) in zip(found.tasks, differences.items(), strict=True):
        assert on_task.task == task
        assert on_task.one == pytest.approx(np.mean(TABLE[task]["good"]))
        assert on_task.other == pytest.approx(np.mean(TABLE[task]["fair"]))
        near(on_task.difference, found_.mean(), deviation(found_.tolist()))
        assert (on_task.n, on_task.enough) == (200, True)
        assert on_task.p == sign_flip(found_)
    assert [on_task.holm for on_task in found.tasks] == holm(p_values)
    overall = found.overall
    assert overall is not None
    skills = [values / SCALE[task] for task, values in differences.items()]
    assert overall.task == "all"
    for told, weighter in ((overall.one, "good"), (overall.other, "fair")):
        means = [(np.mean(TABLE[task][weighter]) - 0.5) / SCALE[task] for task in TABLE]
        assert told == pytest.approx(np.mean(means))
    error = sum(deviation(values.tolist()) ** 2 for values in skills) ** 0.5 / 2
    near(overall.difference, float(np.mean([values.mean() for values in skills])), error)
    assert overall.p == overall.holm == pytest.approx(sign_flip(np.concatenate(skills)))
    assert (overall.n, overall.enough) == (400, True)


def test_a_comparison_says_whose_anchors_it_is_measured_by() -> None:
    table = anchored()
    for task in table:
        table[task]["good"] = spread(0.8, 8, 7)
    notes = compare(records(table), "good", "uniform").notes
    assert notes == ("anchors are this run's own uniform (skill 0) and oracle (skill 1)",)


@pytest.mark.parametrize(("seeds", "enough"), [(5, False), (6, True), (7, True)])
def test_six_seeds_are_enough_on_a_task(seeds: int, enough: bool) -> None:
    table = {"a-v0": {"good": [0.8] * seeds, "fair": [0.7] * seeds}}
    found = compare(records(table), "good", "fair")
    (on_task,) = found.tasks
    assert on_task.enough == enough
    assert on_task.verdict == ("first is better" if enough else "too few seeds to tell")
    assert found.overall is None


def verdict(difference: float, holm_: float, *, enough: bool = True) -> str:
    around = Interval(difference, difference, difference)
    return Difference("a", 0.5, 0.5, around, holm_ / 2, holm_, 6, enough).verdict


def test_verdicts() -> None:
    assert verdict(0.1, 0.0499) == "first is better"
    assert verdict(-0.1, 0.0499) == "second is better"
    assert verdict(0.1, 0.05) == verdict(-0.1, 0.5) == "cannot be told apart"
    assert verdict(0.1, 0.0, enough=False) == "too few seeds to tell"


def test_two_without_shared_seeds_on_one_task_are_compared_on_the_other() -> None:
    made = [
        *[record("a-v0", w, seed, 0.7) for w in ("good", "fair") for seed in range(6)],
        *[record("b-v0", "good", seed, 0.7) for seed in range(6)],
        *[record("b-v0", "fair", seed, 0.7) for seed in range(6, 12)],
        *[record("c-v0", "good", seed, 0.7) for seed in range(6)],
    ]
    found: Comparison = compare(made, "good", "fair", ANCHORS)
    assert [on_task.task for on_task in found.tasks] == ["a-v0"]
    assert found.overall is not None
    assert found.overall.n == 6


# ---- costs ---------------------------------------------------------------------------------------


def trained(task: str, weighter: str, steps: int, side_work: float = 0, **changes: Any) -> Record:
    return record(task, weighter, 0, 0.7, steps=steps, side_work=side_work, **changes)


def test_every_number_of_a_cost() -> None:
    """Geometric means over tasks of (steps at their ratio and work beside) over uniform's steps."""
    made = [
        trained("a-v0", "uniform", 400), trained("a-v0", "good", 200, 100),
        trained("b-v0", "uniform", 50), trained("b-v0", "good", 100, 10),
    ]  # fmt: skip
    probes = [
        cost("a-v0", "good", 3.0, time_low=2.0, time_high=5.0, flop_ratio=4.0, memory_ratio=2.0),
        cost("b-v0", "good", 1.5, time_low=1.25, time_high=2.5, flop_ratio=1.75, memory_ratio=8.0),
    ]
    found = row(board(made, probes)).cost
    assert found is not None

    def whole(a: float, b: float) -> float:
        return float(np.sqrt((200 * a + 100) / 400 * ((100 * b + 10) / 50)))

    assert found.time == pytest.approx(whole(3.0, 1.5))
    assert found.time_low == pytest.approx(whole(2.0, 1.25))
    assert found.time_high == pytest.approx(whole(5.0, 2.5))
    assert found.flops == pytest.approx(whole(4.0, 1.75))
    assert found.memory == pytest.approx(4.0)
    uncounted = [probes[0], probes[1].model_copy(update={"flop_ratio": None})]
    found = row(board(made, uncounted)).cost
    assert found is not None
    assert found.flops is None
    assert found.time == pytest.approx(whole(3.0, 1.5))
    alone = row(board(made, [probes[0]], tasks=["a-v0"])).cost
    assert row(board(made, probes, tasks=["a-v0"])).cost == alone


def test_where_uniform_was_not_trained_its_steps_are_taken_to_be_as_many() -> None:
    found = row(board([trained("a-v0", "good", 200, 100)], [cost("a-v0", "good", 3.0)])).cost
    assert found is not None
    assert found.time == pytest.approx((200 * 3.0 + 100) / 200)


def test_who_never_finished_costs_nobody_knows_what() -> None:
    made = [trained("a-v0", "uniform", 400), record("a-v0", "good", 0, None)]
    assert row(board(made, [cost("a-v0", "good", 3.0)])).cost is None


def test_uniform_costs_what_uniform_costs() -> None:
    made = [trained("a-v0", "uniform", 400)]
    found = row(board(made, [cost("a-v0", "uniform", 1.0)]), "uniform").cost
    assert found is not None
    assert (found.time, found.time_low, found.time_high, found.memory) == (1, 1, 1, 1)


# ---- the board around them -----------------------------------------------------------------------


def test_a_board_holds_what_it_was_made_of_and_in_order() -> None:
    made = [
        record(task, weighter, seed, 0.7)
        for task in ("b-v0", "a-v0") for weighter in ("good", "fair") for seed in (1, 0)
    ]  # fmt: skip
    scored = board(made, frozen=ANCHORS)
    assert scored.tasks == ("a-v0", "b-v0")
    assert board(made, tasks=["b-v0", "a-v0"]).tasks == ("b-v0", "a-v0")
    names = [(r.trial.task, r.trial.weighter, r.trial.seed) for r in scored.records]
    assert names == sorted(names)
    assert len(names) == 8
    assert len(board(made, tasks=["b-v0"]).records) == 4
    assert scored.anchors == ANCHORS
    assert (scored.title, scored.about, dict(scored.badges)) == ("", "", {})


def test_rows_are_in_the_order_of_skill_and_those_that_lack_a_task_below() -> None:
    levels = {"aa": 0.6, "bb": 0.8, "cc": 0.7}
    made = [
        record(task, w, seed, level)
        for task in ANCHORS for w, level in levels.items() for seed in range(6)
    ]  # fmt: skip
    made += [record("a-v0", w, seed, 0.85) for w in ("ab", "zz") for seed in range(6)]
    scored = board(made, frozen=ANCHORS)
    assert [r.weighter for r in scored.rows] == ["bb", "cc", "aa", "ab", "zz"]
    assert [scored.covered(r) for r in scored.rows] == [2, 2, 2, 1, 1]
    assert [scored.is_complete(r) for r in scored.rows] == [True, True, True, False, False]
    assert [r.rank for r in scored.rows] == [1, 2, 3, None, None]
    assert row(scored, "zz").place == "-"
    assert set(row(scored, "zz").cells) == {"a-v0"}
    assert [r.weighter for r in board(made).rows] == ["aa", "ab", "bb", "cc", "zz"]


@pytest.mark.parametrize("lacking", [1, 3, 4])
def test_those_that_lack_a_task_are_named_or_counted(lacking: int) -> None:
    made = [record(task, "good", seed, 0.7) for task in ANCHORS for seed in range(6)]
    made += [record("a-v0", f"w{i}", seed, 0.7) for i in range(lacking) for seed in range(6)]
    who = {1: "w0", 3: "w0, w1, w2", 4: "4 weighters"}[lacking]
    assert board(made, frozen=ANCHORS).notes == (
        f"{who}: not on every task, so no place; skill is a mean over fewer tasks",
    )


def test_nothing_is_noted_where_there_is_nothing_to_note() -> None:
    made = [record(task, "good", seed, 0.7) for task in ANCHORS for seed in range(6)]
    assert board(made, frozen=ANCHORS).notes == ()
    assert board([], frozen=ANCHORS).notes == ()


def test_it_is_said_which_tasks_have_anchors_of_their_own() -> None:
    table = anchored(tasks=("a-v0", "b-v0", "c-v0"))
    notes = board(records(table), frozen={"b-v0": ANCHORS["b-v0"]}).notes
    assert notes == (
        "anchors are this run's own uniform (skill 0) and oracle (skill 1) on a-v0, c-v0",
    )
    stale = ANCHORS["b-v0"].model_copy(update={"fingerprint": digest("another")})
    notes = board(records(table), frozen={"a-v0": ANCHORS["a-v0"], "b-v0": stale}).notes
    assert notes == (
        "b-v0: its definition is not the one its published anchors were made with",
        "anchors are this run's own uniform (skill 0) and oracle (skill 1) on b-v0, c-v0",
    )


def test_clean_data_that_was_used_anywhere_was_used() -> None:
    made = [record("a-v0", "good", seed, 0.7) for seed in range(2)]
    assert row(board(made)).used_holdout is False
    made += [record("b-v0", "good", 0, 0.7, used_holdout=True)]
    assert row(board(made)).used_holdout is True
    lost = [record("a-v0", "good", 0, None)]
    assert row(board(lost)).used_holdout is False


def test_all_failures_are_counted() -> None:
    made = [record("a-v0", "good", seed, None if seed < 2 else 0.7) for seed in range(6)]
    made += [record("b-v0", "good", seed, None if seed < 1 else 0.7) for seed in range(6)]
    scored = board(made, frozen=ANCHORS)
    assert row(scored).failures == 3
    assert {t: c.failures for t, c in row(scored).cells.items()} == {"a-v0": 2, "b-v0": 1}
    assert scored.notes == ("3 failed trials count as chance level",)


def test_a_privileged_record_makes_a_privileged_row() -> None:
    told = {"privileged": True}
    made = [record(t, "good", s, 0.9, trial_changes=told) for t in ANCHORS for s in range(6)]
    made += [record(t, "fair", s, 0.6) for t in ANCHORS for s in range(6)]
    scored = board(made, frozen=ANCHORS)
    assert (row(scored).privileged, row(scored).rank, row(scored).place) == (True, None, "-")
    assert (row(scored, "fair").privileged, row(scored, "fair").place) == (False, "1")


def test_the_text_of_anchors_is_laid_out_for_people() -> None:
    text, _ = freeze(records(anchored()))
    assert text == json.dumps(json.loads(text), indent=1) + "\n"


# ---- exact tests ---------------------------------------------------------------------------------


def wins(n: int, losses: int = 1) -> np.ndarray:
    return np.concatenate([np.full(n - losses, 0.1), np.full(losses, -0.1)])


@pytest.mark.parametrize("n", [6, 27, 28])
def test_up_to_28_differences_are_counted(n: int) -> None:
    assert sign_flip(wins(n)) == pytest.approx(2 * (1 + n) / 2**n, rel=1e-12)
    assert sign_flip(wins(n, 0)) == 2 / 2**n


@pytest.mark.parametrize("n", [29, 40, 100, 500])
def test_who_wins_every_time_has_one_pattern_and_its_opposite(n: int) -> None:
    """However many there are, and however unlike their sizes."""
    assert sign_flip(wins(n, 0)) == 2 / 2**n
    assert sign_flip(np.linspace(0.001, 1, n)) == 2 / 2**n
    assert sign_flip(wins(n, 1)) > 2 / 2**n


@pytest.mark.parametrize("shift", [0.02, 0.05, 0.1, 0.2, 0.4])
@pytest.mark.parametrize("power", [1, 3])
def test_the_approximation_is_within_hundredths_of_counting(
    monkeypatch: pytest.MonkeyPatch, shift: float, power: int
) -> None:
    """Of sizes of one order, and of some that are far larger than others."""
    values = np.random.default_rng(5).normal(0, 1, 26) ** power
    values += shift * np.abs(values).mean()
    counted = sign_flip(values)
    monkeypatch.setattr(significance, "EXACT_UP_TO", 0)
    assert sign_flip(values) == pytest.approx(counted, rel=0.02)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=60))
def test_p_is_between_one_pattern_and_all(numbers: list[int]) -> None:
    p = sign_flip(np.array(numbers, float))
    different = sum(number != 0 for number in numbers)
    assert 2 / 2**different * (1 - 1e-9) <= p <= 1 or sum(numbers) == 0
    assert p == 1 or sum(numbers) != 0
    scaled = sign_flip(np.array(numbers, float) * 0.001)
    assert scaled == pytest.approx(p, rel=1e-6)


def test_p_is_never_more_than_1_close_to_no_difference_at_all() -> None:
    rng = np.random.default_rng(0)
    for n in rng.integers(29, 80, 500):
        numbers = rng.integers(-9, 10, n).astype(float)
        p = sign_flip(numbers - numbers.mean() * (1 - 1e-3 * rng.random()))
        assert 0.95 < p <= 1
    half = np.repeat([1.0, -1.0], 30)
    half[-1] += 0.001  # the approximation alone would say 1.0005
    assert sign_flip(half) == 1


def test_differences_of_nothing_count_for_nothing() -> None:
    assert sign_flip(np.array([0.1] * 6 + [0.0] * 100)) == 2 / 64


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_step_by_step(p_values: list[float]) -> None:
    """Sorted, each is multiplied by how many are not yet passed, and is never below the last."""
    adjusted = holm(p_values)
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    least = 0.0
    for passed, i in enumerate(order):
        least = max(least, min(1.0, p_values[i] * (len(p_values) - passed)))
        assert adjusted[i] == least
    assert all(a >= p for a, p in itertools.zip_longest(adjusted, p_values))
