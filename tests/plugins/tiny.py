"""A task that trains in a few hundredths of a second: three noisy blobs, a small network."""

from __future__ import annotations

import functools

import numpy as np
from torch import nn

import weightbench as wb


@functools.cache
def blobs() -> wb.DataSet:
    """(400, 2) float32 in three classes that overlap."""
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 3
    centres = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    inputs = centres[labels] + rng.normal(0, 0.8, (400, 2))
    return wb.DataSet("blobs", inputs.astype(np.float32), labels.astype(np.int64), 3)


def network(data: wb.DataSet) -> nn.Module:
    """2-16-K."""
    return nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, data.num_classes))


TINY = wb.Task(
    name="tiny",
    dataset=blobs, corruption=wb.UniformFlip(0.3), holdout=wb.HoldoutPerClass(4),
    select=50, test=100, model=network,
    recipe=wb.Recipe(steps=20, batch_size=32, lr=0.05, clean_batch=12),
    about="three blobs, for tests",
)  # fmt: skip
