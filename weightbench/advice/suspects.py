"""Which labels look wrong, worst first, and how many of the first ones are."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float64]
_TINY = 1e-6
_STEPS = 3  # of expectation maximisation
_DRAWN = (5.0, 50.0, 500.0, 5000.0, 1e5)  # rows


@dataclasses.dataclass(frozen=True, eq=False)
class Suspects:
    """What is thought of each row's label.

    Attributes:
        score: (N,) float64 in [0, 1], the chance that the label is wrong; NaN where nothing can be
            said, as the class has one row.
        likelier: (N,) int64, the likeliest class other than the label given.
        calibrated: whether trusted rows whose labels were corrected say what the chance is.
    """

    score: Floats
    likelier: NDArray[np.int64]
    calibrated: bool

    @property
    def order(self) -> NDArray[np.int64]:
        """Rows, the worst first; those of which nothing can be said are left out."""
        order = np.argsort(-np.nan_to_num(self.score, nan=-1.0), kind="stable")
        known: NDArray[np.int64] = order[~np.isnan(self.score[order])]
        return known

    def wrong_among(self, first: int) -> float:
        """The share of the ``first`` ones that are expected to be wrong."""
        return float(self.score[self.order[:first]].mean()) if len(self.order) else 0.0


def confusion(chances: Floats, given: NDArray[np.int64]) -> Floats:
    """(K, K), the chance that true class t (row) is labelled g (column).

    A few steps of expectation maximisation from the classes that networks trained without the rows
    find likeliest. Each row is drawn towards one in which all wrong labels are alike, as far as is
    best for rows that were not counted.
    """
    half = np.arange(len(given)) % 2 == 0
    parts = [(half, ~half), (~half, half)]

    def told(drawn: float) -> float:
        return sum(
            float(
                np.log(
                    _of_given(chances[b], given[b], _counted(chances[a], given[a], drawn / 2))
                ).sum()
            )
            for a, b in parts
        )

    best = max(_DRAWN, key=told)
    return _counted(chances, given, best)


def _counted(chances: Floats, given: NDArray[np.int64], drawn: float) -> Floats:
    """(K, K), each row drawn by so many rows' worth."""
    classes = chances.shape[1]
    counts = np.zeros((classes, classes))
    np.add.at(counts, (chances.argmax(1), given), 1)
    rates = _drawn(counts, given, drawn)
    members = [given == label for label in range(classes)]
    for _ in range(_STEPS):
        joint = chances * rates.T[given]
        joint /= np.maximum(joint.sum(1, keepdims=True), _TINY)
        rates = _drawn(np.stack([joint[m].sum(0) for m in members], axis=1), given, drawn)
    return rates


def _drawn(counts: Floats, given: NDArray[np.int64], drawn: float) -> Floats:
    classes = len(counts)
    agree = np.trace(counts) / max(counts.sum(), 1)
    shares = np.bincount(given, minlength=classes) / len(given)
    prior = (1 - agree) * np.tile(shares, (classes, 1)) + agree * np.eye(classes)
    smooth = counts + drawn * prior
    rates: Floats = smooth / smooth.sum(1, keepdims=True)
    return rates


def _of_given(chances: Floats, given: NDArray[np.int64], rates: Floats) -> Floats:
    """(N,) the chance of each label given."""
    found: Floats = np.maximum((chances * rates.T[given]).sum(1), _TINY)
    return found


def wrongness(chances: Floats, given: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    """The log odds that a label is wrong, (N,), and the class that is likeliest beside it, (N,).

    With p the chances of the true classes and T how they are labelled, a row with label g is of
    class t with odds p_t T_tg.

    Args:
        chances: (N, K), out of sample, of the true class.
        given: (N,) int64.
    """
    rows = np.arange(len(given))
    joint = (chances + _TINY) * confusion(chances, given).T[given]
    own = joint[rows, given]
    others = joint.copy()
    others[rows, given] = -1
    likelier = others.argmax(1)
    rest = np.maximum(joint.sum(1) - own, 1e-300)
    return np.log(rest) - np.log(np.maximum(own, 1e-300)), likelier


def find(
    chances: Floats,
    given: NDArray[np.int64],
    right: NDArray[np.int64],
    corrected: NDArray[np.bool_],
) -> Suspects:
    """What is thought of each label.

    Args:
        chances: (N, K), of networks that were trained without the row.
        given: (N,) int64, labels as they stand in the table.
        right: (N,) int64, right labels, -1 where unknown.
        corrected: (N,) bool, trusted rows of which it is known what stood in the table.
    """
    odds, likelier = wrongness(chances, given)
    known = np.flatnonzero(corrected & (right >= 0))
    wrong = right[known] != given[known]
    calibrated = bool(min(wrong.sum(), (~wrong).sum()) >= 3)
    if calibrated:
        shape = np.clip(odds, -20, 20)[:, None]
        fitted = LogisticRegression(C=1.0).fit(shape[known], wrong)
        if fitted.coef_[0, 0] > 0:
            odds = fitted.decision_function(shape) + 1e-6 * odds  # beyond the cut, in their order
        else:
            calibrated = False
    score = 1 / (1 + np.exp(-np.clip(odds, -500, 500)))
    alone = np.bincount(given, minlength=chances.shape[1])[given] < 2
    return Suspects(np.where(alone, np.nan, score), likelier, calibrated)
