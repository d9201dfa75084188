"""Formulae of what is measured when a training has ended. Loads no torch.

docs/leaderboard.md says what each is for.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightbench.records.scores import Calibration, Detection, Tally
from weightbench.records.weights import auroc

Vector = NDArray[np.float64]
Classes = NDArray[np.int64]
BINS = 15
_LEAST = -700.0  # of a log-probability; exp of less is no normal double
_COLDEST, _HOTTEST = 0.01, 100.0  # temperatures that are tried


def log_probabilities(outputs: NDArray[Any]) -> Vector | None:
    """Logarithms of the softmax of ``outputs``, (n, K), float64, no less than -700.

    None where an output is not a number or beyond all numbers.
    """
    outputs = outputs.astype(np.float64)
    largest = outputs.max(axis=1, keepdims=True)
    if not np.isfinite(largest).all():
        return None
    shifted = outputs - largest
    log_p: Vector = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return log_p.clip(min=_LEAST)


def nll(log_p: Vector, truth: Classes) -> float:
    """Mean negative log-probability of the true class, in nats, of (n, K)."""
    return float(-log_p[np.arange(len(truth)), truth].mean())


def brier(log_p: Vector, truth: Classes) -> float:
    """Mean over rows of ``sum_k (p_k - [k = y])^2``, in [0, 2] (Brier 1950)."""
    p = np.exp(log_p)
    return float(((p - np.eye(p.shape[1])[truth]) ** 2).sum(axis=1).mean())


def ece(confidence: Vector, right: NDArray[np.bool_]) -> float:
    """Expected calibration error, ``sum_b n_b / n |accuracy_b - confidence_b|``.

    Naeini et al. 2015, in 15 bins of equal mass (Nixon et al. 2019): the bin of a row is the whole
    part of 15 times the share of rows that have less confidence. Equal rows share a bin, so that no
    order of rows matters.
    """
    below = np.searchsorted(np.sort(confidence), confidence)
    which = BINS * below // max(len(confidence), 1)
    gaps = np.bincount(which, right - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def calibration(log_p: Vector, truth: Classes) -> Calibration:
    """Of log-probabilities, (n, K), of rows of these classes."""
    confidence = np.exp(log_p.max(axis=1))
    return Calibration(
        nll=nll(log_p, truth),
        brier=brier(log_p, truth),
        ece=min(ece(confidence, log_p.argmax(axis=1) == truth), 1.0),
        confidence=min(float(confidence.mean()), 1.0),
    )


def temperature(outputs: NDArray[Any], truth: Classes) -> float | None:
    """The T in [.01, 100] at which softmax(outputs / T) has the least nll (Guo et al. 2017).

    None where there are no rows, or an output is not finite.
    """
    from scipy.optimize import minimize_scalar

    if not len(truth) or not np.isfinite(outputs).all():
        return None

    def of(log_t: float) -> float:
        log_p = log_probabilities(outputs / math.exp(log_t))
        assert log_p is not None
        return nll(log_p, truth)

    bounds = (math.log(_COLDEST), math.log(_HOTTEST))
    found = minimize_scalar(of, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return math.exp(float(found.x))


def average_precision(score: Vector, positive: NDArray[np.bool_]) -> float | None:
    """``sum_t (R_t - R_{t-1}) P_t`` over thresholds from the largest score down, equal ones as one.

    Precision P and recall R of "above the threshold is positive"; None without a positive.
    """
    if not positive.any():
        return None
    order = np.argsort(-score, kind="stable")
    score, hits = score[order], np.cumsum(positive[order])
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)  # of equal scores
    precision, recall = hits[last] / (last + 1), hits[last] / hits[-1]
    return min(float((np.diff(recall, prepend=0.0) * precision).sum()), 1.0)


def detection(
    score: Vector, right: NDArray[np.bool_], given: Classes, classes: int
) -> Detection | None:
    """How well ``score`` tells rows with right labels, over all and by the class they are given.

    Rows whose score is NaN are left out. None where all labels are right, or none.
    """
    known = ~np.isnan(score)
    score, right, given = score[known], right[known], given[known]
    whole = _both(score, right)
    if whole is None:
        return None
    parts = (given == label for label in range(classes))
    by_class = [_both(score[part], right[part]) for part in parts]
    return Detection(auroc=whole[0], average_precision=whole[1], by_class=by_class)


def _both(score: Vector, right: NDArray[np.bool_]) -> tuple[float, float] | None:
    area, precision = auroc(score, right), average_precision(score, right)
    return None if area is None or precision is None else (area, precision)


def margins(outputs: NDArray[Any], given: Classes) -> Vector:
    """(n,) the output of the given class less the largest of another, of (n, K); K is above 1."""
    outputs = outputs.astype(np.float64)
    rows = np.arange(len(given))
    own = outputs[rows, given]
    outputs[rows, given] = -np.inf
    with np.errstate(invalid="ignore"):  # of two outputs of -inf, the difference is no number
        found: Vector = own - outputs.max(axis=1)
    return found


def tallies(
    train: tuple[Classes, Classes | None],
    test: tuple[Classes, Classes | None],
    right: NDArray[np.bool_],
) -> list[Tally]:
    """Of every class, in every group where there are some: training rows, test rows, right ones.

    Args:
        train: true classes and groups of the training rows.
        test: those of the test rows.
        right: whether each test row is right.
    """
    trained = _counted(*train, np.ones(len(train[0]), bool))
    tested = _counted(*test, np.ones(len(test[0]), bool))
    hits = _counted(*test, right)
    names = sorted(trained.keys() | tested.keys(), key=lambda name: (name[0], name[1] or 0))
    return [(*n, trained.get(n, 0), tested.get(n, 0), hits.get(n, 0)) for n in names]


def _counted(
    labels: Classes, groups: Classes | None, counts: NDArray[np.bool_]
) -> dict[tuple[int, int | None], int]:
    kinds = np.stack([labels, np.zeros_like(labels) if groups is None else groups])
    names, numbers = np.unique(kinds[:, counts], axis=1, return_counts=True)
    return {
        (int(label), None if groups is None else int(group)): int(number)
        for (label, group), number in zip(names.T, numbers, strict=True)
    }
