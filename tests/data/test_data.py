"""Data sets refuse what cannot be trained on; pools give back what went in."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

import weightbench as wb
from weightbench.data.dataset import Pool
from weightbench.errors import BadData

LABELS = np.array([0, 1, 1], dtype=np.int64)
INPUTS = np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.mark.parametrize(
    ("inputs", "labels", "hint"),
    [
        (INPUTS[:2], LABELS, "do not match"),
        (INPUTS, LABELS[:, None], "do not match"),
        (INPUTS.astype(np.float64), LABELS, "use uint8 or float32"),
        (np.full_like(INPUTS, np.nan), LABELS, "NaN or infinity"),
        (INPUTS, LABELS.astype(np.int32), "use int64"),
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
    pool = Pool.of(data, np.array([2, 1]), np.array([1, 0]), CPU)
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
    (held,) = {tuple(task.reset(0).holdout[1].tolist())}
    assert held == tuple(true[splits.holdout]), "the hold-out's labels are the true ones"


def test_a_table_is_standardised_by_its_training_split_alone() -> None:
    rng = np.random.default_rng(0)
    table = np.hstack([rng.normal(5, 3, (200, 2)), np.ones((200, 1))]).astype(np.float32)
    data = wb.DataSet("mine", table, rng.integers(0, 2, 200), 2, standardize=True)
    task = wb.Task(
        name="table", dataset=data, corruption=wb.UniformFlip(0.2), holdout=wb.HoldoutPerClass(5),
        select=20, test=50, model=lambda d: torch.nn.Linear(3, 2), recipe=wb.Recipe(steps=2),
    )  # fmt: skip
    run = task.reset(0)
    inputs, _ = run.batch(torch.arange(len(run.labels))).inputs, run.labels
    torch.testing.assert_close(inputs[:, :2].mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(inputs[:, :2].std(0, correction=0), torch.ones(2))
    assert (inputs[:, 2] == 0).all(), "a constant feature becomes 0, not NaN"
    holdout, _ = run.holdout
    assert holdout[:, :2].mean(0).abs().max() > 1e-3
