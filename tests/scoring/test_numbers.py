"""Every number of a board and of a comparison, by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

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
)

ANCHORS = {
    task: Anchor(fingerprint=digest(task), lower=0.5, upper=upper, chance=0.1, seeds=8, error=0.0)
    for task, upper in (("a-v0", 0.9), ("b-v0", 0.7))
}


def row(scored: Board, weighter: str = "good") -> Row:
    return next(row for row in scored.rows if row.weighter == weighter)


def deviation(values: Sequence[float]) -> float:
    """Of the mean of ``values``."""
    return float(np.std(values, ddof=1) / len(values) ** 0.5)


def near(interval: Interval | None, mean: float, error: float, freedom: float = 199) -> None:
    """That it is the 95 % interval of Student's t."""
    half = stats.t.ppf(0.975, freedom) * error
    assert interval is not None
    assert interval.mean == pytest.approx(mean)
    assert (interval.low, interval.high) == pytest.approx((mean - half, mean + half))


def welch(errors: Sequence[float]) -> float:
    """Degrees of freedom of the sum of means of 200 seeds each."""
    return float(sum(e**2 for e in errors) ** 2 / sum(e**4 / 199 for e in errors))


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


def test_no_interval_of_a_share_reaches_beyond_0_and_1() -> None:
    made = {"a-v0": {"good": [0.99, 1.0, 0.95], "fair": [0.0, 0.04, 0.01]}}
    scored = board(records(made))
    for name in ("good", "fair"):
        found = row(scored, name).cells["a-v0"].accuracy
        assert 0 <= found.low < found.mean < found.high <= 1
    assert row(scored, "good").cells["a-v0"].accuracy.high == 1
    assert row(scored, "fair").cells["a-v0"].accuracy.low == 0


def test_skill_of_a_row_is_the_mean_over_tasks_and_its_interval_that_of_a_mean() -> None:
    skills = {t: (np.array(ws["good"]) - 0.5) / SCALE[t] for t, ws in TABLE.items()}
    mean = np.mean([skill.mean() for skill in skills.values()])
    errors = [deviation(skill.tolist()) for skill in skills.values()]
    scored = row(board(records(TABLE), frozen=ANCHORS))
    near(scored.skill, float(mean), math.hypot(*errors) / 2, welch(errors))


def test_every_number_of_a_comparison() -> None:
    found = compare(records(TABLE), "good", "fair", ANCHORS)
    assert (found.one, found.other, found.notes) == ("good", "fair", ())
    differences = {t: np.array(ws["good"]) - np.array(ws["fair"]) for t, ws in TABLE.items()}
    for on_task, (task, found_) in zip(found.tasks, differences.items(), strict=True):
        assert on_task.task == task
        assert on_task.one == pytest.approx(np.mean(TABLE[task]["good"]))
        assert on_task.other == pytest.approx(np.mean(TABLE[task]["fair"]))
        near(on_task.difference, found_.mean(), deviation(found_.tolist()))
        assert on_task.n == 200
        assert on_task.p == pytest.approx(stats.ttest_1samp(found_, 0).pvalue)
    overall = found.overall
    assert overall is not None
    skills = [values / SCALE[task] for task, values in differences.items()]
    assert overall.task == "all"
    for told, weighter in ((overall.one, "good"), (overall.other, "fair")):
        means = [(np.mean(TABLE[task][weighter]) - 0.5) / SCALE[task] for task in TABLE]
        assert told == pytest.approx(np.mean(means))
    errors = [deviation(values.tolist()) for values in skills]
    mean, error = float(np.mean([values.mean() for values in skills])), math.hypot(*errors) / 2
    near(overall.difference, mean, error, welch(errors))
    assert overall.p == pytest.approx(2 * stats.t.sf(abs(mean) / error, welch(errors)))
    assert overall.n == 400


def test_what_is_gained_over_plain_training_is_paired_and_more_is_better() -> None:
    table = {"a-v0": {"good": values(1, 0.7), "uniform": values(2, 0.6)}}
    scored = board(records(table), frozen=ANCHORS)
    differences = np.array(table["a-v0"]["good"]) - np.array(table["a-v0"]["uniform"])
    gain = row(scored).cells["a-v0"].gain
    near(gain, differences.mean(), deviation(differences.tolist()))
    assert row(scored, "uniform").cells["a-v0"].gain is None
    alone = board([r for r in records(table) if r.trial.weighter == "good"], frozen=ANCHORS)
    assert row(alone).cells["a-v0"].gain is None


