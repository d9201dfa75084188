"""Corruptions do what they say, for any labels."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from weightbench.data.corruption import (
    BackgroundFlip,
    Corruption,
    Imbalance,
    NoCorruption,
    UniformFlip,
    describe,
)
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


@st.composite
def imbalances(draw: st.DrawFn) -> tuple[Labels, Imbalance]:
    """Labels of two classes in any order, and what there are enough of for."""
    rare, ratio = draw(st.integers(0, 1)), draw(st.floats(0.3, 0.99))
    total, taken = draw(st.integers(20, 200)), draw(st.integers(0, 5))
    spare = draw(st.tuples(st.integers(0, 30), st.integers(0, 30)))
    counts = (total - round(total * ratio) + spare[0] + 1, round(total * ratio) + spare[1])
    labels = np.repeat([rare, 1 - rare], counts).astype(np.int64)
    return rng(draw(seeds)).permutation(labels), Imbalance(
        ratio, rare=rare, total=total, taken=taken
    )


@given(imbalances(), seeds)
def test_an_imbalance_of_a_given_size_leaves_out_what_was_taken_of_each_class(
    data: tuple[Labels, Imbalance], seed: int
) -> None:
    labels, imbalance = data
    assert imbalance.total is not None
    result = imbalance(labels, 2, rng(seed))
    frequent = round(imbalance.total * imbalance.ratio)
    rare = imbalance.total - frequent
    kept = np.bincount(result.labels, minlength=2)
    assert kept[1 - imbalance.rare] == frequent - imbalance.taken
    assert kept[imbalance.rare] == max(rare - imbalance.taken, 1)
    assert (np.diff(result.index) > 0).all(), "each at most once, in order"
    assert (result.labels == labels[result.index]).all()
    assert result.rate == 0
    np.testing.assert_array_equal(result.transition, np.eye(2))


def test_the_published_extreme_case_with_five_of_each_taken() -> None:
    labels = np.tile([0, 1], 6000)
    result = Imbalance(0.995, total=5000, taken=5)(labels, 2, rng(0))
    assert np.bincount(result.labels).tolist() == [20, 4970]


@given(st.integers(0, 1), st.integers(0, 2), seeds)
def test_an_imbalance_without_a_size_keeps_all_of_the_frequent_class(
    rare: int, taken: int, seed: int
) -> None:
    labels = rng(seed).permutation(np.repeat([rare, 1 - rare], [100, 360])).astype(np.int64)
    result = Imbalance(0.9, rare=rare, taken=taken)(labels, 2, rng(seed))
    assert (result.labels != rare).sum() == 360 - taken
    assert (result.labels == rare).sum() == 40 - taken


def test_what_is_kept_of_a_class_is_drawn_anew_for_each_seed() -> None:
    labels = np.tile([0, 1], 100)
    draws = {tuple(Imbalance(0.9, total=50)(labels, 2, rng(s)).index) for s in range(5)}
    assert len(draws) == 5
    seen = {i for draw in draws for i in draw}
    assert max(seen) > 150
    assert min(seen) < 50


@pytest.mark.parametrize(("frequent", "rare", "done"), [
    (90, 10, True), (89, 10, False), (90, 9, False),
])  # fmt: skip
def test_an_imbalance_takes_the_last_example_there_is_and_no_more(
    frequent: int, rare: int, done: bool
) -> None:
    labels = np.repeat([0, 1], [rare, frequent])
    if done:
        assert len(Imbalance(0.9, total=100)(labels, 2, rng(0)).index) == 100
    else:
        says = f"ratio=0.9 of 100 needs 90 and 10 examples; there are {frequent} and {rare}"
        with pytest.raises(BadData, match=f"^{says}$"):
            Imbalance(0.9, total=100)(labels, 2, rng(0))


def test_one_rare_example_is_kept_however_rare() -> None:
    assert np.bincount(Imbalance(1.0)(np.tile([0, 1], 20), 2, rng(0)).labels).tolist() == [1, 20]


def counted(true: Labels, given: Labels, classes: int) -> NDArray[np.float64]:
    """The transition matrix, one example at a time."""
    rows = [[sum((true == t) & (given == g)) for g in range(classes)] for t in range(classes)]
    return np.array([
        [n / sum(row) for n in row] if sum(row) else [float(t == g) for g in range(classes)]
        for t, row in enumerate(rows)
    ])  # fmt: skip


@given(labelled(), flips, seeds)
def test_the_transition_matrix_is_counted(
    data: tuple[Labels, int], corruption: Corruption, seed: int
) -> None:
    labels, classes = data
    result = corruption(labels, classes, rng(seed))
    np.testing.assert_allclose(result.transition, counted(labels, result.labels, classes))


@given(labelled(), seeds)
def test_unchanged_keeps_everything(data: tuple[Labels, int], seed: int) -> None:
    labels, classes = data
    result = NoCorruption()(labels, classes, rng(seed))
    assert (result.labels == labels).all()
    assert (result.index == np.arange(len(labels))).all()
    assert result.rate == 0
    np.testing.assert_array_equal(result.transition, np.eye(classes))


@given(labelled(), st.data())
def test_what_is_told_is_told_of_the_examples_that_are_left(
    data: tuple[Labels, int], draw: st.DataObject
) -> None:
    """For a corruption of one's own: any given labels, any examples in any order."""
    true, classes = data
    index = np.array(draw.draw(st.lists(st.integers(0, len(true) - 1), unique=True)), np.int64)
    label = st.integers(0, classes - 1)
    size = len(index)
    given_ = np.array(draw.draw(st.lists(label, min_size=size, max_size=size)), np.int64)
    result = describe(true, given_, index, classes)
    assert result.rate == (np.mean(given_ != true[index]) if size else 0)
    np.testing.assert_allclose(result.transition, counted(true[index], given_, classes))
    assert (result.index == index).all()
    assert (result.labels == given_).all()
    if size:
        changed = (given_ + 1) % classes
        others = [describe(true, changed, index, classes)]
        if size > 1:
            others.append(describe(true, given_, index[::-1], classes))
        assert all(other.sha256 != result.sha256 for other in others)
    assert re.fullmatch("[0-9a-f]{64}", result.sha256)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_every_class_may_be_the_background_and_a_redraw(classes: int) -> None:
    """A redraw is of all classes but the last; a drawn background is any."""
    labels = np.zeros(40, dtype=np.int64)
    redraws = {int(x) for s in range(9) for x in UniformFlip(1.0, convention="redraw")(
        labels, classes, rng(s)).labels}  # fmt: skip
    assert redraws == set(range(classes - 1))
    others = {int(x) for s in range(9) for x in UniformFlip(1.0)(labels, classes, rng(s)).labels}
    assert others == set(range(1, classes))
    backgrounds = {int(BackgroundFlip(1.0)(labels, classes, rng(s)).labels[0]) for s in range(99)}
    assert backgrounds == set(range(classes))


