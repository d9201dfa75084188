"""What the network after the last step is scored by beyond accuracy, while it is still there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightbench.records import measures
from weightbench.records.predictions import Rows
from weightbench.records.scores import Detection, Scores
from weightbench.records.weights import Weights
from weightbench.training.trainer import Trainer


def score(
    run: Trainer, outputs: NDArray[Any], last: NDArray[np.int64], weights: Weights | None
) -> tuple[Scores, Rows | None]:
    """The scores of a run that has ended, and what is kept of every test row.

    Args:
        run: with its judged network.
        outputs: (n_test, K) of that network on the test split.
        last: (n_test,) the classes it predicts.
        weights: of the last epoch.
    """
    splits, data = run.splits, run.task.data
    truth = data.labels[splits.test]
    groups, of_train = (
        None if data.groups is None else data.groups[part] for part in (splits.test, splits.train)
    )
    log_p = measures.log_probabilities(outputs)
    rows = None if log_p is None else Rows.of(log_p, truth, groups)
    select = run.outputs("select").cpu().numpy() if len(splits.select) else outputs[:0]
    heat = measures.temperature(select, data.labels[splits.select])
    scaled = None if heat is None else measures.log_probabilities(outputs / heat)
    scores = Scores(
        metric=run.task.metric,
        tallies=measures.tallies(
            (data.labels[splits.train], of_train), (truth, groups), last == truth
        ),
        plain=None if log_p is None else measures.calibration(log_p, truth),
        temperature=heat if scaled is not None else None,
        scaled=None if scaled is None else measures.calibration(scaled, truth),
        weight=_of_weights(weights, data.num_classes),
        margin=_of_margins(run),
        rows=None if rows is None else rows.sha256,
    )
    return scores, rows


def _of_weights(weights: Weights | None, classes: int) -> Detection | None:
    if weights is None or weights.clean is None:
        return None
    return measures.detection(weights.weight, weights.clean, weights.label, classes)


def _of_margins(run: Trainer) -> Detection | None:
    """Of the training rows, in a pass over them without augmentation; none where all are right."""
    splits, data = run.splits, run.task.data
    if not data.truth_known:
        return None
    right = splits.given == splits.true_labels(data)
    if right.all() or not right.any():
        return None
    margins = measures.margins(run.outputs("train").cpu().numpy(), splits.given)
    return measures.detection(margins, right, splits.given, data.num_classes)
