"""Weighters that fail in training, each in a way of its own.

They fail on batches of 32, which the task of the tests has and the checker has not: a check that
finds everything does not exist.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import torch
from torch import Tensor, nn

import weightbench as wb


class Trap(wb.Weighter):
    """Uniform, but for the batches it waits for."""

    def weigh(self, batch: wb.Batch) -> Tensor:
        if len(batch) == 32:
            return self.fail(batch)
        return torch.full((len(batch),), 1 / len(batch))

    def fail(self, batch: wb.Batch) -> Tensor:
        raise NotImplementedError


class FillsDevice(Trap):
    """Asks for a pebibyte."""

    def fail(self, batch: wb.Batch) -> Tensor:
        return torch.empty(2**50, dtype=torch.uint8, device=batch.labels.device)


class DeviceIsFull(Trap):
    """Says it as CUDA does."""

    message = "CUDA error: out of memory"

    def fail(self, batch: wb.Batch) -> Tensor:
        raise RuntimeError(self.message)


class LibraryIsFull(DeviceIsFull):
    """Says it as its libraries do."""

    message = "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"


class WrongShape(Trap):
    """One weight too many."""

    def fail(self, batch: wb.Batch) -> Tensor:
        return torch.ones(len(batch) + 1)


class NotANumber(Trap):
    """One weight is NaN."""

    def fail(self, batch: wb.Batch) -> Tensor:
        weights = torch.full((len(batch),), 0.1)
        weights[3] = torch.nan
        return weights


class Negative(Trap):
    """One weight is negative, undeclared."""

    def fail(self, batch: wb.Batch) -> Tensor:
        weights = torch.full((len(batch),), 0.1)
        weights[3] = -0.5
        return weights


class WrongType(Trap):
    """Integers."""

    def fail(self, batch: wb.Batch) -> Tensor:
        return torch.ones(len(batch), dtype=torch.int64)


class WrongDevice(Trap):
    """Weights where no batch is."""

    def fail(self, batch: wb.Batch) -> Tensor:
        return torch.ones(len(batch), device="meta")


class NoTensor(Trap):
    """A list."""

    def fail(self, batch: wb.Batch) -> Tensor:
        return [1.0] * len(batch)  # type: ignore[return-value]


class Raises(Trap):
    """An error with a reason of several lines."""

    def fail(self, batch: wb.Batch) -> Tensor:
        raise RuntimeError("no weights today\nask again tomorrow")


class Peeks(wb.Weighter):
    """Asks for the true labels, undeclared."""

    def begin(self, run: wb.Run) -> None:
        self.right = run.labels == run.true_labels

    def weigh(self, batch: wb.Batch) -> Tensor:
        return wb.normalize(self.right[batch.index].float())


class Diverges(Trap):
    """Steps that are far too long."""

    def fail(self, batch: wb.Batch) -> Tensor:
        return torch.full((len(batch),), 1e30)


class Exits(Trap):
    """Leaves as a script would."""

    def fail(self, batch: wb.Batch) -> Tensor:
        sys.exit(3)


class Vanishes(Trap):
    """Takes the interpreter with it."""

    def fail(self, batch: wb.Batch) -> Tensor:
        os._exit(7)


class Crashes(Trap):
    """Dies as on a wild pointer."""

    def fail(self, batch: wb.Batch) -> Tensor:
        os.abort()


class Sleeps(Trap):
    """Hangs."""

    def fail(self, batch: wb.Batch) -> Tensor:
        time.sleep(3600)
        raise AssertionError


class FillsWithTensors(Trap):
    """Asks torch for more memory than there may be."""

    def fail(self, batch: wb.Batch) -> Tensor:
        hoard = [torch.ones(64 * 2**20) for _ in range(1000)]
        return hoard[0][: len(batch)]


class FillsWithBytes(Trap):
    """Asks Python for more memory than there may be."""

    def fail(self, batch: wb.Batch) -> Tensor:
        hoard = [bytes(256 * 2**20) for _ in range(1000)]
        return torch.ones(len(hoard))


class NoModule(wb.Weighter):
    """Hands in nothing to be judged."""

    def weigh(self, batch: wb.Batch) -> Tensor:
        return torch.full((len(batch),), 1 / len(batch))

    def finish(self, run: wb.Run) -> nn.Module:
        return None  # type: ignore[return-value]


class CannotBeMade(wb.Weighter):
    """Its constructor raises."""

    def __init__(self) -> None:
        raise ValueError("no such luck")

    def weigh(self, batch: wb.Batch) -> Tensor:
        raise AssertionError


class Slow(Trap):
    """Uniform, with time enough to be interrupted."""

    def fail(self, batch: wb.Batch) -> Tensor:
        time.sleep(0.02)
        return torch.full((len(batch),), 1 / len(batch))


class Waits(Trap):
    """Uniform, once there is a file ``folder/go``; says by ``folder/waiting`` that it waits."""

    def __init__(self, folder: str = ".") -> None:
        self.folder = Path(folder)

    def fail(self, batch: wb.Batch) -> Tensor:
        while not (self.folder / "go").exists():
            (self.folder / "waiting").touch()
            time.sleep(0.02)
        return torch.full((len(batch),), 1 / len(batch))
