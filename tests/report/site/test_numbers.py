"""Numbers and the axis of skill."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightbench.report.site.axis import mark
from weightbench.report.site.numbers import (
    DASH,
    MINUS,
    TIMES,
    brackets,
    fixed,
    proper,
    ratio,
    score,
    signed,
)
from weightbench.scoring import Interval


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.93, f"4.9{TIMES}"),
        (1.0, f"1.0{TIMES}"),
        (0.18, f"0.18{TIMES}"),
        (0.996, f"1.0{TIMES}"),
        (12.4, f"12{TIMES}"),
        (None, DASH),
    ],
)
def test_costs_have_two_digits(value: float | None, text: str) -> None:
    assert ratio(value) == text


def test_signs_are_proper() -> None:
    assert fixed(-0.5, 2) == f"{MINUS}0.50"
    assert fixed(-0.001, 2) == "0.00"
    assert signed(0.5, 1) == "+0.5"
    assert proper("3.0x, -1.5 points [-3.3, +0.5], 0.006 +- 0.002") == (
        f"3.0{TIMES}, {MINUS}1.5 points [{MINUS}3.3, +0.5], 0.006 ± 0.002"
    )
    assert proper("l2rw-2x on 8x8 and mnist-v0") == "l2rw-2x on 8x8 and mnist-v0"


def test_shares_are_told_in_per_cent_and_others_as_they_are() -> None:
    assert score(0.9224, "accuracy") == "92.2"
    assert score(0.4125, "nll") == "0.412"


@pytest.mark.parametrize(
    ("mean", "at", "beyond"),
    [(0, 25, ""), (1, 75, ""), (-0.5, 0, ""), (-2.51, 0, f"◀ {MINUS}2.5"), (2.1, 100, "2.1 ▶")],
)
def test_skill_is_placed_on_one_axis_and_nothing_is_clipped_silently(
    mean: float, at: float, beyond: str
) -> None:
    made = mark(Interval(mean, mean - 0.1, mean + 0.1))
    assert (made.at, made.beyond) == (at, beyond)


@given(st.floats(-10, 10), st.floats(0, 5))
def test_intervals_stay_on_the_axis(mean: float, half: float) -> None:
    made = mark(Interval(mean, mean - half, mean + half))
    assert 0 <= made.left <= made.left + made.width <= 100.1
    assert 0 <= made.at <= 100


def test_one_seed_has_no_bar_and_no_brackets() -> None:
    alone = Interval(0.5, -math.inf, math.inf)
    assert mark(alone).width == 0
    assert brackets(alone, 2) == ""
