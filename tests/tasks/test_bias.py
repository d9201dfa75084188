"""Tasks whose bias is no plain flip: their data, and what their cards say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import weightbench as wb
from weightbench.check import check_task
from weightbench.registry import SUITES
from weightbench.report.cards import card

DIGITS = [
    ("digits-pair-flip-v0", 0.45), ("digits-class-flip-v0", 0.30), ("digits-input-flip-v0", 0.50),
    ("digits-long-tail-v0", 0.0), ("digits-noisy-tail-v0", 0.3), ("digits-clean-v0", 0.0),
]  # fmt: skip
ADULT = ["adult-groups-v0", "adult-biased-labels-v0"]


@pytest.mark.parametrize(("name", "rate"), DIGITS)
def test_as_many_labels_are_wrong_as_the_task_says(name: str, rate: float) -> None:
    task = wb.make_task(name)
    rates = [task.split(seed).corrupted.rate for seed in range(3)]
    assert np.mean(rates) == pytest.approx(rate, abs=0.03)


@pytest.mark.parametrize("name", ADULT)
def test_a_table_with_groups_keeps_every_rule(name: str) -> None:
    assert check_task(name) == []


def test_adult_has_the_published_counts() -> None:
    """48,842 rows, 32,561 of them for training; one woman in nine earns more than 50,000."""
    data = wb.make_task("adult-groups-v0").data
    assert data.groups is not None
    assert data.test is not None
    assert (len(data.labels), len(data.test)) == (48_842, 16_281)
    cells = np.bincount(2 * data.groups + data.labels)
    assert cells.tolist() == [16_192 - 1_769, 1_769, 32_650 - 9_918, 9_918]
    assert data.labels[data.test].mean() == pytest.approx(0.2362, abs=1e-4)
    assert data.sha256.startswith("94e765af2effb3af")


def test_what_is_carried_along_is_small() -> None:
    assert (Path(__file__).parents[2] / "tasks" / "adult.npz").stat().st_size < 1_000_000


def test_biased_labels_are_those_of_rich_women() -> None:
    task = wb.make_task("adult-biased-labels-v0")
    splits, data = task.split(0), task.data
    assert data.groups is not None
    true, groups = data.labels[splits.train], data.groups[splits.train]
    wrong = splits.given != true
    assert wrong.mean() == pytest.approx(0.015, abs=0.003)
    assert (true[wrong] == 1).all()
    assert (groups[wrong] == 0).all()
    assert wrong[(true == 1) & (groups == 0)].mean() == pytest.approx(0.4, abs=0.005)
    cells = np.bincount(2 * data.groups[splits.holdout] + data.labels[splits.holdout])
    assert cells.tolist() == [3, 3, 3, 3]


def test_a_long_tail_is_in_the_training_set_alone() -> None:
    task = wb.make_task("digits-long-tail-v0")
    splits, labels = task.split(0), task.data.labels
    counts = np.bincount(splits.given)
    assert counts[0] > 45 * counts[9] > 0
    assert (np.diff(counts) <= 0).all()
    for part in (splits.select, splits.test):
        shares = np.bincount(labels[part]) / len(part)
        assert shares.min() > 0.08


def test_the_upper_anchor_of_groups_weighs_every_class_of_every_group_alike() -> None:
    task = wb.make_task("adult-biased-labels-v0", steps=3)
    weighter = wb.make_weighter("oracle")
    wb.start(task, 0, weighter=weighter).train()
    splits, data = task.split(0), task.data
    assert data.groups is not None
    weights = weighter.right.numpy()  # type: ignore[attr-defined]
    assert (weights[splits.given != data.labels[splits.train]] == 0).all()
    cells = 2 * data.groups[splits.train] + splits.given
    np.testing.assert_allclose(np.bincount(cells, weights), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("digits-pair-flip-v0", ["45% of each class", "true class, and how", "55%", "CC BY 4.0"]),
        ("digits-pair-flip-v0[noise=0.2]", ["20% of each class are given the next", "80%"]),
        ("digits-long-tail-v0[factor=10]", ["factor 10", "B (a clean hold-out), E (the noise"]),
        ("adult-groups-v0", ["group 0: ", "doi 10.24432", "D (groups of the training", "16281"]),
    ],
)
def test_a_card_says_what_is_wrong_with_the_data(name: str, words: list[str]) -> None:
    text = str(card(name))
    for word in words:
        assert word in text
    assert ("true class" in text) == (wb.make_task(name).split(0).corrupted.rate > 0)


@pytest.mark.parametrize("name", ["bias", "clean-set", "harm"])
def test_suites_of_bias_have_every_kind(name: str) -> None:
    tasks = [wb.make_task(task) for task in SUITES.get(name).tasks]
    rates = [task.split(0).corrupted.rate for task in tasks]
    if name == "harm":
        assert max(rates) == 0
    elif name == "bias":
        assert len({type(task.corruption) for task in tasks}) == len(tasks)
    else:
        sizes = {(len(t.split(0).holdout), t.parameters()["holdout_noise"]) for t in tasks}
        assert sizes == {(10, 0), (30, 0), (100, 0), (100, 0.1), (100, 0.2), (100, 0.4)}