def test_a_comparison_says_whose_anchors_it_is_measured_by() -> None:
    table = anchored()
    for task in table:
        table[task]["good"] = spread(0.8, 8, 7)
    notes = compare(records(table), "good", "uniform").notes
    assert notes == ("anchors are this run's own uniform (skill 0) and oracle (skill 1)",)


def around(mean: float, half: float, needed: int | None = None, metric: str = "accuracy") -> str:
    interval = Interval(mean, mean - half, mean + half)
    found = Difference("a", 0.5, 0.5, interval, 0.5, 6, needed, metric)
    return f"{found.sign} {found.verdict}"


def test_verdicts() -> None:
    """They say what the interval says."""
    assert around(0.1, 0.05) == "A first is better"
    assert around(-0.1, 0.05) == "B second is better"
    assert around(-0.1, 0.05, metric="nll") == "A first is better"
    assert around(0.01, 0.015) == "= cannot be told apart: at most 0.025 apart"
    assert around(-0.01, 0.1, 40) == "? too few seeds to tell: about 40 would do"
    assert around(0.1, np.inf) == "? too few seeds to tell: it takes two on every task"


@pytest.mark.parametrize("seeds", [2, 3, 6])
def test_a_difference_that_seeds_hardly_move_is_told_with_few_of_them(seeds: int) -> None:
    """.981 and .503 are not alike, whatever the number of seeds and tasks."""
    table = {
        task: {
            "good": [0.981 + 0.001 * (i % 2) for i in range(seeds)],
            "fair": [0.503 - 0.001 * (i % 3) for i in range(seeds)],
        }
        for task in ("a-v0", "b-v0", "c-v0")
    }
    found = compare(records(table), "good", "fair")
    assert {on_task.verdict for on_task in found.tasks} == {"first is better"}


@pytest.mark.parametrize("shift", [0.0, 0.01, 0.02, 0.03, 0.05])
def test_more_seeds_are_asked_for_than_there_are(shift: float) -> None:
    rng = np.random.default_rng(5)
    for _ in range(30):
        table = {"a-v0": {w: (0.7 + 0.05 * rng.standard_normal(8)).tolist() for w in ("x", "y")}}
        table["a-v0"]["x"] = [value + shift for value in table["a-v0"]["x"]]
        found = compare(records(table), "x", "y").tasks[0]
        assert (found.sign == "?") == (found.needed is not None)
        assert found.needed is None or found.needed > 8


def test_how_many_seeds_would_do_is_as_many_as_do() -> None:
    rng = np.random.default_rng(3)
    drawn = {w: (0.7 + 0.05 * rng.standard_normal(400)).tolist() for w in ("good", "fair")}

    def first(seeds: int) -> Difference:
        few = {"a-v0": {w: values[:seeds] for w, values in drawn.items()}}
        return compare(records(few), "good", "fair").tasks[0]

    asked = first(8).needed
    assert first(8).sign == "?"
    assert asked is not None
    assert 20 < asked < 400
    assert first(400).sign == "="
    assert first(400).needed is None


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
    # A half of the interval is .47 of how far the quartiles are apart.
    halves = 0.47 * 200 / 400 * 3 / 1.75, 0.47 * 100 / 50 * 1.25 / 3.2
    factor = np.exp(np.hypot(*halves) / 2)
    assert found.time_low == pytest.approx(found.time / factor, rel=1e-3)
    assert found.time_high == pytest.approx(found.time * factor, rel=1e-3)
    assert not found.time_known
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


def test_uniform_costs_1_by_definition() -> None:
    made = [trained("a-v0", "uniform", 400)]
    found = row(board(made, [cost("a-v0", "uniform", 1.1, time_high=9.0)]), "uniform").cost
    assert found is not None
    assert (found.time, found.time_low, found.time_high) == (1, 1, 1)
    assert (found.flops, found.memory, found.time_known) == (1, 1, True)


def test_a_time_that_is_not_known_to_a_fifth_is_said_not_to_be() -> None:
    made = [trained("a-v0", w, 400) for w in ("uniform", "good", "fair")]
    probes = [
        cost("a-v0", "good", 2.0, time_low=1.8, time_high=2.3),
        cost("a-v0", "fair", 2.0, time_low=1.95, time_high=2.05),
    ]
    scored = board(made, probes)
    known = {r.weighter: r.cost.time_known for r in scored.rows if r.cost}
    assert known == {"good": False, "fair": True}
    assert [n for n in scored.notes if n.startswith("no time for good: its interval is wider")]


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
