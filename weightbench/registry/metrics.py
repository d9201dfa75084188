"""The metrics by name: what each says, which way is better, and which a task may be scored by."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

TaskMetric = Literal["accuracy", "balanced_accuracy", "worst_class_recall", "worst_group_recall"]


@dataclasses.dataclass(frozen=True)
class Metric:
    """What a metric is.

    Attributes:
        words: in a line.
        higher: whether more of it is better.
        skill: whether it is a share of test rows that are right, in which skill can be told.
    """

    words: str
    higher: bool = True
    skill: bool = False


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "accuracy": Metric("share of test rows that are right", skill=True),
        "balanced_accuracy": Metric("mean recall of the classes", skill=True),
        "worst_class_recall": Metric("least recall of a class", skill=True),
        "worst_group_recall": Metric(
            "least recall of a class in a group of at least 50 test rows", skill=True
        ),
        "many_recall": Metric("mean recall of classes of over 100 training rows", skill=True),
        "medium_recall": Metric("mean recall of classes of 20 to 100 training rows", skill=True),
        "few_recall": Metric("mean recall of classes of under 20 training rows", skill=True),
        "nll": Metric("mean negative log-probability of the true class", higher=False),
        "brier": Metric("mean squared distance of probabilities from the truth", higher=False),
        "ece": Metric("expected calibration error, 15 bins of equal mass", higher=False),
        "confidence_gap": Metric("mean confidence less accuracy, without its sign", higher=False),
        "nll_scaled": Metric("nll after a temperature fitted on the select split", higher=False),
        "brier_scaled": Metric("brier after that temperature", higher=False),
        "ece_scaled": Metric("ece after that temperature", higher=False),
        "weight_auroc": Metric("AUROC of the weight as a sign that a label is right"),
        "weight_ap": Metric("average precision of the weight as that sign"),
        "margin_auroc": Metric("AUROC of the final margin as a sign that a label is right"),
        "margin_ap": Metric("average precision of the final margin as that sign"),
        "harm": Metric("uniform's less its own, where nothing is wrong with the data", False),
    }
)
