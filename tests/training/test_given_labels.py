"""Labels that people gave: what was done to them is told against the true ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import weightbench as wb


def human(corruption: wb.Corruption, classes: int = 4) -> wb.Task:
    """Four in ten labels as given are wrong, each by one class."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, classes, 600)
    given = np.where(rng.random(600) < 0.4, (true + 1) % classes, true)
    data = wb.DataSet(
        "mine", rng.normal(size=(600, 2)).astype(np.float32), true, classes, given=given
    )
    return wb.Task(
        name="human", dataset=data, corruption=corruption, holdout=wb.HoldoutPerClass(2), select=20,
        test=40, model=lambda d: torch.nn.Linear(2, classes),
    )  # fmt: skip


CASES = [
    (wb.NoCorruption(), 4), (wb.UniformFlip(0.2), 4), (wb.UniformFlip(1.0), 4),
    (wb.BackgroundFlip(0.5), 4), (wb.Imbalance(0.8), 2),
]  # fmt: skip


@pytest.mark.parametrize(("corruption", "classes"), CASES)
def test_what_is_wrong_is_counted_against_the_truth(
    corruption: wb.Corruption, classes: int
) -> None:
    task = human(corruption, classes)
    splits = task.split(0)
    truth = task.data.labels[splits.train]
    assert splits.corrupted.rate == (splits.given != truth).mean()
    assert splits.corrupted.rate > 0.2
    for label in range(classes):
        row = np.bincount(splits.given[truth == label], minlength=classes) / (truth == label).sum()
        np.testing.assert_allclose(splits.corrupted.transition[label], row)


@pytest.mark.parametrize(("corruption", "classes"), CASES)
def test_it_is_the_given_labels_that_are_corrupted(corruption: wb.Corruption, classes: int) -> None:
    """Those that the corruption leaves alone are as people gave them."""
    task = human(corruption, classes)
    splits = task.split(0)
    assert task.data.given is not None
    as_given = splits.given == task.data.given[splits.train]
    as_true = splits.given == task.data.labels[splits.train]
    untouched = {
        wb.NoCorruption: 1.0,
        wb.UniformFlip: 0.0,
        wb.BackgroundFlip: 0.5,
        wb.Imbalance: 1.0,
    }
    assert as_given.mean() >= untouched[type(corruption)]
    if isinstance(corruption, wb.UniformFlip):
        assert as_given.mean() == pytest.approx(1 - corruption.noise, abs=0.002)
    else:
        assert as_given.mean() > as_true.mean()


def test_clean_sets_have_the_true_labels() -> None:
    task = human(wb.NoCorruption())
    run, splits = wb.start(task, 0), task.split(0)
    assert run.holdout[1].tolist() == task.data.labels[splits.holdout].tolist()
    assert run.labels.tolist() == splits.given.tolist()
