"""Is weighting worth it: differences to plain training, and two sentences about them.

The rows judged are few, so their own sampling error is most of it. Each interval is Tango's score
interval for a difference of paired proportions (Tango, Statistics in Medicine 1998), which has its
coverage for small counts as well; where networks of different folds differ by more than rows drawn
at random would, counts are divided by that factor. The quantile is that of the largest of all
methods' differences together, by their correlation, so that the best of many is not called good for
being the best of many.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm

WORTH = 0.01  # a gain below one point is not worth anybody's while
_LEVEL = 0.95
_DRAWS = 20_000
_POWER = 0.8
_MANY = 100_000


@dataclasses.dataclass(frozen=True)
class Difference:
    """A method beside plain training, on the rows judged.

    Attributes:
        accuracy: share of them that it gets right.
        gain: how much larger that is than plain training's.
        low: lower end of the interval of the gain, 95 % for all methods together.
        high: its upper end.
        better: rows it gets right and plain training does not.
        worse: rows of which the opposite is true.
    """

    accuracy: float
    gain: float
    low: float
    high: float
    better: int
    worse: int


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What is advised.

    Attributes:
        answer: ``yes``, ``no``, ``cannot say`` or ``not asked`` (nothing to judge by).
        method: the weighter advised; plain training's name where none is.
        text: two sentences.
        needed: rows judged by that would say more, about; None where none would or is needed.
    """

    answer: str
    method: str
    text: str
    needed: int | None = None

    def __str__(self) -> str:
        return self.text


def score_interval(better: float, worse: float, rows: float, z: float) -> tuple[float, float]:
    """Tango's interval of ``(better - worse) / rows``, rows of which the others are alike.

    Args:
        better: pairs for, may be fractional.
        worse: pairs against.
        rows: all pairs, above 0.
        z: quantile of the normal distribution.
    """

    def score(delta: float) -> float:
        b = -better - worse + (2 * rows - better + worse) * delta
        c = -worse * delta * (1 - delta)
        q = (math.sqrt(max(b * b - 8 * rows * c, 0.0)) - b) / (4 * rows)
        variance = rows * (2 * q + delta * (1 - delta))
        return (better - worse - rows * delta) / math.sqrt(max(variance, 1e-12))

    gain, tiny = (better - worse) / rows, 1e-9

    def end(limit: float, sign: float) -> float:
        if (gain - limit) * sign <= tiny or abs(score(limit * (1 - tiny))) < z:
            return limit
        return float(brentq(lambda d: score(d) - sign * z, limit * (1 - tiny), gain))

    return end(-1.0, 1.0), end(1.0, -1.0)


