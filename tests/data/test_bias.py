"""Bias that depends on class, group and input: rates, matrices and counts that are published."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import weightbench as wb
from weightbench.data.corrupting import corrupt
from weightbench.data.long_tail import tail_counts
from weightbench.errors import BadData, UnknownParameter

Labels = NDArray[np.int64]
TEN = np.repeat(np.arange(10), 1000)
MNIST = ((7, 1), (2, 7), (5, 6), (6, 5), (3, 8))
CIFAR = ((9, 1), (2, 0), (3, 5), (5, 3), (4, 7))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def digits() -> wb.DataSet:
    images, labels = load_digits(return_X_y=True)
    return wb.DataSet("digits", (images / 16).astype(np.float32), labels.astype(np.int64), 10)


def done(corruption: Any, data: wb.DataSet, seed: int = 0) -> wb.Corrupted:
    return corrupt(corruption, data, np.arange(len(data.labels)), rng(seed))


# ---- flips by class ------------------------------------------------------------------------------


def test_pair_flips_have_the_published_matrix() -> None:
    """Han et al. 2018: .55 on the diagonal, .45 beside it, the last class to the first."""
    flipped = wb.PairFlip(0.45)(rng().permutation(TEN), 10, rng())
    expected = 0.55 * np.eye(10) + 0.45 * np.roll(np.eye(10), 1, axis=1)
    np.testing.assert_allclose(flipped.transition, expected, atol=1e-12)
    assert flipped.rate == pytest.approx(0.45)


@pytest.mark.parametrize("pairs", [MNIST, CIFAR], ids=["mnist", "cifar10"])
@pytest.mark.parametrize("noise", [0.2, 0.4, 0.6])
def test_asymmetric_flips_are_half_as_many_as_they_are_called(
    pairs: tuple[tuple[int, int], ...], noise: float
) -> None:
    """Patrini et al. 2017: five of ten classes have a pair."""
    flipped = wb.ClassFlip(pairs, noise)(rng().permutation(TEN), 10, rng())
    expected = np.eye(10)
    for one, other in pairs:
        expected[one, one], expected[one, other] = 1 - noise, noise
    np.testing.assert_allclose(flipped.transition, expected, atol=1e-12)
    assert flipped.rate == pytest.approx(noise / 2)


def test_a_class_in_several_pairs_becomes_each_as_often() -> None:
    flipped = wb.ClassFlip(((0, 3), (0, 5)), 0.4)(TEN, 10, rng())
    assert np.bincount(flipped.labels[TEN == 0]).tolist() == [600, 0, 0, 200, 0, 200]
    assert flipped.rate == pytest.approx(0.04)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=200), st.floats(0, 1), st.integers(0, 99))
def test_the_share_is_exact_in_every_class(given_: list[int], noise: float, seed: int) -> None:
    labels = np.array(given_, np.int64)
    flipped = wb.PairFlip(noise)(labels, 6, rng(seed))
    for label in range(6):
        rows = labels == label
        wrong = flipped.labels[rows][flipped.labels[rows] != label]
        assert len(wrong) == round(noise * rows.sum())
        assert (wrong == (label + 1) % 6).all()


def test_biased_labels_touch_one_class_of_one_group() -> None:
    labels, groups = np.tile([0, 1], 500), np.repeat([0, 1], 500)
    data = wb.DataSet("d", np.zeros((1000, 1), np.float32), labels, 2, groups=groups)
    flipped = done(wb.GroupFlip(0.4, group=1, label=1, becomes=0), data)
    wrong = flipped.labels != labels
    assert wrong.sum() == 100
    assert ((labels == 1) & (groups == 1))[wrong].all()
    assert flipped.rate == pytest.approx(0.1)


def test_a_corruption_that_asks_for_groups_needs_them() -> None:
    with pytest.raises(BadData, match="digits has no groups"):
        done(wb.GroupFlip(), digits())


# ---- flips by input ------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.2, 0.4, 0.5])
@pytest.mark.parametrize("scaling", ["standardized", "raw"])
def test_part_dependent_flips_are_as_many_as_asked_for(noise: float, scaling: str) -> None:
    data = digits()
    rates = [done(wb.PartDependentFlip(noise, scaling=scaling), data, s).rate for s in range(5)]
    assert np.mean(rates) == pytest.approx(noise, abs=0.02)


def test_where_part_dependent_flips_go_depends_on_the_scaling() -> None:
    """As measured on CIFAR-10 (70 % and 28 %): raw inputs send most of a class to one other."""
    data = digits()

    def top_share(scaling: str) -> float:
        shares = []
        for seed in range(5):
            matrix = done(wb.PartDependentFlip(0.4, scaling=scaling), data, seed).transition.copy()
            np.fill_diagonal(matrix, 0)
            shares.append((matrix.max(1) / matrix.sum(1)).mean())
        return float(np.mean(shares))

    assert top_share("raw") > 0.5 > 0.45 > top_share("standardized")


def test_part_dependent_flips_go_where_the_input_points() -> None:
    """The same input is flipped to one class; a duplicate set halves nothing."""
    data = digits()
    rows = np.repeat(np.flatnonzero(data.labels == 3)[:5], 200)
    same = wb.DataSet("d", data.inputs[rows], data.labels[rows], 10)
    flipped = done(wb.PartDependentFlip(0.5, scaling="raw"), same)
    for row in np.unique(rows):
        mine = flipped.labels[(rows == row) & (flipped.labels != 3)]
        assert len(mine) > 70
        assert np.bincount(mine).max() / len(mine) > 0.5


@pytest.mark.parametrize(("margin", "noise"), [("I", 0.35), ("II", 0.35), ("III", 0.7)])
def test_margin_flips_realise_their_rate_and_prefer_near_ties(margin: str, noise: float) -> None:
    """Published on CIFAR-10: .350 to .354 and .700 to .705; some classes suffer more."""
    flipped = done(wb.MarginFlip(noise, margin=margin), digits())
    assert flipped.rate == pytest.approx(noise, abs=0.015)
    by_class = 1 - np.diag(flipped.transition)
    assert by_class.max() - by_class.min() > 0.05


def test_a_rate_that_no_margin_gives_is_refused() -> None:
    with pytest.raises(BadData, match=r"noise=0.01: with these inputs it lies from 0\.\d+ to"):
        done(wb.MarginFlip(0.01), digits())


# ---- long tails ----------------------------------------------------------------------------------

CUI = {
    200: [5000, 2775, 1540, 854, 474, 263, 146, 81, 45, 25],
    100: [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50],
    50: [5000, 3237, 2096, 1357, 878, 568, 368, 238, 154, 100],
    20: [5000, 3584, 2569, 1842, 1320, 946, 678, 486, 348, 250],
    10: [5000, 3871, 2997, 2320, 1796, 1391, 1077, 834, 645, 500],
}


@pytest.mark.parametrize("factor", CUI)
def test_a_long_tail_has_the_published_counts(factor: int) -> None:
    labels = rng().permutation(np.repeat(np.arange(10), 5000))
    tail = wb.LongTail(factor)(labels, 10, rng())
    assert np.bincount(tail.labels).tolist() == CUI[factor]
    assert (tail.labels == labels[tail.index]).all()
    assert (np.diff(tail.index) > 0).all()
    assert tail.rate == 0


@pytest.mark.parametrize(
    ("factor", "total"), [(200, 9502), (100, 10847), (50, 12608), (20, 15907), (10, 19573)]
)
def test_the_tail_of_a_hundred_classes(factor: int, total: int) -> None:
    assert tail_counts(500, 100, factor).sum() == total


def test_many_medium_and_few_of_a_hundred_classes() -> None:
    """At factor 100: more than 100 images, 20 to 100, fewer than 20."""
    counts = tail_counts(500, 100, 100)
    assert ((counts > 100).sum(), (counts < 20).sum()) == (35, 30)


@settings(max_examples=20)
@given(st.floats(1, 100), st.floats(0, 1), st.sampled_from(["any", "frequent"]))
def test_a_noisy_tail_is_thinned_by_the_truth_and_then_flipped(
    factor: float, noise: float, toward: str
) -> None:
    noisy = wb.NoisyLongTail(factor, noise, toward=toward)(TEN, 10, rng())
    true = TEN[noisy.index]
    assert np.bincount(true).tolist() == tail_counts(1000, 10, factor).tolist()
    assert (noisy.labels != true).sum() == round(noise * len(true))


def test_noise_toward_the_frequent_makes_the_tail_rarer() -> None:
    """Wei et al. 2021: the other label is drawn in proportion to the counts."""
    counts = {}
    for toward in ("any", "frequent"):
        noisy = wb.NoisyLongTail(50, 0.5, toward=toward)(TEN, 10, rng())
        counts[toward] = np.bincount(noisy.labels, minlength=10)
    assert counts["frequent"][-1] < 60 < counts["any"][-1]
    noisy = wb.NoisyLongTail(50, 1.0, toward="frequent")(TEN, 10, rng())
    tail = tail_counts(1000, 10, 50).astype(float)
    expected = np.where(np.arange(10) == 9, 0, tail)
    np.testing.assert_allclose(noisy.transition[0, 1:], tail[1:] / tail[1:].sum(), atol=0.05)
    assert noisy.transition[9].argmax() == expected.argmax() == 0


def test_a_long_tail_needs_every_class() -> None:
    with pytest.raises(BadData, match="no example of 1"):
        wb.LongTail(10)(np.array([0, 2]), 3, rng())


@pytest.mark.parametrize(
    "make",
    [
        lambda: wb.PairFlip(1.5), lambda: wb.ClassFlip(((1, 1),)), lambda: wb.GroupFlip(-0.1),
        lambda: wb.LongTail(0.5), lambda: wb.NoisyLongTail(0.5), lambda: wb.MarginFlip(2.0),
        lambda: wb.NoisyLongTail(toward="few"), lambda: wb.PartDependentFlip(scaling="log"),
        lambda: wb.MarginFlip(margin="IV"), lambda: wb.ClassFlip(((1, 12),))(TEN, 10, rng()),
        lambda: wb.GroupFlip(becomes=2)(TEN % 2, 2, rng(), groups=TEN),
        lambda: wb.HoldoutPerClass(holdout_noise=1.5),
    ],
)  # fmt: skip
def test_parameters_that_mean_nothing_are_refused(make: Any) -> None:
    with pytest.raises(UnknownParameter):
        make()


EVERY = [
    wb.PairFlip(), wb.ClassFlip(MNIST), wb.GroupFlip(), wb.LongTail(), wb.NoisyLongTail(),
    wb.PartDependentFlip(), wb.MarginFlip(),
]  # fmt: skip


@pytest.mark.parametrize("corruption", EVERY, ids=lambda c: type(c).__name__)
def test_what_is_done_is_told_and_repeats(corruption: Any) -> None:
    data = digits()
    data = wb.DataSet("d", data.inputs, data.labels, 10, groups=np.arange(1797) % 2)
    before = data.labels.copy(), data.inputs.copy()
    one, again, other = (done(corruption, data, seed) for seed in (0, 0, 1))
    assert one.sha256 == again.sha256 != other.sha256
    true = data.labels[one.index]
    assert one.rate == np.mean(one.labels != true)
    for label in range(10):
        row = np.bincount(one.labels[true == label], minlength=10) / (true == label).sum()
        np.testing.assert_allclose(one.transition[label], row)
    assert (data.labels == before[0]).all()
    assert (data.inputs == before[1]).all()
    assert "%" in str(corruption) or "factor" in str(corruption)


# ---- hold-outs -----------------------------------------------------------------------------------


def task(holdout: Any, **more: Any) -> wb.Task:
    data = digits()
    groups = (rng().random(len(data.labels)) < 0.2).astype(np.int64)
    return wb.Task(
        name="mine", corruption=wb.UniformFlip(0.2), holdout=holdout, select=50, test=100,
        dataset=wb.DataSet("d", data.inputs, data.labels, 10, groups=groups),
        model=lambda _: __import__("torch").nn.Linear(64, 10), **more,
    )  # fmt: skip


@pytest.mark.parametrize("kind", [wb.HoldoutPerClass(10), wb.HoldoutTotal(100)])
def test_a_hold_out_can_be_noisy(kind: Any) -> None:
    clean = task(kind)
    noisy = clean.with_params(wb.parse_spec("mine[holdout_noise=0.3]"))
    before, after = clean.split(0), noisy.split(0)
    true = noisy.data.labels[after.holdout]
    assert (before.holdout_given == clean.data.labels[before.holdout]).all()
    assert (after.holdout_given != true).sum() == 30
    assert wb.start(noisy, 0).holdout[1].tolist() == after.holdout_given.tolist()
    assert noisy.fingerprint != clean.fingerprint
    assert noisy.name == "mine[holdout_noise=0.3]"


def test_a_hold_out_by_group_has_each_class_in_each_group() -> None:
    mine = task(wb.HoldoutPerGroup(2))
    data, holdout = mine.data, mine.split(0).holdout
    assert data.groups is not None
    cells = data.labels[holdout] * 2 + data.groups[holdout]
    assert np.bincount(cells).tolist() == [2] * 20
