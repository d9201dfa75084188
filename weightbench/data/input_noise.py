"""Flips that depend on the input: noise that a network can learn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from weightbench.data.corruption import Corrupted, Labels, check_share, describe
from weightbench.errors import BadData, UnknownParameter

_SPREAD = 0.1  # of the flip rates of single examples
_FOLDS = 5

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class PartDependentFlip:
    """An example is flipped to where a random linear map of its input points.

    Xia et al. 2020 (part-dependent label noise). Its flip rate is drawn from a normal of mean
    ``noise`` and deviation .1, truncated to [0, 1]; the other label from ``softmax(x W_y)``, where
    ``W_y`` (d, K) is standard normal, one for each given class y, without y's own column.

    ``scaling`` of x decides what this is. ``"standardized"``, every feature to mean 0 and deviation
    1: where a flip goes depends on the input. ``"raw"``, as in the released code, pixels as they
    are: 70 % of the flips of a class of CIFAR-10 go to one other, much as if the class decided.
    """

    noise: float = 0.4
    _: dataclasses.KW_ONLY
    scaling: str = "standardized"

    def __post_init__(self) -> None:
        """Refuse parameters that mean nothing."""
        check_share("noise", self.noise)
        if self.scaling not in ("standardized", "raw"):
            raise UnknownParameter(f"scaling={self.scaling}: expected standardized or raw")

    def __str__(self) -> str:
        return (
            f"{self.noise:.0%} are flipped to where a random linear map of the {self.scaling} "
            "input points"
        )

    def __call__(
        self,
        labels: Labels,
        num_classes: int,
        rng: np.random.Generator,
        *,
        inputs: NDArray[Any],
    ) -> Corrupted:
        """Flip; see :class:`Corruption`."""
        if num_classes < 2:
            raise BadData("labels of a single class cannot be flipped")
        table = _table(inputs) if self.scaling == "raw" else standardized(inputs)
        is_flipped = rng.random(len(labels)) < _truncated_normal(self.noise, len(labels), rng)
        at, given = rng.random(len(labels)), labels.copy()
        for label in range(num_classes):
            towards = rng.standard_normal((table.shape[1], num_classes))
            rows = np.flatnonzero((labels == label) & is_flipped)
            scores = table[rows] @ towards
            scores[:, label] = -np.inf
            given[rows] = _drawn(_softmax(scores), at[rows])
        return describe(labels, given, np.arange(len(labels)), num_classes)


@dataclasses.dataclass(frozen=True)
class MarginFlip:
    """Labels become one of the two classes that a plain model finds likeliest; near ties are worst.

    Zhang et al. 2021 (PLC), polynomial-margin-diminishing noise, with the model made
    cheap: eta is a softmax regression on standardised inputs, each example predicted by one that
    was fitted on the other folds. With u and s the two likeliest classes and
    ``D = eta_u - eta_s``, the label becomes u with probability ``rho(D) / f``, else s; ``margin``
    names rho: ``I`` (1 + D^2) / 2, ``II`` D^3, ``III`` (D^3 + D^2 + D) / 3. f is solved for the
    expected share of wrong labels to be ``noise`` (published: f 1.43 for 35 %).

    Raises:
        BadData: no f gives that share, which depends on how well the regression does.
    """

    noise: float = 0.35
    _: dataclasses.KW_ONLY
    margin: str = "I"

    def __post_init__(self) -> None:
        """Refuse parameters that mean nothing."""
        check_share("noise", self.noise)
        if self.margin not in _MARGINS:
            raise UnknownParameter(f"margin={self.margin}: expected {', '.join(_MARGINS)}")

    def __str__(self) -> str:
        return (
            f"{self.noise:.0%} wrong: the second of the two classes that a softmax regression "
            f"finds likeliest, the likelier the closer they are (type {self.margin})"
        )

    def __call__(
        self,
        labels: Labels,
        num_classes: int,
        rng: np.random.Generator,
        *,
        inputs: NDArray[Any],
    ) -> Corrupted:
        """Flip; see :class:`Corruption`."""
        eta = cross_fitted(standardized(inputs), labels, num_classes, rng)
        order = np.argsort(-eta, axis=1, kind="stable")
        first, second = order[:, 0], order[:, 1]
        rows = np.arange(len(labels))
        rho = _MARGINS[self.margin](eta[rows, first] - eta[rows, second])
        chance = _scaled(rho, first == labels, second == labels, self.noise)
        given = np.where(rng.random(len(labels)) < chance, first, second)
        return describe(labels, given, rows, num_classes)


_MARGINS: dict[str, Callable[[Floats], Floats]] = {
    "I": lambda d: (1 + d**2) / 2,
    "II": lambda d: d**3,
    "III": lambda d: (d**3 + d**2 + d) / 3,
}


def _scaled(
    rho: Floats, is_first: NDArray[np.bool_], is_second: NDArray[np.bool_], noise: float
) -> Floats:
    """``min(rho / f, 1)`` with the f at which a share ``noise`` of labels is expected wrong."""

    def wrong(inverse: float) -> float:
        chance = np.minimum(rho * inverse, 1)
        return 1 - float(np.mean(chance * is_first + (1 - chance) * is_second))

    low, high = 0.0, 1 / max(float(rho.min()), 1e-9)
    if not wrong(high) <= noise <= wrong(low):
        raise BadData(
            f"noise={noise}: with these inputs it lies from {wrong(high):.3f} to {wrong(low):.3f}"
        )
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if wrong(middle) > noise else (low, middle)
    return np.minimum(rho * high, 1)


def cross_fitted(
    table: Floats, labels: Labels, num_classes: int, rng: np.random.Generator
) -> Floats:
    """(n, K) float64: a softmax regression's probabilities, from the folds an example is not in.

    Raises:
        BadData: a class has fewer examples than there are folds.
    """
    counts = np.bincount(labels, minlength=num_classes)
    if counts.min() < _FOLDS:
        raise BadData(f"class {counts.argmin()} has {counts.min()} examples for {_FOLDS} folds")
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=int(rng.integers(2**32)))
    model = LogisticRegression(max_iter=1000)
    found = cross_val_predict(model, table, labels, cv=folds, method="predict_proba")
    return np.asarray(found, np.float64)


def standardized(inputs: NDArray[Any]) -> Floats:
    """(n, d) float64 of (n, ...): every feature at mean 0 and deviation 1, constant ones at 0."""
    table = _table(inputs)
    table -= table.mean(0)
    deviation = table.std(0)
    return table / np.where(deviation > 0, deviation, 1)


def _table(inputs: NDArray[Any]) -> Floats:
    return inputs.reshape(len(inputs), -1).astype(np.float64)


def _truncated_normal(mean: float, size: int, rng: np.random.Generator) -> Floats:
    """(size,) float64 of a normal of deviation .1, those outside [0, 1] drawn again."""
    drawn = rng.normal(mean, _SPREAD, size)
    while (outside := (drawn < 0) | (drawn > 1)).any():
        drawn[outside] = rng.normal(mean, _SPREAD, int(outside.sum()))
    return drawn


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(1, keepdims=True, initial=-np.inf))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def _drawn(chances: Floats, at: Floats) -> Labels:
    """(n,) int64: of each row of ``chances`` the class at ``at``, in [0, 1), of their sum."""
    cumulated = chances.cumsum(1)
    return np.asarray((cumulated <= at[:, None] * cumulated[:, -1:]).sum(1), np.int64)