def wilson(right: float, rows: float, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a share."""
    share, more = right / rows, z * z / rows
    centre = (share + more / 2) / (1 + more)
    half = z * math.sqrt(share * (1 - share) / rows + more / (4 * rows)) / (1 + more)
    return centre - half, centre + half


def quantile_together(differences: NDArray[np.float64], seed: int = 0) -> float:
    """The 95 % quantile of the largest |z| of columns that correlate as those of (m, J) do."""
    spread = differences.std(0)
    moving = differences[:, spread > 0]
    if moving.shape[1] < 2:
        return float(norm.ppf((1 + _LEVEL) / 2))
    # Columns are pulled apart a little: a correlation of few rows is not known better than that.
    correlation = np.corrcoef(moving, rowvar=False) * 0.95 + 0.05 * np.eye(moving.shape[1])
    rng = np.random.default_rng(seed)
    drawn = rng.multivariate_normal(np.zeros(len(correlation)), correlation, _DRAWS, method="eigh")
    return float(np.quantile(np.abs(drawn).max(1), _LEVEL))


def excess(differences: NDArray[np.float64], folds: NDArray[np.int64]) -> float:
    """By what factor folds vary more than rows drawn at random would, at least 1.

    Args:
        differences: (m, J), each in {-1, 0, 1}.
        folds: (m,) int64, whose network judged a row.
    """
    parts = [differences[folds == fold] for fold in np.unique(folds)]
    variance = differences.var(0)
    if len(parts) < 2 or not (variance > 0).any():
        return 1.0
    mean = differences.mean(0)
    between = sum(len(part) * (part.mean(0) - mean) ** 2 for part in parts) / (len(parts) - 1)
    return max(1.0, float((between[variance > 0] / variance[variance > 0]).mean()))


def differences(
    right: Mapping[str, NDArray[np.bool_]], plain: str, folds: NDArray[np.int64]
) -> tuple[dict[str, Difference], float]:
    """Each method beside plain training.

    Args:
        right: of each method (m,) bool, which of the rows judged it gets right, out of sample.
        plain: which of the methods is plain training.
        folds: (m,) int64, whose network judged a row.

    Returns:
        Of each method but plain training; and the factor of :func:`excess`.
    """
    others = [name for name in right if name != plain]
    if not others:
        return {}, 1.0
    base, rows = right[plain], len(right[plain])
    table = np.stack([right[name].astype(float) - base for name in others], axis=1)
    factor, z = excess(table, folds), quantile_together(table)
    found = {}
    for name in others:
        better, worse = int((right[name] & ~base).sum()), int((base & ~right[name]).sum())
        low, high = score_interval(better / factor, worse / factor, rows / factor, z)
        found[name] = Difference(
            float(right[name].mean()), (better - worse) / rows, low, high, better, worse
        )
    return found, factor


def judge(
    found: Mapping[str, Difference], plain: str, rows: int, trusted: str, factor: float = 1.0
) -> Verdict:
    """The verdict on the differences of ``rows`` rows.

    Args:
        found: of each method.
        plain: the name of plain training.
        rows: how many were judged.
        trusted: what these are called, such as "trusted rows".
        factor: that of :func:`excess`.
    """
    if not found:
        return Verdict("not asked", plain, "Nothing was compared with plain training.")
    surely = {name: d for name, d in found.items() if d.low > 0}
    if surely:
        name = max(surely, key=lambda n: (surely[n].low, surely[n].gain))
        best = surely[name]
        small = (
            " That is less than a point for certain, so little may come of it."
            if best.low < WORTH
            else ""
        )
        return Verdict(
            "yes",
            name,
            f"Yes: train with {name}, which gets {100 * best.accuracy:.1f} % of the {rows:,} "
            f"{trusted} right where plain training gets {100 * (best.accuracy - best.gain):.1f} %. "
            f"That is {points(best.gain)} more, and surely between {points(best.low, False)} and "
            f"{points(best.high)} (95 %).{small}",
        )
    name = max(found, key=lambda n: (found[n].gain, found[n].low))
    best, highest = found[name], max(d.high for d in found.values())
    if highest < WORTH:
        return Verdict(
            "no",
            plain,
            f"No: train as you do, as no method gains a point over plain training on these data. "
            f"The best of {len(found)} ({name}) gains {points(best.gain)}, and none gains more "
            f"than {points(highest)} (95 %).",
        )
    needed = rows_needed(best, rows, factor)
    enough = (
        f"about {needed:,} would" if needed <= _MANY else "more than anybody checks would be needed"
    )
    return Verdict(
        "cannot say",
        plain,
        f"Cannot say with {rows:,} {trusted}; {enough}. "
        f"Train as you do until then: {name} may be anything from {points(best.low, False)} to "
        f"{points(best.high)} better than plain training.",
        needed,
    )


def rows_needed(best: Difference, rows: int, factor: float = 1.0) -> int:
    """How many rows would tell, if rows still to come differ as often as those there are.

    Either the gain as it is from 0, or, where that is less than :data:`WORTH`, a gain of that
    much from what was found. To two digits, above what there are.
    """
    differing = max((best.better + best.worse) / rows, 1 / rows)
    gap = best.gain if best.gain >= WORTH else max(WORTH - best.gain, WORTH)
    z = norm.ppf((1 + _LEVEL) / 2) + norm.ppf(_POWER)
    needed = max(factor * z * z * max(differing - gap * gap, gap) / gap**2, 1.2 * rows)
    digits = 10 ** max(int(math.log10(needed)) - 1, 0)
    return int(math.ceil(needed / digits) * digits)


def points(value: float, unit: bool = True) -> str:
    """A difference of shares, as people say it."""
    number = f"{100 * value:.1f}".replace("-", "\N{MINUS SIGN}")
    return f"{number} points" if unit else number


def accuracy_line(right: Sequence[bool] | NDArray[np.bool_]) -> str:
    """A share with its interval, ``85.0 % [79.4, 89.3]``."""
    count, rows = int(np.sum(right)), len(right)
    low, high = wilson(count, rows)
    return f"{100 * count / rows:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
