"""The sets of a run on its device: drawing mini-batches from them and predicting them whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from weightbench.data.augmentation import CropFlip
from weightbench.data.dataset import Pool, to_device
from weightbench.training.splits import Splits
from weightbench.training.task import Task

_CHUNK = 2000  # examples a forward pass when a whole set is predicted


@dataclasses.dataclass(frozen=True, eq=False)
class DeviceSplits:
    """What is on the device; the last three belong to the engine and the scorer."""

    train: Pool
    holdout: Pool
    select: Pool
    test: Pool
    true_labels: Tensor | None  # where they are known

    @classmethod
    def of(cls, task: Task, splits: Splits, device: torch.device) -> DeviceSplits:
        """The splits of ``task``, copied to ``device``."""
        data, true = splits.seen(task.data), task.data.labels
        train = Pool.from_dataset(data, splits.train, splits.given, device, task.augmentation)

        def clean(
            index: NDArray[np.int64],
            labels: NDArray[np.int64],
            augmentation: CropFlip | None = None,
        ) -> Pool:
            pool = Pool.from_dataset(data, index, labels, device, augmentation)
            return pool.standardized(by=train) if data.standardize else pool

        return cls(
            train=train.standardized(by=train) if data.standardize else train,
            holdout=clean(splits.holdout, splits.holdout_given, task.augmentation),
            select=clean(splits.select, true[splits.select]),
            test=clean(splits.test, true[splits.test]),
            true_labels=(
                torch.from_numpy(splits.true_labels(data)).to(device) if data.truth_known else None
            ),
        )


class ShuffledIndices:
    """Indices of mini-batches in shuffled passes, for ever; what is left over sits out.

    A pool smaller than ``size`` is one batch.
    """

    def __init__(self, pool: Pool, size: int, generator: torch.Generator) -> None:
        n = len(pool)
        self._used = n - n % size if n > size else n
        self._n, self._size, self._generator = n, size, generator
        self._device = pool.labels.device
        self._at = self._used  # a pass is over
        self._before = generator.get_state()

    def __iter__(self) -> Iterator[Tensor]:
        return self

    def __next__(self) -> Tensor:
        if self._at >= self._used:
            self._shuffle()
        batch = self._batches[self._at // self._size]
        self._at += self._size
        return batch

    def _shuffle(self) -> None:
        self._before = self._generator.get_state()
        order = to_device(torch.randperm(self._n, generator=self._generator), self._device)
        self._batches = torch.split(order[: self._used], self._size)
        self._at = 0

    def state(self) -> tuple[Tensor, int]:
        """Where in which pass it is."""
        return self._before, self._at

    def go_to(self, state: tuple[Tensor, int]) -> None:
        """Go to what :meth:`state` gave; leaves the generator anywhere."""
        before, at = state
        self._generator.set_state(before.cpu())
        self._shuffle()
        self._at = at


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
