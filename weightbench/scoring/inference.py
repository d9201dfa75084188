"""The one inference behind every interval, comparison and place: tasks are fixed, seeds random.

A mean over seeds has the variance s^2 / n. A mean over T tasks of such means has
sum_t s_t^2 / n_t / T^2, which is worth as many degrees of freedom as Welch (Biometrika 1947) and
Satterthwaite (Biometrics 1946) give it. Intervals and tests are of Student's t.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from weightbench.scoring.entries import LEVEL, Interval
from weightbench.scoring.results import Sample, Vector

MOST_SEEDS = 10_000  # that are asked for; where more would be needed, nobody wants to know


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean, and how well it is known.

    Attributes:
        mean: of seeds, or of tasks.
        variance: of that mean, the squared standard error; infinite where a task has one seed.
        doubt: the sum of v^2 / (n - 1) over the variances v it is made of, by which
            ``variance^2 / doubt`` are its degrees of freedom.
    """

    mean: float
    variance: float
    doubt: float

    @classmethod
    def of(cls, values: Vector, grain: float = 0.0) -> Estimate:
        """The mean of ``values``, (n,), one a seed.

        Args:
            values: independent of each other.
            grain: the step in which they are counted, such as a test row's share. Rounding to it
                has a variance of grain^2 / 12, below which none is known: scores that happen to be
                equal are not known without doubt.
        """
        n = len(values)
        if n < 2:
            return cls(float(values.mean()), math.inf, math.inf)
        variance = max(float(values.var(ddof=1)), grain**2 / 12) / n
        return cls(float(values.mean()), variance, variance**2 / (n - 1))

    @classmethod
    def over(cls, parts: Sequence[Estimate]) -> Estimate:
        """The mean of independent ``parts``, one a task, each of which has the same say."""
        count = len(parts)
        return cls(
            sum(part.mean for part in parts) / count,
            sum(part.variance for part in parts) / count**2,
            sum(part.doubt for part in parts) / count**4,
        )

    def times(self, factor: float) -> Estimate:
        """In another unit."""
        return Estimate(self.mean * factor, self.variance * factor**2, self.doubt * factor**4)

    def less(self, number: float) -> Estimate:
        """Counted from ``number``."""
        return dataclasses.replace(self, mean=self.mean - number)

    def wider(self, variance: float) -> Estimate:
        """With the variance of something else beside seeds, which is known."""
        return dataclasses.replace(self, variance=self.variance + variance)

    @property
    def freedom(self) -> float:
        """Degrees of freedom; 0 where nothing is known of the variance."""
        if not math.isfinite(self.variance):
            return 0.0
        return self.variance**2 / self.doubt if self.doubt else math.inf

    def interval(self) -> Interval:
        """The mean with its 95 % interval."""
        half = self._half(1 - LEVEL / 2)
        return Interval(self.mean, self.mean - half, self.mean + half)

    def _half(self, quantile: float) -> float:
        if not math.isfinite(self.variance):
            return math.inf
        return student_quantile(quantile, self.freedom) * math.sqrt(self.variance)

    @property
    def p(self) -> float:
        """Two-sided p that what it is the mean of is 0."""
        if not math.isfinite(self.variance):
            return 1.0
        if not self.variance:
            return float(self.mean == 0)
        return student_p(abs(self.mean) / math.sqrt(self.variance), self.freedom)

    def seeds_for(self, width: float, seeds: int) -> int | None:
        """How many seeds on each task it takes for an interval of ``width`` to either side.

        If seeds go on as they did. None where it takes over 10,000, or where nothing is known.

        Args:
            width: above 0.
            seeds: that there are on a task, on average.
        """
        if not math.isfinite(self.variance) or width <= 0:
            return None
        tasks = max(self.freedom / (seeds - 1), 1.0) if math.isfinite(self.freedom) else 1.0
        for needed in _growing(2):
            freedom = (needed - 1) * tasks
            half = student_quantile(1 - LEVEL / 2, freedom)
            if half * math.sqrt(self.variance * seeds / needed) <= width:
                return needed
        return None


def _growing(start: int) -> Sequence[int]:
    """Every number up to 100, then steps of a twentieth."""
    found = list(range(start, 101))
    while found[-1] < MOST_SEEDS:
        found.append(int(found[-1] * 1.05))
    return found


def student_quantile(share: float, freedom: float) -> float:
    """Of Student's t; of the normal distribution where ``freedom`` is infinite."""
    from scipy.special import ndtri, stdtrit  # scipy takes a while, and not every reader scores

    return float(stdtrit(freedom, share) if math.isfinite(freedom) else ndtri(share))


def student_p(t: float, freedom: float) -> float:
    """Two-sided p of a ``t`` of at least 0."""
    from scipy.special import ndtr, stdtr

    return float(2 * (stdtr(freedom, -t) if math.isfinite(freedom) else ndtr(-t)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p values: below a level, the family-wise error is held at it."""
    adjusted, least = [0.0] * len(p_values), 0.0
    for place, i in enumerate(np.argsort(p_values, kind="stable")):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[i]))
        adjusted[i] = least
    return adjusted


def of_sample(sample: Sample) -> Estimate:
    """The mean score of a weighter on a task."""
    return Estimate.of(sample.score, sample.grain).wider(sample.row_variance)


def of_pair(one: Sample, other: Sample) -> Estimate:
    """How much more ``one`` scores than ``other`` on a task, over the seeds both have.

    Scores of one seed share split, corruption, initial network and order, so they are subtracted
    before anything is averaged. Nothing is known where no seed is shared. The rows that the worst
    groups of both get wrong are taken to be others, which is too wide rather than too narrow.
    """
    if np.array_equal(one.seeds, other.seeds):
        differences = one.score - other.score
    else:
        _, first, second = np.intersect1d(one.seeds, other.seeds, return_indices=True)
        differences = one.score[first] - other.score[second]
    if not len(differences):
        return Estimate(float(one.score.mean() - other.score.mean()), math.inf, math.inf)
    grain = math.sqrt(2) * max(one.grain, other.grain)
    return Estimate.of(differences, grain).wider(one.row_variance + other.row_variance)
