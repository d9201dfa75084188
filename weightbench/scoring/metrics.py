"""Metrics of records by name, and which records have them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from weightbench.records.schema import Record, Training
from weightbench.records.scores import Detection, Scores, Tally
from weightbench.registry import LOWER_ANCHOR
from weightbench.registry.metrics import METRICS

MANY, FEW = 100, 20  # training rows of a class: above and below (Liu et al., CVPR 2019)
LEAST_ROWS = 50  # of a group, below which its recall says little
_SHIFT = 0.05  # in total variation, up to which training and test rows are of one kind


Name = tuple[str, str, int]  # of a trial among those that count: task, weighter, seed
Values = Mapping[Name, float]


def name_of(record: Record) -> Name:
    """Of its trial; quicker than the key, which is a checksum."""
    trial = record.trial
    return trial.task, trial.weighter, trial.seed


def recalls(tallies: Iterable[Tally]) -> dict[int, tuple[int, float]]:
    """Of each class that has test rows: how many training rows it has, and its recall."""
    sums: dict[int, list[int]] = {}
    for label, _, *counts in tallies:
        sums[label] = [a + b for a, b in zip(sums.get(label, [0, 0, 0]), counts, strict=True)]
    return {k: (trained, right / tested) for k, (trained, tested, right) in sums.items() if tested}


def groups_of(tallies: Iterable[Tally]) -> list[tuple[int, int]]:
    """Test rows and right ones of each class in each group of at least 50 test rows.

    Smaller ones are merged into one; what then still has fewer is left out beside larger ones.
    """
    every = [(tested, right) for _, _, _, tested, right in tallies if tested]
    large = [group for group in every if group[0] >= LEAST_ROWS]
    small = [group for group in every if group[0] < LEAST_ROWS]
    rest = (sum(tested for tested, _ in small), sum(right for _, right in small))
    return [*large, rest] if rest[0] >= LEAST_ROWS or (rest[0] and not large) else large


def worst_group_variance(scores: Scores) -> float:
    """Of the recall of the worst group, as its rows are drawn from many; 0 where there is none.

    The binomial p (1 - p) / n, p after one more right and one more wrong row, so that a group
    without a mistake is not known without doubt.
    """
    groups = groups_of(scores.tallies) if scores.grouped else []
    if not groups:
        return 0.0
    rows, right = min(groups, key=lambda group: group[1] / group[0])
    share = (right + 1) / (rows + 2)
    return share * (1 - share) / rows


def _balanced(scores: Scores) -> float | None:
    return _mean([recall for _, recall in recalls(scores.tallies).values()])


def _worst_class(scores: Scores) -> float | None:
    return min((recall for _, recall in recalls(scores.tallies).values()), default=None)


def _worst_group(scores: Scores) -> float | None:
    if not scores.grouped:
        return None
    return min((right / tested for tested, right in groups_of(scores.tallies)), default=None)


def _recall_where(belongs: Callable[[int], bool]) -> Callable[[Scores], float | None]:
    def mean(scores: Scores) -> float | None:
        return _mean([r for trained, r in recalls(scores.tallies).values() if belongs(trained)])

    return mean


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _of(part: str, name: str) -> Callable[[Scores], float | None]:
    return lambda scores: getattr(getattr(scores, part), name, None)


_OF_SCORES: Mapping[str, Callable[[Scores], float | None]] = {
    "balanced_accuracy": _balanced,
    "worst_class_recall": _worst_class,
    "worst_group_recall": _worst_group,
    "many_recall": _recall_where(lambda trained: trained > MANY),
    "medium_recall": _recall_where(lambda trained: FEW <= trained <= MANY),
    "few_recall": _recall_where(lambda trained: trained < FEW),
    "nll": _of("plain", "nll"),
    "brier": _of("plain", "brier"),
    "ece": _of("plain", "ece"),
    "nll_scaled": _of("scaled", "nll"),
    "brier_scaled": _of("scaled", "brier"),
    "ece_scaled": _of("scaled", "ece"),
    "weight_auroc": _of("weight", "auroc"),
    "weight_ap": _of("weight", "average_precision"),
    "margin_auroc": _of("margin", "auroc"),
    "margin_ap": _of("margin", "average_precision"),
}


def value(metric: str, training: Training) -> float | None:
    """A metric of one training, but for ``harm``; None where its record does not have it."""
    scores = training.scores
    if metric == "accuracy":
        return training.accuracy
    if metric == "weight_auroc" and scores is None:  # this one is older than scores
        return training.weights.auroc if training.weights else None
    if metric == "confidence_gap":
        plain = scores.plain if scores else None
        return abs(plain.confidence - training.accuracy) if plain else None
    return _OF_SCORES[metric](scores) if scores else None


def by_class(records: Iterable[Record]) -> dict[str, list[float | None]]:
    """By name, what records say of each class, its mean over seeds; None where none says any."""
    scores = [r.training.scores for r in records if r.training and r.training.scores]
    of_each = [
        {
            "recall": {label: recall for label, (_, recall) in recalls(one.tallies).items()},
            **_detected("weight", one.weight),
            **_detected("margin", one.margin),
        }
        for one in scores
    ]
    count = 1 + max((label for one in scores for label, *_ in one.tallies), default=-1)
    found: dict[str, list[float | None]] = {}
    for name in dict.fromkeys(name for each in of_each for name in each):
        found[name] = [
            _mean([each[name][label] for each in of_each if label in each.get(name, {})])
            for label in range(count)
        ]
    return found


def _detected(what: str, found: Detection | None) -> dict[str, dict[int, float]]:
    classes = list(enumerate(found.by_class)) if found else []
    there = [(label, both) for label, both in classes if both is not None]
    names = (f"{what}_auroc", f"{what}_ap") if there else ()
    return {name: {label: both[i] for label, both in there} for i, name in enumerate(names)}


def own_metric(training: Training) -> str:
    """What the task of a training is scored by."""
    return training.scores.metric if training.scores else "accuracy"


def own_metrics(kept: Iterable[Record]) -> dict[str, str]:
    """What each task is scored by, as its records say."""
    return {r.trial.task: own_metric(r.training) for r in kept if r.training}


def chance_of(metric: str, chance: float) -> float | None:
    """What a failed trial has, guessing all classes alike; None where that would be no failure."""
    if METRICS[metric].skill:
        return chance
    if metric.startswith("nll"):
        return -math.log(chance) if chance else None
    return 1 - chance if metric.startswith("brier") else None


def nothing_is_wrong(training: Training) -> bool:
    """Whether all labels are right, and training rows are of the kinds that test rows are of.

    The share of rows that would have to be of another class and group is at most .05.
    """
    if training.realised_noise != 0 or training.scores is None:
        return False
    counts = np.array([(trained, tested) for _, _, trained, tested, _ in training.scores.tallies])
    shares = counts / counts.sum(axis=0)
    return float(np.abs(shares[:, 0] - shares[:, 1]).sum() / 2) <= _SHIFT


def values_of(kept: Sequence[Record], metric: str | None) -> Values:
    """By trial: ``metric``, or each task's own; trials that lack it are left out."""
    own = own_metrics(kept)
    if metric == "harm":
        return _harm(kept, values_of(kept, None))
    found = {name_of(r): value(metric or own[r.trial.task], r.training) for r in kept if r.training}
    return {key: number for key, number in found.items() if number is not None}


