"""The bootstrap: paired over seeds, stratified by task."""

from __future__ import annotations

import functools

import numpy as np

from weightbench.scoring.entries import Interval
from weightbench.scoring.results import Vector

RESAMPLES = 4000


def bootstrap(values: Vector, task: str) -> Vector:
    """(RESAMPLES,) means of ``values`` (seeds in order) resampled with replacement.

    The draws depend on the task and the number of seeds only, so that two weighters with the same
    seeds are resampled alike: the bootstrap is paired, and nobody else's entry moves it. Tasks are
    resampled one by one, so that the mean over tasks is stratified.
    """
    return shares(task, len(values)) @ values


@functools.lru_cache(maxsize=4)
def shares(task: str, seeds: int) -> Vector:
    """(RESAMPLES, seeds): the share of each seed in each resample."""
    rng = np.random.default_rng([*task.encode(), seeds])
    drawn: Vector = rng.multinomial(seeds, np.full(seeds, 1 / seeds), RESAMPLES) / seeds
    return drawn


def interval(mean: float, draws: Vector) -> Interval:
    """``mean`` with the 2.5 and 97.5 percentiles of its bootstrap ``draws``."""
    low, high = np.percentile(draws, (2.5, 97.5))
    return Interval(float(mean), float(low), float(high))
