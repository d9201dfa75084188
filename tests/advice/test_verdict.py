"""The verdict: intervals that hold, and words that say no more than they do."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from weightbench.advice import verdict
from weightbench.advice.verdict import Difference, judge, score_interval

Bools = NDArray[np.bool_]


@pytest.mark.parametrize(
    ("better", "worse", "rows"), [(12, 2, 50), (3, 9, 80), (0, 4, 30), (1, 1, 200)]
)
def test_the_interval_ends_where_the_score_test_rejects(better: int, worse: int, rows: int) -> None:
    """The score test by its definition: the likeliest rates with that difference, found anew."""

    def z(delta: float) -> float:
        def unlikely(q: float) -> float:
            chances = np.clip([q + delta, q, 1 - 2 * q - delta], 1e-12, 1)
            return -float(np.log(chances) @ [better, worse, rows - better - worse])

        bounds = (max(0.0, -delta), (1 - delta) / 2)
        q = float(
            minimize_scalar(unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-10}).x
        )
        return float((better - worse - rows * delta) / np.sqrt(rows * (2 * q + delta - delta**2)))

    low, high = score_interval(better, worse, rows, 1.96)
    assert z(low) == pytest.approx(1.96, abs=0.01)
    assert z(high) == pytest.approx(-1.96, abs=0.01)


def test_rows_that_never_differ_exclude_little() -> None:
    assert score_interval(0, 0, 50, 1.96) == pytest.approx((-0.0714, 0.0714), abs=1e-3)


@pytest.mark.parametrize("rows", [40, 200, 1000])
@pytest.mark.parametrize(("better", "worse"), [(0.02, 0.02), (0.1, 0.05), (0.3, 0.1), (0.02, 0.0)])
def test_the_interval_holds_as_often_as_it_says(rows: int, better: float, worse: float) -> None:
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(rows, [better, worse, 1 - better - worse], 600)
    known: dict[tuple[int, int], bool] = {}
    for b, w, _ in drawn.tolist():
        if (b, w) not in known:
            low, high = score_interval(b, w, rows, 1.96)
            known[b, w] = low <= better - worse <= high
    assert np.mean([known[b, w] for b, w, _ in drawn.tolist()]) >= 0.925


def answers(rng: np.random.Generator, rows: int, *gains: float) -> dict[str, Bools]:
    """Plain training right of 70 %, others right of more by ``gains``, on much the same rows."""
    luck = rng.random(rows)
    found = {"uniform": luck < 0.7}
    for number, gain in enumerate(gains):
        other = np.where(rng.random(rows) < 0.2, rng.random(rows), luck)
        found[f"m{number}"] = other < 0.7 + gain
    return found


def test_the_best_of_many_that_are_no_better_is_seldom_called_better() -> None:
    rng, said = np.random.default_rng(1), []
    for _ in range(150):
        found, factor = verdict.differences(
            answers(rng, 200, *[0.0] * 12), "uniform", np.arange(200) % 5
        )
        said.append(judge(found, "uniform", 200, "trusted rows", factor).answer)
    assert said.count("yes") <= 8  # 2.5 % of them, if each were as it says
    assert "no" not in said, "200 rows never exclude a point"


def test_a_method_that_is_better_is_advised_with_the_numbers() -> None:
    right = answers(np.random.default_rng(0), 1000, 0.15, 0.0)
    found, factor = verdict.differences(right, "uniform", np.arange(1000) % 5)
    said = judge(found, "uniform", 1000, "trusted rows", factor)
    assert (said.answer, said.method) == ("yes", "m0")
    best = found["m0"]
    assert best.low > 0.05
    assert f"{100 * best.gain:.1f} points more" in said.text
    assert f"between {100 * best.low:.1f} and {100 * best.high:.1f} points" in said.text


def test_where_nothing_gains_a_point_the_answer_is_no() -> None:
    right = {"uniform": np.arange(5000) % 10 > 0}
    right["m0"] = right["uniform"].copy()
    found, factor = verdict.differences(right, "uniform", np.arange(5000) % 5)
    assert judge(found, "uniform", 5000, "trusted rows", factor).answer == "no"


def test_how_many_rows_would_do_falls_with_the_gain_and_grows_with_what_differs() -> None:
    def needed(better: int, worse: int) -> int:
        gain = (better - worse) / 200
        said = judge(
            {"m": Difference(0.8, gain, -0.1, 0.2, better, worse)}, "p", 200, "trusted rows"
        )
        assert said.answer == "cannot say"
        assert said.needed is not None
        assert f"about {said.needed:,} would" in said.text
        assert said.method == "p"
        return said.needed

    assert needed(14, 6) < needed(12, 8)
    assert needed(14, 6) < needed(24, 16)
    assert needed(14, 6) > 200


def test_so_many_rows_do_tell() -> None:
    """Of rows that differ as often, as many as it says are enough four times out of five."""
    better, worse = 0.07, 0.03
    at_hand = Difference(0.8, 0.04, -0.01, 0.1, 14, 6)
    rows = verdict.rows_needed(at_hand, 200)
    drawn = np.random.default_rng(0).multinomial(rows, [better, worse, 1 - better - worse], 300)
    told = [score_interval(b, w, rows, 1.96)[0] > 0 for b, w, _ in drawn.tolist()]
    assert 0.7 < np.mean(told) < 0.92


def test_folds_that_differ_widen_the_intervals() -> None:
    folds = np.repeat(np.arange(5), 200)
    rng = np.random.default_rng(0)
    base = rng.random(1000) < 0.7
    alike = np.where(rng.random(1000) < 0.1, ~base, base)
    moody = base & ~((folds < 2) & (rng.random(1000) < 0.25))
    assert verdict.excess((alike.astype(float) - base)[:, None], folds) < 3
    assert verdict.excess((moody.astype(float) - base)[:, None], folds) > 3
