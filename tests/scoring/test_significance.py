"""Exact tests, counted by hand and by brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weightbench.scoring import significance
from weightbench.scoring.significance import holm, sign_flip

parts = st.lists(
    st.floats(-1, 1, allow_subnormal=False).map(lambda x: round(x, 3)), min_size=1, max_size=10
)


def brute_force(values: list[float]) -> float:
    total = abs(sum(values))
    sums = [abs(np.dot(s, values)) for s in itertools.product((-1, 1), repeat=len(values))]
    return float(np.mean([s >= total - 1e-9 for s in sums]))


@settings(max_examples=60, deadline=None)
@given(parts)
def test_all_sign_patterns_are_counted(values: list[float]) -> None:
    assert sign_flip(np.array(values)) == pytest.approx(brute_force(values))


def test_six_wins_of_six_are_just_enough_and_five_are_not() -> None:
    assert sign_flip(np.full(6, 0.1)) == pytest.approx(2 / 64)
    assert sign_flip(np.full(5, 0.1)) == pytest.approx(2 / 32)


def test_no_difference_at_all_has_p_1() -> None:
    assert sign_flip(np.zeros(8)) == 1
    assert sign_flip(np.array([0.1, -0.1])) == 1


def test_the_sign_and_the_order_do_not_matter() -> None:
    values = np.array([0.3, -0.1, 0.2, 0.4, 0.05, -0.02])
    assert sign_flip(values) == sign_flip(-values) == sign_flip(values[::-1])


@pytest.mark.parametrize("shift", [-0.1, 0.1, 0.3, 0.45])
def test_the_approximation_for_many_pairs_agrees_with_counting(
    monkeypatch: pytest.MonkeyPatch, shift: float
) -> None:
    values = np.random.default_rng(1).normal(shift, 1, 24)
    counted = sign_flip(values)
    assert counted > 1e-4
    monkeypatch.setattr(significance, "EXACT_UP_TO", 0)
    assert sign_flip(values) == pytest.approx(counted, rel=0.03)


def test_many_pairs_give_a_p_value_at_both_ends() -> None:
    assert sign_flip(np.full(500, 0.1)) < 1e-100
    draws = np.random.default_rng(2).normal(size=500)
    assert 0.9 < sign_flip(draws - draws.mean() + 1e-6) <= 1


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
