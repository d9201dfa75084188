"""Corruptions do what they say, for any labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from weightbench.data.corruption import BackgroundFlip, Corruption, Imbalance, UniformFlip
from weightbench.errors import BadData, UnknownParameter

Labels = NDArray[np.int64]


@st.composite
def labelled(draw: st.DrawFn) -> tuple[Labels, int]:
    classes = draw(st.integers(2, 12))
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=1, max_size=300))
    return np.array(labels, dtype=np.int64), classes


shares = st.floats(0, 1)
seeds = st.integers(0, 2**32 - 1)


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


flips = st.one_of(
    st.builds(UniformFlip, shares, convention=st.sampled_from(["other", "redraw"])),
    st.builds(BackgroundFlip, shares),
)


@given(labelled(), flips, seeds)
def test_a_flip_reports_what_it_did(
    data: tuple[Labels, int], corruption: Corruption, seed: int
) -> None:
    labels, classes = data
    before = labels.copy()
    result = corruption(labels, classes, rng(seed))
    assert (labels == before).all(), "the true labels are left alone"
    assert (result.index == np.arange(len(labels))).all()
    assert result.rate == np.mean(result.labels != labels)
    assert result.transition.shape == (classes, classes)
    np.testing.assert_allclose(result.transition.sum(1), 1)
    counts = np.bincount(labels, minlength=classes)
    kept = np.diag(result.transition) @ counts
    np.testing.assert_allclose(1 - kept / len(labels), result.rate, atol=1e-9)
    again = corruption(labels, classes, rng(seed))
    assert again.sha256 == result.sha256
    assert (again.labels == result.labels).all()


@given(labelled(), shares, seeds)
def test_other_never_keeps_a_chosen_label(
    data: tuple[Labels, int], noise: float, seed: int
) -> None:
    labels, classes = data
    result = UniformFlip(noise)(labels, classes, rng(seed))
    assert int((result.labels != labels).sum()) == round(noise * len(labels))


@given(labelled(), shares, seeds)
def test_redraw_never_makes_the_last_class(
    data: tuple[Labels, int], noise: float, seed: int
) -> None:
    labels, classes = data
    result = UniformFlip(noise, convention="redraw")(labels, classes, rng(seed))
    changed = result.labels != labels
    assert int(changed.sum()) <= round(noise * len(labels))
    assert (result.labels[changed] < classes - 1).all()


def test_the_conventions_realise_different_rates() -> None:
    """40 % nominal noise over 10 classes: 40 % as published, 36 % as the released code ran."""
    labels = np.repeat(np.arange(10), 5000)
    assert UniformFlip(0.4)(labels, 10, rng(0)).rate == 0.4
    assert abs(UniformFlip(0.4, convention="redraw")(labels, 10, rng(0)).rate - 0.36) < 0.005
    assert abs(BackgroundFlip(0.4)(labels, 10, rng(0)).rate - 0.36) < 0.005


def test_uniform_flip_is_uniform_over_the_others() -> None:
    labels = np.zeros(90_000, dtype=np.int64)
    row = UniformFlip(0.9)(labels, 10, rng(1)).transition[0]
    np.testing.assert_allclose(row[1:], 0.1, atol=0.005)


@given(labelled(), shares, seeds, st.integers(0, 11))
def test_background_flip_makes_one_class_only(
    data: tuple[Labels, int], noise: float, seed: int, background: int
) -> None:
    labels, classes = data
    background %= classes
    result = BackgroundFlip(noise, background=background)(labels, classes, rng(seed))
    assert (result.labels[result.labels != labels] == background).all()


def test_naming_the_background_class_changes_nothing_else() -> None:
    labels = np.repeat(np.arange(4), 50)
    drawn = BackgroundFlip(0.3)(labels, 4, rng(5))
    background = int(drawn.labels[drawn.labels != labels][0])
    assert BackgroundFlip(0.3, background=background)(labels, 4, rng(5)).sha256 == drawn.sha256


@given(st.floats(0.5, 0.99), st.integers(0, 1), seeds)
def test_imbalance_keeps_the_ratio_and_the_truth(ratio: float, rare: int, seed: int) -> None:
    labels = np.tile([0, 1], 1000)
    result = Imbalance(ratio, rare=rare)(labels, 2, rng(seed))
    assert (result.labels == labels[result.index]).all()
    assert result.rate == 0
    assert len(np.unique(result.index)) == len(result.index)
    share = np.mean(result.labels != rare)
    assert abs(share - ratio) <= 1 / len(result.labels)


def test_imbalance_of_a_given_size() -> None:
    """The paper's most extreme case: 25 of 5,000."""
    labels = np.tile([0, 1], 6000)
    result = Imbalance(0.995, total=5000)(labels, 2, rng(0))
    assert np.bincount(result.labels).tolist() == [25, 4975]


def test_an_absent_class_has_the_row_of_the_identity() -> None:
    result = UniformFlip(0.5)(np.array([0, 0, 1, 1]), 3, rng(0))
    assert result.transition[2].tolist() == [0, 0, 1]


@pytest.mark.parametrize("noise", [-0.1, 1.1, float("nan")])
def test_a_share_is_a_share(noise: float) -> None:
    for flip in (UniformFlip, BackgroundFlip):
        with pytest.raises(UnknownParameter, match="between 0 and 1"):
            flip(noise)


def test_what_cannot_be_done_is_refused() -> None:
    ones = np.zeros(5, dtype=np.int64)
    with pytest.raises(UnknownParameter, match="other or redraw"):
        UniformFlip(0.4, convention="sideways")
    with pytest.raises(BadData, match="single class"):
        UniformFlip(0.4)(ones, 1, rng(0))
    with pytest.raises(UnknownParameter, match="there are 2 classes"):
        BackgroundFlip(0.4, background=2)(ones, 2, rng(0))
    with pytest.raises(BadData, match="2 classes, not 3"):
        Imbalance()(ones, 3, rng(0))
    with pytest.raises(BadData, match="there are"):
        Imbalance(0.9, total=100)(np.tile([0, 1], 20), 2, rng(0))
    with pytest.raises(UnknownParameter):
        Imbalance(0.9, rare=2)
