"""Which trials are trained again, and what the draw is worth against forgers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.submission.forging import (
    LIMIT,
    Honest,
    Judged,
    Vector,
    another_machine,
    best,
    methods,
    same_machine,
)
from weightbench.registry import SUITES
from weightbench.submission.copies import own_records
from weightbench.submission.draw import SCALE, Claims

FOUR = np.repeat(np.arange(4), 6)


def claims(*skill: float) -> Claims:
    return Claims(FOUR[: len(skill)], np.array(skill))


def test_every_task_has_its_share() -> None:
    random = np.random.default_rng(0)
    drawn = Claims(FOUR, random.normal(0, 0.3, 24)).draw(6, random, 500)
    assert (drawn.sum(axis=1) == 6).all()
    assert (drawn.reshape(-1, 4, 6).sum(axis=2) >= 1).all()
    few = Claims(FOUR, np.zeros(24)).draw(3, random, 500)
    assert (few.reshape(-1, 4, 6).sum(axis=2) <= 1).all()
    assert set(map(int, few.reshape(-1, 4, 6).any(axis=2).sum(axis=0))) - {0}


def test_equal_claims_are_drawn_equally_often() -> None:
    drawn = Claims(FOUR, np.zeros(24)).draw(6, np.random.default_rng(0), 20_000)
    assert drawn.mean(axis=0) == pytest.approx(np.full(24, 0.25), abs=0.015)


def test_a_claim_counts_the_more_the_further_it_is_beyond_the_least() -> None:
    weight = claims(0.1, 0.1 + SCALE, 0.1 + 2 * SCALE).weight()
    assert weight == pytest.approx([1, 2, 5])
    drawn = claims(0, 0, 0, 0, 0, 1.5).draw(1, np.random.default_rng(0), 20_000)
    assert drawn[:, 5].mean() == pytest.approx(57.25 / 62.25, abs=0.01)


def test_the_least_chance_of_being_caught_is_that_of_the_trials_least_likely_to_be_drawn() -> None:
    flat = Claims(FOUR, np.zeros(24))
    # Six altered trials of one task are always met, and the least likely ones are not there.
    assert flat.caught(6, 24) == 1
    assert flat.caught(24, 1) == 1
    assert flat.caught(6, 1) == pytest.approx(0.25, abs=0.02)
    steep = Claims(FOUR, np.tile([0, 0, 0, 0, 0, 1.5], 4))
    assert steep.caught(6, 1) < flat.caught(6, 1)
    chances = [steep.caught(6, altered) for altered in (1, 6, 12, 20, 24)]
    assert chances == sorted(chances)


def test_nobody_can_tell_the_draw_beforehand() -> None:
    flat = Claims(FOUR, np.zeros(24))
    assert len({flat.draw(6).tobytes() for _ in range(5)}) > 1


@pytest.fixture(scope="module")
def one_method() -> list[Honest]:
    return [m for m in methods(Path("leaderboard")) if m.name == "proportion"]


@pytest.mark.slow
@pytest.mark.parametrize("judge", [same_machine(True), another_machine(0.03, True)])
def test_a_forger_gains_little_beside_the_published_board(
    one_method: list[Honest], judge: Callable[[Honest, Vector, int], Judged]
) -> None:
    """All methods, numbers and machines are in ``make forging``."""
    gains = best(one_method, judge)
    assert {1, 6} <= gains.keys(), "none is listed that brings nothing"
    assert max(gain.untold for gain in gains.values()) < LIMIT


def test_tasks_with_more_luck_have_more_of_the_draws_that_are_left() -> None:
    luck = np.repeat([0.1, 0.1, 0.1, 0.3], 6)
    drawn = Claims(FOUR, np.zeros(24), luck).draw(6, np.random.default_rng(0), 5000)
    by_task = drawn.reshape(-1, 4, 6).sum(axis=2).mean(axis=0)
    assert by_task[3] == pytest.approx(1 + 2 * 9 / 12, abs=0.15)
    assert by_task[:3] == pytest.approx(1 + 2 / 12, abs=0.06)


def test_seeds_are_known_from_the_published_board_where_there_is_none(tmp_path: Path) -> None:
    known = own_records(tmp_path / "board" / "submissions" / "mine")
    assert {record.trial.task for record in known} >= set(SUITES.get("quick").tasks)
