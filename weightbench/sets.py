"""The sets of a run on its device: drawing mini-batches from them and predicting them whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from weightbench.augmentation import CropFlip
from weightbench.data import Pool
from weightbench.task import Splits, Task

_CHUNK = 2000  # examples a forward pass when a whole set is predicted


@dataclasses.dataclass(frozen=True, eq=False)
class Sets:
    """What is on the device; the last three belong to the engine and the scorer."""

    train: Pool
    holdout: Pool
    select: Pool
    test: Pool
    true_labels: Tensor

    @classmethod
    def of(cls, task: Task, splits: Splits, device: torch.device) -> Sets:
        """The splits of ``task``, copied to ``device``."""
        data, true = task.data, task.data.labels
        train = Pool.of(data, splits.train, splits.given, device, task.augmentation)

        def clean(index: NDArray[np.int64], augmentation: CropFlip | None = None) -> Pool:
            pool = Pool.of(data, index, true[index], device, augmentation)
            return pool.standardized(by=train) if data.standardize else pool

        return cls(
            train=train.standardized(by=train) if data.standardize else train,
            holdout=clean(splits.holdout, task.augmentation),
            select=clean(splits.select),
            test=clean(splits.test),
            true_labels=torch.from_numpy(true[splits.train]).to(device),
        )


def shuffled(pool: Pool, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Indices of mini-batches in shuffled passes, for ever; what is left over sits out.

    A pool smaller than ``size`` is one batch.
    """
    n = len(pool)
    while True:
        order = torch.randperm(n, generator=generator).to(pool.labels.device)
        yield from torch.split(order[: n - n % size if n > size else n], size)


@torch.no_grad()
def predict(model: nn.Module, pool: Pool) -> Tensor:
    """(n, K) float32 outputs in evaluation mode; the model's mode is put back after."""
    training = model.training
    model.eval()
    everything = torch.arange(len(pool), device=pool.labels.device)
    outputs = [model(pool.take(part)[0]).float() for part in torch.split(everything, _CHUNK)]
    model.train(training)
    return torch.cat(outputs)


def accuracy(model: nn.Module, pool: Pool) -> float:
    """Share of the pool that ``model`` gets right."""
    return float((predict(model, pool).argmax(1) == pool.labels).float().mean())
