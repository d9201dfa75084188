"""The interval of a worst group's recall, over test rows and seeds."""

from __future__ import annotations

import numpy as np

from weightbench.scoring.metrics import groups_of
from weightbench.scoring.resampling import RESAMPLES, bootstrap, shares
from weightbench.scoring.results import Sample, Vector


def worst_group_draws(sample: Sample, task: str, side: int = 0) -> Vector:
    """(RESAMPLES,) means over seeds of the least recall, seeds and test rows resampled.

    In each resample a group's number of right rows is drawn from the binomial distribution, at one
    quantile for all seeds: they are tested on the same rows, so more seeds do not make up for few
    rows. Where every seed draws a test split of its own, that is too wide rather than too narrow.

    Args:
        sample: trials of one weighter on one task.
        task: with the number of seeds, what the draws depend on.
        side: 1 for the second of two that are compared, whose wrong rows are others.
    """
    from scipy.stats import binom

    rng = np.random.default_rng([*task.encode(), side])
    quantiles: list[Vector] = []
    least = np.empty((RESAMPLES, len(sample.seeds)))
    for column, record in enumerate(sample.records):
        scores = record.training.scores if record.training else None
        if scores is None:
            least[:, column] = sample.score[column]
            continue
        drawn = []
        for place, (rows, right) in enumerate(groups_of(scores.tallies)):
            if place == len(quantiles):
                quantiles.append(rng.random(RESAMPLES))
            below = binom.cdf(np.arange(rows), rows, right / rows)
            drawn.append(np.searchsorted(below, quantiles[place]) / rows)
        least[:, column] = np.min(drawn, axis=0)
    means: Vector = (shares(task, len(sample.seeds)) * least).sum(axis=1)
    return means


def draws_of(sample: Sample, task: str, side: int = 0) -> Vector:
    """(RESAMPLES,) means of a sample's score; over test rows too where it is a worst group's."""
    if sample.metric == "worst_group_recall":
        return worst_group_draws(sample, task, side)
    return bootstrap(sample.score, task)
