"""Data sets refuse what cannot be trained on; pools give back what went in."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import weightbench as wb
from weightbench.data.corruption import describe
from weightbench.data.dataset import Pool
from weightbench.errors import BadData, SharedExamples
from weightbench.training.splits import Splits

LABELS = np.array([0, 1, 1], dtype=np.int64)
INPUTS = np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.mark.parametrize(
    ("inputs", "labels", "hint"),
    [
        (INPUTS[:2], LABELS, "do not match"),
        (INPUTS, LABELS[:, None], "do not match"),
        (np.full_like(INPUTS, np.nan), LABELS, "NaN or infinity"),
        (INPUTS, LABELS[:, None], "labels.ravel"),
        (INPUTS, LABELS + 1, r"must lie in \[0, 2\)"),
        (INPUTS, LABELS - 1, r"must lie in \[0, 2\)"),
    ],
)
def test_arrays_of_the_wrong_form_are_refused(inputs: Any, labels: Any, hint: str) -> None:
    with pytest.raises(BadData, match=hint):
        wb.DataSet("mine", inputs, labels, 2)


def test_the_checksum_sees_every_array() -> None:
    one = wb.DataSet("mine", INPUTS, LABELS, 2).sha256
    assert one == wb.DataSet("other name", INPUTS.copy(), LABELS.copy(), 2).sha256
    assert one != wb.DataSet("mine", INPUTS + 1, LABELS, 2).sha256
    assert one != wb.DataSet("mine", INPUTS, LABELS[::-1].copy(), 2).sha256
    assert one != wb.DataSet("mine", INPUTS.reshape(3, 1, 2), LABELS, 2).sha256


IMAGES = np.random.default_rng(0).integers(0, 256, (3, 5, 4, 2), dtype=np.uint8)
CPU = torch.device("cpu")


def test_images_become_floats_with_their_channels_last_in_memory() -> None:
    data = wb.DataSet("mine", IMAGES, LABELS, 2, span=(-1.0, 1.0))
    assert data.shape == (2, 5, 4)
    pool = Pool.from_dataset(data, np.array([2, 1]), np.array([1, 0]), CPU)
    inputs, labels = pool.take(torch.tensor([1]))
    expected = IMAGES[1].transpose(2, 0, 1) / 127.5 - 1
    np.testing.assert_allclose(inputs[0], expected, atol=1e-6)
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    assert labels.tolist() == [0]


def test_bytes_that_are_no_images_are_refused() -> None:
    with pytest.raises(BadData, match="N, H, W, C"):
        wb.DataSet("mine", IMAGES[:, :, 0, 0], LABELS, 2)


def test_labels_that_people_gave_are_corrupted_and_the_rate_is_told_against_the_truth() -> None:
    rng = np.random.default_rng(0)
    true = rng.integers(0, 4, 400)
    given = np.where(rng.random(400) < 0.3, 3 - true, true)
    data = wb.DataSet("mine", rng.normal(size=(400, 2)).astype(np.float32), true, 4, given=given)
    assert data.sha256 != dataclasses.replace(data, given=None).sha256
    task = wb.Task(
        name="human", dataset=data, corruption=wb.NoCorruption(), holdout=wb.HoldoutPerClass(2),
        select=20, test=40, train=200, model=lambda d: torch.nn.Linear(2, 4),
    )  # fmt: skip
    splits = task.split(0)
    assert len(splits.train) == 200
    assert (splits.given == given[splits.train]).all()
    assert splits.corrupted.rate == (given[splits.train] != true[splits.train]).mean() > 0.2
    assert splits.corrupted.transition[0, 3] > 0.2
    (held,) = {tuple(wb.start(task, 0).holdout[1].tolist())}
    assert held == tuple(true[splits.holdout]), "the hold-out's labels are the true ones"


def test_a_table_is_standardised_by_its_training_split_alone() -> None:
    rng = np.random.default_rng(0)
    table = np.hstack([rng.normal(5, 3, (200, 2)), np.ones((200, 1))]).astype(np.float32)
    data = wb.DataSet("mine", table, rng.integers(0, 2, 200), 2, standardize=True)
    task = wb.Task(
        name="table", dataset=data, corruption=wb.UniformFlip(0.2), holdout=wb.HoldoutPerClass(5),
        select=20, test=50, model=lambda d: torch.nn.Linear(3, 2), recipe=wb.Recipe(steps=2),
    )  # fmt: skip
    run = wb.start(task, 0)
    inputs, _ = run.batch(torch.arange(len(run.labels))).inputs, run.labels
    torch.testing.assert_close(inputs[:, :2].mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(inputs[:, :2].std(0, correction=0), torch.ones(2))
    assert (inputs[:, 2] == 0).all(), "a constant feature becomes 0, not NaN"
    holdout, _ = run.holdout
    assert holdout[:, :2].mean(0).abs().max() > 1e-3


MASK = np.arange(12) % 4 == 0


@pytest.mark.parametrize(
    "test",
    [MASK, [0, 4, 8], np.array([0, 4, 8], np.uint8), np.array([0, 4, 8], np.int32), MASK.tolist()],
)
def test_a_test_split_may_be_a_mask_or_positions(test: object) -> None:
    made = wb.DataSet("d", np.zeros((12, 2), np.float32), np.arange(12) % 2, 2, test=test)  # type: ignore[arg-type]
    assert made.test is not None
    assert made.test.dtype == np.int64
    assert made.test.tolist() == [0, 4, 8]


@pytest.mark.parametrize(
    ("test", "says"),
    [
        ([-1, 3], "from -1 to 3"),
        ([3, 12], "positions lie in"),
        ([3, 3], "twice"),
        (MASK.astype(int), "must be bool"),
        (MASK[:-1], "a mask of 11 for 12"),
        ([0.0, 1.0], "integer positions or a bool mask"),
        ([[0], [1]], "shape (2, 1)"),
        ([], "shape (0,)"),
        (["a"], "integer positions"),
        (3, "shape ()"),
    ],
)
def test_any_other_test_split_is_refused(test: object, says: str) -> None:
    with pytest.raises(BadData, match="the test split") as caught:
        wb.DataSet("d", np.zeros((12, 2), np.float32), np.arange(12) % 2, 2, test=test)  # type: ignore[arg-type]
    assert says in str(caught.value)


@given(st.sets(st.integers(0, 39), min_size=4, max_size=12), st.booleans())
def test_no_test_row_is_trained_on(chosen: set[int], as_mask: bool) -> None:
    positions = np.array(sorted(chosen))
    test = np.isin(np.arange(40), positions) if as_mask else positions
    data = wb.DataSet("d", np.zeros((40, 2), np.float32), np.arange(40) % 2, 2, test=test)  # type: ignore[arg-type]
    task = wb.Task(
        name="a", dataset=data, corruption=wb.NoCorruption(), holdout=wb.HoldoutPerClass(1),
        select=4, model=lambda data: torch.nn.Linear(2, 2),
    )  # fmt: skip
    splits = task.split(0)
    assert splits.test.tolist() == sorted(chosen)
    assert not set(splits.train) & chosen
    assert len(splits.train) + len(splits.holdout) + len(splits.select) + len(chosen) == 40


@pytest.mark.parametrize("role", ["test", "holdout", "select"])
def test_splits_that_share_an_example_are_refused(role: str) -> None:
    parts = {"train": [0, 1], "holdout": [2], "select": [3], "test": [4]} | {role: [1, 9]}
    arrays = {name: np.array(part) for name, part in parts.items()}
    labels = np.zeros(2, np.int64)
    corrupted = describe(labels, labels, np.arange(2), 2)
    with pytest.raises(SharedExamples, match=f"train and {role} share 1 example"):
        Splits(given=labels, holdout_given=labels, corrupted=corrupted, **arrays)


@pytest.mark.parametrize(
    "drawn", [np.zeros(0, int), np.array([1.5]), np.array([-1]), np.array([99])]
)
def test_a_holdout_that_draws_no_positions_is_refused(drawn: object) -> None:
    class Odd(wb.HoldoutPerClass):
        def draw(self, *_: object) -> Any:
            return drawn

    data = wb.DataSet("d", np.zeros((40, 2), np.float32), np.arange(40) % 2, 2)
    task = wb.Task(
        name="a", dataset=data, corruption=wb.NoCorruption(), holdout=Odd(), select=4, test=10,
        model=lambda data: torch.nn.Linear(2, 2),
    )  # fmt: skip
    with pytest.raises(BadData, match="the hold-out"):
        task.split(0)
