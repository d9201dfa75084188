"""The task that weighters are checked on: small, quick, with batch norm and noisy labels."""

from __future__ import annotations

import dataclasses

import numpy as np
from torch import nn

from weightbench.data.corruption import UniformFlip
from weightbench.data.dataset import DataSet, Pool
from weightbench.training.recipe import Recipe
from weightbench.training.setting import Setting
from weightbench.training.splits import HoldoutPerClass
from weightbench.training.task import Task
from weightbench.training.weighter import Weighter

STEPS = 50
_EXAMPLES, _FEATURES, _CLASSES = 240, 6, 3


def _blobs() -> DataSet:
    rng = np.random.default_rng(0)
    labels = np.arange(_EXAMPLES) % _CLASSES
    centres = rng.normal(0, 1.5, (_CLASSES, _FEATURES))
    inputs = centres[labels] + rng.normal(0, 1, (_EXAMPLES, _FEATURES))
    return DataSet("mock", inputs.astype(np.float32), labels.astype(np.int64), _CLASSES)


def _network(data: DataSet) -> nn.Module:
    return nn.Sequential(
        nn.Linear(_FEATURES, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, data.num_classes)
    )


def _plain_network(data: DataSet) -> nn.Module:
    return nn.Sequential(nn.Linear(_FEATURES, 12), nn.ReLU(), nn.Linear(12, data.num_classes))


TASK = Task(
    name="mock",
    dataset=_blobs(),
    corruption=UniformFlip(0.3),
    holdout=HoldoutPerClass(4),
    select=30,
    test=60,
    model=_network,
    recipe=Recipe(steps=STEPS, batch_size=16, lr=0.05, clean_batch=8, evaluations=12),
)
PLAIN = dataclasses.replace(TASK, model=_plain_network)  # takes a batch of one


def poisoned(setting: Setting, weighter: Weighter) -> Setting:
    """``setting`` with garbage for all that is hidden from ``weighter``, wherever it is found."""
    rng, splits, sets = np.random.default_rng(1), setting.splits, setting.on_device
    data = setting.task.data
    inputs, labels = data.inputs.copy(), data.labels.copy()
    hidden = [splits.select, splits.test]
    for index in hidden:
        inputs[index] = rng.normal(0, 9, inputs[index].shape)
    if not weighter.privileged:
        hidden.append(splits.train)
        corrupted = dataclasses.replace(
            splits.corrupted,
            rate=1 - splits.corrupted.rate,
            transition=splits.corrupted.transition[::-1],
        )
        splits = dataclasses.replace(splits, corrupted=corrupted)
        assert sets.true_labels is not None
        sets = dataclasses.replace(sets, true_labels=(sets.true_labels + 1) % _CLASSES)
    for index in hidden:
        labels[index] = (labels[index] + 1) % _CLASSES
    dataset = dataclasses.replace(data, inputs=inputs, labels=labels)
    return dataclasses.replace(
        setting,
        task=dataclasses.replace(setting.task, dataset=dataset),
        splits=splits,
        on_device=dataclasses.replace(sets, select=_garbage(sets.select), test=_garbage(sets.test)),
    )


def _garbage(pool: Pool) -> Pool:
    return Pool(pool.inputs.flip(1) * 9, (pool.labels + 1) % _CLASSES)
