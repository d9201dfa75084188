"""The sentences above a board say what its numbers say, and nothing else."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.generated import anchored, cost, record, records
from weightbench.records.schema import Record
from weightbench.records.store import Store
from weightbench.registry import SUITES
from weightbench.scoring import Board, Finding, board, compare
from weightbench.submission.boards import Loaded, load

ROOT = Path(__file__).parents[2]
TASKS = ("a-v0", "b-v0")
FLOPS = {"uniform": 1.0, "free": 1.0, "clean": 3.0, "bad": 1.5, "same": 1.0, "oracle": 1.0}


def made(seeds: int = 8, **levels: tuple[float, float]) -> list[Record]:
    """Records on two tasks whose plain training has .6 and whose oracle has .9."""
    table = anchored(seeds)
    rng = np.random.default_rng(0)
    found = records(table)
    for weighter, means in levels.items():
        for task, mean in zip(TASKS, means, strict=True):
            found += [
                record(
                    task, weighter, seed, mean + 0.01 * rng.standard_normal(),
                    used_holdout=weighter == "clean",
                )
                for seed in range(seeds)
            ]  # fmt: skip
    return found


def scored(seeds: int = 8, **levels: tuple[float, float]) -> Board:
    costs = [
        cost(task, weighter, FLOPS[weighter])
        for task in TASKS
        for weighter in ("uniform", "oracle", *levels)
    ]
    return board(made(seeds, **levels), costs)


def by_kind(found: Board) -> dict[str, Finding]:
    assert len({finding.kind for finding in found.findings}) == len(found.findings) <= 5
    return {finding.kind: finding for finding in found.findings}


def test_who_is_best_with_what_at_which_cost_and_how_sure() -> None:
    found = scored(clean=(0.85, 0.8), free=(0.75, 0.7), bad=(0.7, 0.5))
    best = by_kind(found)["best"]
    assert best.title.startswith("Best: clean, skill 0.7")
    assert best.weighters == ("clean",)
    skill = next(row.skill for row in found.rows if row.weighter == "clean")
    assert skill is not None
    assert best.text.startswith(f"{skill.mean:.2f} [{skill.low:.2f}, {skill.high:.2f}] of the gap")
    for said in (
        "at 3.0x the compute of plain training", "it is given a clean hold-out",
        "ahead of the next, free, by +0.3", "better than plain training on every task",
    ):  # fmt: skip
        assert said in best.text


def test_who_is_best_without_clean_data_and_how_far_behind() -> None:
    found = by_kind(scored(clean=(0.85, 0.8), free=(0.75, 0.7)))["best-without-clean"]
    assert found.title.startswith("Without clean data: free, 0.4")
    assert found.title.endswith("at no extra cost")
    assert "behind clean by +0.3" in found.text
    assert found.weighters == ("free", "clean")


def test_where_nothing_helps_without_clean_data_it_is_said() -> None:
    found = by_kind(scored(clean=(0.85, 0.8), bad=(0.5, 0.5)))["best-without-clean"]
    assert found.title == "Without clean data: nothing beats plain training"
    assert found.weighters == ("uniform", "clean")


def test_where_a_free_method_is_as_good_as_the_best_it_is_said() -> None:
    found = by_kind(scored(clean=(0.85, 0.85), free=(0.65, 0.851)))["level"]
    assert found.tasks == ("b-v0",)
    assert "on b-v0 free is level with clean" in found.text.lower()
    assert "points [" in found.text
    ahead = by_kind(scored(clean=(0.85, 0.8), free=(0.65, 0.84)))["level"]
    assert "on b-v0 free is ahead of clean (+4." in ahead.text.lower()
    assert "level" not in by_kind(scored(clean=(0.85, 0.85), free=(0.65, 0.8)))


def test_level_is_not_said_of_what_is_merely_unknown() -> None:
    """Two seeds leave so much open that ten points could be missing."""
    assert "level" not in by_kind(scored(2, clean=(0.85, 0.85), free=(0.65, 0.83)))


def test_who_does_harm_where_and_how_much() -> None:
    found = by_kind(scored(clean=(0.85, 0.8), bad=(0.7, 0.4), free=(0.7, 0.7)))["harm"]
    assert found.title == "Careful: 1 method can do worse than plain training"
    assert found.tasks == ("b-v0",)
    assert "1 of 3 on b-v0, bad most (-20.3 points [-21.3, -19.3])" in found.text
    assert "harm" not in by_kind(scored(clean=(0.85, 0.8), free=(0.7, 0.7)))


def test_nothing_beats_plain_training_where_nothing_does() -> None:
    found = by_kind(scored(bad=(0.5, 0.5), free=(0.55, 0.6)))
    assert found["best"].title == "Nothing beats plain training"
    assert found["best"].text == (
        "Beyond chance none of 2 methods is better than plain training; a gain of more than 0.00 "
        "of skill is excluded for each."
    )
    assert "harm" in found


def test_the_best_that_is_not_told_from_the_next_is_said_to_be() -> None:
    text = by_kind(scored(clean=(0.8, 0.8), free=(0.8, 0.8)))["best"].text
    assert re.search(
        r"not told apart from (free|clean) \([+-]0\.0\d \[-0\.\d\d, \+0\.\d\d\]\)", text
    )


def test_of_a_single_seed_nothing_is_said() -> None:
    assert scored(1, clean=(0.85, 0.8), free=(0.7, 0.7)).findings == ()


def test_nothing_is_said_of_an_empty_board_or_of_one_row() -> None:
    assert board([]).findings == ()
    assert board([record("a-v0", "good", seed, 0.7) for seed in range(6)]).findings == ()


level = st.integers(30, 95).map(lambda percent: percent / 100)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from(["clean", "free", "bad", "same"]), st.tuples(level, level)))
def test_no_sentence_contradicts_a_comparison(levels: dict[str, tuple[float, float]]) -> None:
    found = scored(6, **levels)
    names = {row.weighter for row in found.rows}
    for finding in found.findings:
        assert set(finding.weighters) <= names
        assert set(finding.tasks) <= set(found.tasks)
        assert finding.text.endswith(".")
        if finding.kind == "harm":
            for weighter in finding.weighters:
                compared = compare(made(6, **levels), weighter, "uniform")
                assert any(on_task.sign == "B" for on_task in compared.tasks)
        if finding.kind == "best" and "ahead of the next" in finding.text:
            best = finding.weighters[0]
            told = [duel for duel in found.duels if best in (duel.one, duel.other)]
            assert all(duel.is_told for duel in told)


@functools.cache
def published() -> Loaded:
    return load(Store(ROOT / "leaderboard"))


@pytest.mark.parametrize("suite", ["rivals", "bias", "paper-digits", "fig2", "mnist-flips"])
def test_a_published_board_says_who_is_best(suite: str) -> None:
    found = published().of_suite(suite, SUITES.get(suite))
    ranked = [row.weighter for row in found.rows if row.rank is not None]
    assert 2 <= len(found.findings) <= 5
    assert found.findings[0].kind == "best"
    assert found.findings[0].weighters == (ranked[0],)
