"""What another machine's reruns take off a row, so that nobody gains by claims that lie above.

Survey sampling's difference estimator, within strata (Särndal, Swensson and Wretman, Model Assisted
Survey Sampling, 1992): on each task, claims are lowered by the mean of claimed less found over its
reruns, a rerun counting for as many trials as it was drawn from. Of what was altered nothing is
left on average, however far trials deviate between machines, and honest claims stay where they are.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Lowering:
    """In skill, for each of several draws.

    Attributes:
        mean: (times,) by how much claims lie above what came out, over all tasks.
        error: (times,) its standard error.
        by_task: (times, tasks) what is taken off: the difference on the task, and once more as much
            of ``mean`` as is above ``error``, which honest claims seldom have and altered ones do.
    """

    mean: Vector
    error: Vector
    by_task: Vector

    @property
    def taken_off(self) -> Vector:
        """(times,) over all tasks."""
        found: Vector = self.by_task.mean(axis=1)
        return found


def lowering(
    differences: Vector, chance: Vector, task: NDArray[np.int64], least: float, most: float
) -> Lowering:
    """What to take off.

    Args:
        differences: (times, n) claimed less found, in skill; NaN where a trial was not drawn.
        chance: (n,) of being drawn.
        task: (n,) which task a trial is of, as a number from 0 on, without gaps.
        least: a trial deviates by at least so much between machines.
        most: and at most.
    """
    drawn = ~np.isnan(differences)
    share = np.where(drawn, 1 / chance, 0)
    of_task = np.eye(task.max() + 1)[task]  # (n, tasks)
    there = share @ of_task  # a task without reruns is taken to be like the others
    share /= np.where(there > 0, there, 1) @ of_task.T * (there > 0).sum(axis=1, keepdims=True)
    found = np.where(drawn, differences, 0) * share
    mean = found.sum(axis=1)
    error = deviation(differences, least, most) * np.sqrt((share**2).sum(axis=1))
    on_task = found @ of_task * (there > 0).sum(axis=1, keepdims=True)
    by_task = np.where(there > 0, on_task, mean[:, None])
    return Lowering(mean, error, by_task + np.maximum(mean - error, 0)[:, None])


def deviation(differences: Vector, least: float, most: float) -> Vector:
    """Over the last axis without NaN, between ``least`` and ``most``; ``most`` of one alone."""
    number = (~np.isnan(differences)).sum(axis=-1)
    mean = np.nansum(differences, axis=-1, keepdims=True) / number[..., None]
    squares = np.nansum((differences - mean) ** 2, axis=-1)
    spread = np.where(number > 1, np.sqrt(squares / np.maximum(number - 1, 1)), most)
    found: Vector = np.clip(spread, least, max(least, most))
    return found