@given(labelled(), shares, seeds, st.integers(0, 11))
def test_a_background_flip_chooses_a_share_of_all_examples(
    data: tuple[Labels, int], noise: float, seed: int, background: int
) -> None:
    """Whatever their labels; so the share of the background class is what it was, and more."""
    labels, classes = data
    background %= classes
    result = BackgroundFlip(noise, background=background)(labels, classes, rng(seed))
    wrong = int((result.labels != labels).sum())
    chosen, own = round(noise * len(labels)), int((labels == background).sum())
    assert chosen - own <= wrong <= min(chosen, len(labels) - own)


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
    for background in (-1, 2):
        with pytest.raises(UnknownParameter, match=f"^background={background}: there are 2"):
            BackgroundFlip(0.4, background=background)(ones, 2, rng(0))
    for ratio, rare in ((0.9, 2), (0.9, -1), (0.0, 0)):
        with pytest.raises(UnknownParameter, match="expected a ratio above 0, and rare"):
            Imbalance(ratio, rare=rare)
    for ratio in (-0.1, 1.1):
        with pytest.raises(UnknownParameter, match=f"^ratio={ratio}: expected a share"):
            Imbalance(ratio)


@pytest.mark.parametrize(
    ("corruption", "classes", "sha256"),
    [
        (UniformFlip(), 10, "69b3d471a96a87e5"),
        (UniformFlip(0.4, convention="redraw"), 10, "b714214d233a4f9e"),
        (BackgroundFlip(), 10, "3c49d46115117c95"),
        (BackgroundFlip(0.4, background=3), 10, "12144b9249d8f87c"),
        (Imbalance(), 2, "051315b001593d35"),
        (Imbalance(0.8, rare=1, total=40, taken=2), 2, "9f9b76fa685760c4"),
    ],
)
def test_what_is_drawn_is_drawn_for_good(corruption: Corruption, classes: int, sha256: str) -> None:
    """Published numbers stand on it: other draws are other tasks."""
    result = corruption(np.arange(100) % classes, classes, rng(0))
    assert result.sha256[:16] == sha256


def test_what_a_user_gets_who_asks_for_nothing() -> None:
    assert UniformFlip() == UniformFlip(0.4, convention="other")
    assert BackgroundFlip() == BackgroundFlip(0.4, background=None)
    assert Imbalance() == Imbalance(0.9, rare=0, total=None, taken=0)
