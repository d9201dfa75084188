"""The trainings behind an advice: each a job that leaves a file, which is not made twice."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from weightbench._version import ENGINE
from weightbench.advice.folds import Rows, task_without
from weightbench.data.dataset import DataSet
from weightbench.errors import WeightbenchError, describe_error
from weightbench.files import replacing
from weightbench.records.schema import Status
from weightbench.training.recipe import Recipe
from weightbench.training.start import start
from weightbench.training.weighter import digest_of, make_weighter

Network = Callable[[DataSet], nn.Module]
_ARRAYS = ("inputs", "given", "right", "groups", "test_inputs", "test_labels")


@dataclasses.dataclass(frozen=True)
class Training:
    """One training.

    Attributes:
        folder: where the rows are, and where what comes of it goes.
        weighter: its spec.
        fold: which rows it leaves out; None for none, to be kept and used.
        seed: of every random stream.
        recipe: the schedule.
        data: checksum of rows and folds.
        network: what names the network, for the file's name.
    """

    folder: str
    weighter: str
    fold: int | None
    seed: int
    recipe: Recipe
    data: str
    network: str

    @functools.cached_property
    def path(self) -> Path:
        """The file it leaves."""
        facts = [
            ENGINE, self.weighter, digest_of(make_weighter(self.weighter)), self.fold, self.seed,
            dataclasses.asdict(self.recipe), self.data, self.network,
        ]  # fmt: skip
        key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
        return (
            Path(self.folder)
            / "trainings"
            / (f"{key}.npz" if self.fold is not None else f"{key}.pt")
        )


@dataclasses.dataclass(frozen=True)
class Failed:
    """Why a training gave nothing."""

    reason: str


def keep_rows(folder: Path, rows: Rows, dealt: NDArray[np.int64]) -> str:
    """Write the rows to where trainings find them; returns their checksum (hex)."""
    digest = hashlib.sha256(str(rows.num_classes).encode())
    arrays = {name: getattr(rows, name) for name in _ARRAYS} | {"dealt": dealt}
    for name, array in arrays.items():
        if array is not None:
            array = np.ascontiguousarray(array)
            digest.update(f"{name}{array.dtype}{array.shape}".encode())
            digest.update(array.data)
    checksum = digest.hexdigest()[:32]
    place = folder / "rows" / checksum
    if not (place / "whole").exists():
        place.mkdir(parents=True, exist_ok=True)
        for name, array in arrays.items():
            if array is not None:
                np.save(place / f"{name}.npy", array, allow_pickle=False)
        (place / "whole").write_text(str(rows.num_classes))
    return checksum


@functools.lru_cache(maxsize=1)
def _rows(place: str) -> tuple[Rows, NDArray[np.int64]]:
    """Rows and their folds, mapped into memory: processes share what is read."""
    folder = Path(place)
    arrays = {
        name: np.load(path, mmap_mode="r", allow_pickle=False)
        for name in (*_ARRAYS, "dealt")
        if (path := folder / f"{name}.npy").exists()
    }
    dealt = np.asarray(arrays.pop("dealt"))
    rows: Any = {"groups": None, "test_inputs": None, "test_labels": None} | arrays
    return Rows(num_classes=int((folder / "whole").read_text()), **rows), dealt


def train(training: Training, network: Network) -> Path | Failed:
    """Train, unless that was done before; the file with what came of it, or why nothing did."""
    path = training.path
    if path.exists():
        return path
    try:
        began = time.perf_counter()
        rows, dealt = _rows(str(Path(training.folder) / "rows" / training.data))
        task = task_without(training.fold, rows, dealt, training.recipe, network)
        run = start(task, training.seed, make_weighter(training.weighter), watchers=())
        model = run.train()
        seconds = time.perf_counter() - began
        if training.fold is None:
            with replacing(path) as file:
                torch.save(model.state_dict(), file)
            return path
        chances = run.outputs("test").softmax(1).numpy().astype(np.float32)
        if not np.isfinite(chances).all():
            return Failed("its outputs are not finite")
        with replacing(path, lasting=False) as file:
            np.savez(file, chances=chances, seconds=seconds)
        return path
    except (WeightbenchError, RuntimeError, MemoryError, ValueError, OSError) as error:
        return Failed(describe_error(error))


def lost(training: Training, status: Status, reason: str) -> Path | Failed:
    """What is said of a training whose process was lost."""
    return Failed(f"{status}: {reason}")


def recipe_for(rows: int, images: bool) -> Recipe:
    """A schedule for so many rows: some 15 passes, 150 to 2,000 steps of AdamW."""
    size = 128 if images or rows < 10_000 else 256
    if rows < 2_000:
        size = 32
    steps = int(np.clip(15 * rows / size, 150, 2_000))
    return Recipe(
        steps=steps,
        batch_size=size,
        lr=3e-3,
        optimizer="adamw",
        schedule="cosine",
        weight_decay=0.01,
    )
