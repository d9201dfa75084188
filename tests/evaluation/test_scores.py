"""What a trained trial keeps beyond accuracy, against its network asked by hand."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn import metrics

import weightbench as wb
from tests.plugins.tiny import TINY, blobs
from weightbench.errors import BadSpec
from weightbench.evaluation.last_network import score
from weightbench.evaluation.trial import plan, run_trial, weights_of
from weightbench.records.predictions import Rows
from weightbench.records.scores import Scores
from weightbench.records.store import Store
from weightbench.training.trainer import Trainer
from weightbench.training.weight_log import WeightLog

GROUPED = """
import dataclasses
import numpy as np
import weightbench as wb
from tests.plugins.tiny import TINY, blobs

DATA = dataclasses.replace(blobs(), groups=(np.arange(400) // 3 % 2).astype(np.int64))
TASK = dataclasses.replace(
    TINY, name="grouped", dataset=DATA, metric="worst_group_recall",
    recipe=wb.Recipe(steps=6, batch_size=32, lr=0.05, clean_batch=12),
)
"""


def trained(task: wb.Task) -> tuple[Trainer, Scores, Rows]:
    log = WeightLog()
    run = wb.start(task, 3, wb.make_weighter("l2rw"), watchers=[log])
    run.train()
    outputs = run.outputs("test")
    scores, rows = score(run, outputs.numpy(), outputs.argmax(1).numpy(), weights_of(log, run))
    assert rows is not None
    return run, scores, rows


def test_scores_are_those_of_the_network() -> None:
    run, scores, rows = trained(TINY)
    splits, data = run.splits, TINY.data
    truth = data.labels[splits.test]
    with torch.no_grad():
        outputs = run.finish()(torch.from_numpy(data.inputs)).double()
    p = outputs[splits.test].softmax(1).numpy()
    assert scores.plain
    assert scores.scaled
    assert scores.temperature
    assert scores.plain.nll == pytest.approx(metrics.log_loss(truth, p), abs=1e-6)
    assert scores.plain.confidence == pytest.approx(p.max(1).mean(), abs=1e-6)
    np.testing.assert_allclose(rows.squares, (p**2).sum(1), atol=1e-6)
    assert -rows.log_probability.mean() == pytest.approx(scores.plain.nll)
    brier = 1 - 2 * np.exp(rows.log_probability) + rows.squares
    assert brier.mean() == pytest.approx(scores.plain.brier)
    select = data.labels[splits.select]

    def on_select(heat: float) -> float:
        return float(metrics.log_loss(select, (outputs[splits.select] / heat).softmax(1).numpy()))

    for other in (0.95, 1.05):
        assert on_select(scores.temperature) < on_select(other * scores.temperature)
    right = splits.given == data.labels[splits.train]
    of_train = outputs[splits.train].numpy()
    own = of_train[np.arange(len(right)), splits.given]
    of_train[np.arange(len(right)), splits.given] = -np.inf
    assert scores.margin
    assert scores.margin.auroc == pytest.approx(
        metrics.roc_auc_score(right, own - of_train.max(1)), abs=1e-3
    )
    assert scores.weight
    assert scores.weight.auroc > 0.5


def test_nothing_is_detected_where_no_label_is_wrong() -> None:
    clean = dataclasses.replace(TINY, corruption=wb.NoCorruption())
    _, scores, _ = trained(clean)
    assert (scores.weight, scores.margin) == (None, None)


def test_a_trial_with_groups_is_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "grouped.py"
    path.write_text(GROUPED)
    (trial,) = plan([f"{path}:TASK"], ["uniform"], [0], "cpu")
    made = run_trial(trial)
    assert made.record.training, made.record.reason
    scores = made.record.training.scores
    assert scores
    assert scores.metric == "worst_group_recall"
    assert {(label, group) for label, group, *_ in scores.tallies} == {
        (label, group) for label in range(3) for group in range(2)
    }
    assert sum(tested for *_, tested, _ in scores.tallies) == 100
    assert sum(right for *_, right in scores.tallies) == round(100 * made.record.training.accuracy)
    store = Store(tmp_path / "runs")
    store.create()
    store.put(made.record, made.predictions, made.weights, made.rows)
    assert store.audit() == []
    rows = store.rows(made.record)
    assert rows is not None
    assert rows.groups is not None


def test_a_failed_trial_has_no_scores() -> None:
    (trial,) = plan([f"{Path(__file__).parents[1]}/plugins/tiny.py:TINY"], ["random"], [0], "cpu")
    made = run_trial(trial.model_copy(update={"source": "0" * 64}))
    assert made.record.status == "error"
    assert (made.record.training, made.rows) == (None, None)


def test_a_metric_names_another_task_and_accuracy_the_same() -> None:
    balanced = dataclasses.replace(TINY, metric="balanced_accuracy")
    assert dataclasses.replace(TINY, metric="accuracy").fingerprint == TINY.fingerprint
    assert balanced.fingerprint != TINY.fingerprint


def test_a_metric_that_there_is_not_is_refused() -> None:
    with pytest.raises(BadSpec, match="there is no metric 'recall' of a task; use accuracy, "):
        dataclasses.replace(TINY, metric="recall")  # type: ignore[arg-type]
    grouped = dataclasses.replace(TINY, metric="worst_group_recall")
    assert blobs().groups is None
    with pytest.raises(BadSpec, match="worst_group_recall needs a data set with groups"):
        _ = grouped.fingerprint