def _harm(kept: Sequence[Record], own: Values) -> Values:
    plain = {
        (r.trial.task, r.trial.seed): own[name_of(r)]
        for r in kept
        if r.trial.weighter == LOWER_ANCHOR and name_of(r) in own
    }
    return {
        name_of(r): plain[r.trial.task, r.trial.seed] - own[name_of(r)]
        for r in kept
        if r.training
        and nothing_is_wrong(r.training)
        and name_of(r) in own
        and (r.trial.task, r.trial.seed) in plain
    }


def having(
    kept: Sequence[Record], metric: str | None, values: Values
) -> tuple[list[Record], list[str]]:
    """The records that have a metric, or failed and score chance level; why others are left out."""
    own = own_metrics(kept)
    there, lacking, older = [], Counter[str](), set()
    for r in kept:
        name = metric or own.get(r.trial.task, "accuracy")
        if name_of(r) in values or (r.training is None and chance_of(name, 0.5) is not None):
            there.append(r)
            continue
        lacking[r.trial.task] += 1
        if r.training and r.training.scores is None:
            older.add(r.trial.task)
    return there, [
        f"{task}: {number} records without {metric or own.get(task)} left out, "
        + ("made before it was kept; train again" if task in older else _WITHOUT)
        for task, number in sorted(lacking.items())
    ]


_WITHOUT = "for it is not defined there, or the trials failed"
