"""Data whose labels are known to be right for some rows alone, as people's own data are."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from torch import nn

import weightbench as wb
from tests.shell import weightbench
from weightbench.errors import BadData, HiddenData
from weightbench.records.store import Store
from weightbench.report.cards import task_card

TRUSTED = np.arange(0, 400, 4)
OWN_FILE = "from tests.training.test_trusted import OWN\n"


def half_trusted(**changes: object) -> wb.DataSet:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(400, 3)).astype(np.float32)
    labels = (inputs[:, 0] > 0).astype(np.int64)
    wrong = np.setdiff1d(np.arange(400), TRUSTED)[:90]
    labels[wrong] = 1 - labels[wrong]
    ids = np.array([f"row-{i}" for i in range(400)])
    data = wb.DataSet("own", inputs, labels, 2, trusted=TRUSTED, ids=ids)
    return dataclasses.replace(data, **changes)  # type: ignore[arg-type]


def network(data: wb.DataSet) -> nn.Module:
    return nn.Linear(3, 2)


OWN = wb.Task(
    "own-v0", dataset=half_trusted, corruption=wb.NoCorruption(), holdout=wb.HoldoutPerClass(5),
    select=20, test=50, model=network, recipe=wb.Recipe(steps=30, batch_size=20),
)  # fmt: skip


def test_clean_splits_are_of_trusted_rows_alone() -> None:
    splits = OWN.split(0)
    for part in (splits.holdout, splits.select, splits.test):
        assert np.isin(part, TRUSTED).all()
    assert np.isin(np.setdiff1d(np.arange(400), TRUSTED), splits.train).all()
    assert len(splits.train) == 400 - 10 - 20 - 50, "what is left of the trusted rows is trained on"
    assert (np.diff(splits.train) > 0).all(), "in the order of the table"


def test_a_mask_says_the_same() -> None:
    mask = np.zeros(400, bool)
    mask[TRUSTED] = True
    masked = half_trusted(trusted=mask)
    assert masked.sha256 == half_trusted().sha256
    assert masked.sha256 != half_trusted(trusted=None).sha256


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"test": np.arange(10)}, "not trusted"),
        ({"trusted": np.array([0, 400])}, "the trusted rows goes from 0 to 400"),
        ({"ids": np.array(["a"] * 400)}, "'a' is one"),
        ({"ids": np.arange(399)}, "one per example"),
    ],
)
def test_what_contradicts_itself_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(BadData, match=words):
        half_trusted(**changes)


def test_nobody_is_told_what_nobody_knows() -> None:
    run = wb.start(OWN, 0, wb.make_weighter("oracle"))
    with pytest.raises(HiddenData, match="nobody knows the true labels of own"):
        run.train()
    card = str(task_card(OWN))
    assert "nobody knows" in card
    assert "true class" not in card


def test_an_evaluation_prints_nothing_that_needs_the_truth(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(OWN_FILE)
    runs = tmp_path / "runs"
    done = weightbench(
        "evaluate", "--task", f"{file}:OWN", "--weighter", "l2rw-auto", "--seeds", "2",
        "--out", str(runs),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    store = Store(runs)
    records, _ = store.records()
    assert {r.trial.weighter for r in records} == {"uniform", "l2rw-auto"}, "no upper anchor"
    for record in records:
        assert record.training is not None
        assert record.training.realised_noise is None
        assert record.training.weights is not None
        assert record.training.weights.auroc is None
        assert record.training.scores is not None
        assert record.training.scores.margin is record.training.scores.weight is None
        kept = store.weights(record)
        assert kept is not None
        assert kept.clean is None
        assert kept.index is not None
        assert kept.ids is not None
        assert kept.ids.tolist() == [f"row-{i}" for i in kept.index]
    words = " ".join(done.stdout.split())
    assert "nobody knows its true labels: no skill" in words
    assert "weightbench compare" in words


def test_a_weighter_that_needs_the_truth_is_a_row_that_says_so(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(OWN_FILE)
    done = weightbench(
        "evaluate", "--task", f"{file}:OWN", "--weighter", "weighted", "--seeds", "1",
        "--out", str(tmp_path / "runs"),
    )  # fmt: skip
    assert done.returncode != 0
    assert "nobody knows the true labels" in " ".join((done.stdout + done.stderr).split())
