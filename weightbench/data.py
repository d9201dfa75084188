"""Data sets as arrays, and pools of them on a device. An example is a row; a batch is an index."""

from __future__ import annotations

import dataclasses
import functools
import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from weightbench.errors import BadData


@dataclasses.dataclass(frozen=True, eq=False)
class DataSet:
    """Inputs and true labels.

    Attributes:
        name: as it stands in records.
        inputs: (N, ...) uint8, scaled to [0, 1] on the device, or float32, taken as they are.
        labels: (N,) int64 in [0, num_classes).
        num_classes: K.
        test: positions of the published test split; None where the task draws one.
        standardize: bring every feature to mean 0 and deviation 1 by the statistics of the training
            split alone; for tables.

    Raises:
        BadData: the arrays do not have that form.
    """

    name: str
    inputs: NDArray[np.uint8] | NDArray[np.float32]
    labels: NDArray[np.int64]
    num_classes: int
    test: NDArray[np.int64] | None = None
    standardize: bool = False

    def __post_init__(self) -> None:
        """Check the arrays once, where the mistake is still easy to find."""
        if len(self.inputs) != len(self.labels) or self.labels.ndim != 1:
            raise BadData(
                f"{self.name}: {self.inputs.shape} inputs do not match {self.labels.shape} labels"
            )
        if self.inputs.dtype not in (np.uint8, np.float32):
            raise BadData(f"{self.name}: inputs are {self.inputs.dtype}; use uint8 or float32")
        if self.inputs.dtype == np.float32 and not np.isfinite(self.inputs).all():
            raise BadData(f"{self.name}: inputs hold NaN or infinity; remove or impute them first")
        if self.labels.dtype != np.int64:
            raise BadData(f"{self.name}: labels are {self.labels.dtype}; use int64")
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < self.num_classes:
            raise BadData(f"{self.name}: labels must lie in [0, {self.num_classes})")

    @functools.cached_property
    def sha256(self) -> str:
        """Checksum (hex) of the arrays, so that a record says which data it saw."""
        digest = hashlib.sha256(f"{self.inputs.dtype}{self.inputs.shape}".encode())
        digest.update(np.ascontiguousarray(self.inputs).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()


@dataclasses.dataclass(frozen=True, eq=False)
class Pool:
    """Examples on a device: (n, ...) uint8 or float32 inputs and (n,) int64 labels."""

    inputs: Tensor
    labels: Tensor

    @classmethod
    def of(
        cls,
        data: DataSet,
        index: NDArray[np.int64],
        labels: NDArray[np.int64],
        device: torch.device,
    ) -> Pool:
        """The examples ``index`` of ``data`` with ``labels``, copied to ``device``."""
        inputs = torch.from_numpy(data.inputs[index]).to(device)
        return cls(inputs, torch.from_numpy(labels).to(device))

    def standardized(self, by: Pool) -> Pool:
        """The pool with every feature shifted and scaled by the mean and deviation of ``by``."""
        deviation, mean = torch.std_mean(by.inputs, dim=0, correction=0)
        scale = torch.where(deviation > 0, deviation, 1)
        return Pool((self.inputs - mean) / scale, self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Float inputs and labels of the examples ``index``, (b,) int64 on the pool's device."""
        inputs = self.inputs.index_select(0, index)
        if inputs.dtype == torch.uint8:
            inputs = inputs.float().div_(255)
        return inputs, self.labels.index_select(0, index)
