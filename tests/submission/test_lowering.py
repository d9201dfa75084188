"""What reruns on another machine take off a row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from weightbench.submission.draw import Claims
from weightbench.submission.lowering import lowering

TASK = np.repeat(np.arange(4), 6)
LEAST, MOST, DRAWS = 0.02, 0.15, 4000


def taken_off(
    altered: NDArray[np.float64], noise: float, k: int = 6
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean difference and what is taken off each task, over many draws."""
    random = np.random.default_rng(0)
    honest = random.normal(0, 0.2, len(altered))
    drawn = Claims(TASK, honest + altered).draw(k, random, DRAWS)
    found = np.where(drawn, altered + random.normal(0, noise, drawn.shape), np.nan)
    low = lowering(found, drawn.mean(axis=0), TASK, LEAST, MOST)
    return low.mean, low.by_task


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.sampled_from((0.0, 0.1, 0.4)), min_size=4, max_size=4),
    st.sampled_from((0.0, 0.03, 0.15)),
)
def test_a_task_whose_trials_are_raised_is_lowered_by_as_much(
    raised: list[float], noise: float
) -> None:
    mean, by_task = taken_off(np.repeat(raised, 6), noise)
    assert mean.mean() == pytest.approx(np.mean(raised), abs=0.01)
    assert (by_task.mean(axis=0) >= np.array(raised) - 0.02).all()


def test_honest_claims_stay_where_they_are() -> None:
    for noise in (0.03, 0.15):
        mean, by_task = taken_off(np.zeros(24), noise)
        assert mean.mean() == pytest.approx(0, abs=0.005)
        assert by_task.mean() < 0.06 * noise


def test_what_is_above_the_error_is_taken_off_once_more() -> None:
    differences = np.full((1, 24), np.nan)
    differences[0, [0, 6, 12, 18]] = 0.3, 0.3, 0.3, 0.3
    low = lowering(differences, np.full(24, 0.25), TASK, LEAST, MOST)
    assert low.mean[0] == pytest.approx(0.3)
    assert low.error[0] == pytest.approx(LEAST / 2)
    assert low.by_task[0] == pytest.approx(0.3 + (0.3 - LEAST / 2))


def test_a_task_that_no_rerun_is_of_is_taken_to_be_like_the_others() -> None:
    differences = np.full((1, 24), np.nan)
    differences[0, [0, 6]] = 0.1, 0.3
    low = lowering(differences, np.full(24, 0.25), TASK, MOST, MOST)
    assert low.mean[0] == pytest.approx(0.2)
    extra = 0.2 - low.error[0]
    assert low.by_task[0] == pytest.approx(np.array([0.1, 0.3, 0.2, 0.2]) + extra)


def test_a_rerun_counts_for_as_many_trials_as_it_was_drawn_from() -> None:
    differences = np.full((1, 6), np.nan)
    differences[0, [0, 1]] = 0.0, 0.1
    chance = np.array([0.9, 0.1, *[0.25] * 4])
    low = lowering(differences, chance, np.zeros(6, np.int64), LEAST, MOST)
    assert low.mean[0] == pytest.approx(0.1 * 0.9)


def test_all_trials_trained_again_leave_what_came_out() -> None:
    differences = np.random.default_rng(0).normal(0, 0.1, (1, 24))
    low = lowering(differences, np.ones(24), TASK, LEAST, MOST)
    by_task = differences.reshape(4, 6).mean(axis=1)
    assert low.by_task[0] == pytest.approx(by_task + max(low.mean[0] - low.error[0], 0))
