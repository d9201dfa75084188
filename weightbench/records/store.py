"""A folder of records. Files are written whole or not at all, and checked on reading."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import gc
import hashlib
import io
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from weightbench.errors import RecordError, StoreError
from weightbench.files import read_regular, replacing
from weightbench.records.archive import unpack
from weightbench.records.schema import BYTES, Cost, Record, Trial, read_cost, read_record, write
from weightbench.records.weights import Weights

T = TypeVar("T", Record, Cost)
_AT_WORK = 60.0  # seconds within which a writer finishes what it started
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ARRAYS = ("predictions", "weights")
Predictions = dict[str, NDArray[np.int64]]


@dataclasses.dataclass(frozen=True)
class Damage:
    """A file that is not what it should be, and why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def pack(predictions: Predictions) -> bytes:
    """Predicted classes by name as a compressed npz, in the smallest type that holds them."""
    buffer = io.BytesIO()
    smallest = {
        name: p.astype(np.min_scalar_type(p.max(initial=0))) for name, p in predictions.items()
    }
    np.savez_compressed(buffer, allow_pickle=False, **smallest)
    return buffer.getvalue()


def checksum(predictions: Predictions) -> str:
    """sha256 (hex) over names and predicted classes, whatever their integer type."""
    digest = hashlib.sha256()
    for name in sorted(predictions):
        digest.update(name.encode() + b"\0" + predictions[name].astype("<i8").tobytes())
    return digest.hexdigest()


class Store:
    """Records, predictions, weights and costs under ``root``; files are named by trial key.

    ``unfinished/`` holds the states of trainings that were stopped, until their record is there.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)

    def create(self) -> None:
        """Make the folders and see that they can be written.

        Raises:
            StoreError: they cannot.
        """
        with self._writing(self.root):
            for name in ("records", "predictions", "weights", "costs"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            probe = self.root / f".probe-{os.getpid()}"
            probe.write_bytes(b"weightbench")
            probe.unlink()

    def put(
        self,
        record: Record,
        predictions: Predictions | None = None,
        weights: Weights | None = None,
    ) -> None:
        """Keep a record; what lies beside it first, so that no record is without its predictions.

        Raises:
            StoreError: the disk refuses; what was there before is as it was.
        """
        if predictions is not None:
            self._write(self._path("predictions", record.trial), pack(predictions))
        if weights is not None:
            self._write(self._path("weights", record.trial), weights.pack())
        self._write(self._path("records", record.trial), write(record))
        if record.is_final:
            (self.unfinished / f"{record.trial.key}.pt").unlink(missing_ok=True)

    @property
    def unfinished(self) -> Path:
        """The folder of trainings that were stopped."""
        return self.root / "unfinished"

    def put_cost(self, cost: Cost) -> None:
        """Keep a cost record.

        Raises:
            StoreError: the disk refuses.
        """
        self._write(self._path("costs", cost.trial), write(cost))

    def records(self) -> tuple[list[Record], list[Damage]]:
        """All records that hold, and the files that do not.

        Raises:
            StoreError: there is no such folder.
        """
        return self._load("records", read_record)

    def costs(self) -> tuple[list[Cost], list[Damage]]:
        """All cost records that hold, and the files that do not.

        Raises:
            StoreError: there is no such folder.
        """
        return self._load("costs", read_cost)

    def predictions(self, record: Record) -> Predictions:
        """The predictions kept beside ``record``.

        Raises:
            RecordError: they are missing, unreadable or not those of the record.
        """
        path = self._path("predictions", record.trial)
        examples = record.training.sizes.get("test", 0) if record.training else 0
        try:
            content = read_regular(path, _most_bytes(2 * examples))
            arrays = unpack(content, {"last": examples, "selected": examples})
        except RecordError as error:
            raise RecordError(f"{path} cannot be read: {error}") from error
        found = {name: classes.astype(np.int64) for name, classes in arrays.items()}
        if record.training is None or checksum(found) != record.training.predictions:
            raise RecordError(f"{path} does not hold the predictions its record was made with")
        return found

    def weights(self, record: Record) -> Weights | None:
        """What the training examples counted for at the end; None where that was not kept.

        Raises:
            RecordError: they are unreadable.
        """
        path = self._path("weights", record.trial)
        examples = record.training.sizes.get("train", 0) if record.training else 0
        if not path.exists():
            return None
        try:
            return Weights.unpack(read_regular(path, _most_bytes(3 * examples)), examples)
        except (RecordError, ValueError) as error:
            raise RecordError(f"{path} cannot be read: {error}") from error

    def audit(self) -> list[Damage]:
        """Every file that does not hold; predictions are read and compared, weights read.

        Raises:
            StoreError: there is no such folder.
        """
        records, damaged = self.records()
        _, damaged_costs = self.costs()
        for record in records:
            if record.training:
                damaged += self._beside(record)
        return damaged + damaged_costs

    def _beside(self, record: Record) -> Iterator[Damage]:
        """What is wrong beside a record: without its predictions it falls, without weights not."""
        reads: dict[str, Callable[[Record], object]] = {
            "records": self.predictions,
            "weights": self.weights,
        }
        for what, read in reads.items():
            try:
                read(record)
            except RecordError as error:
                yield Damage(self._path(what, record.trial), str(error))

    def leftovers(self) -> list[Path]:
        """Files that no record needs: half-written ones, and what was to lie beside a record.

        Younger ones than a minute may belong to a writer at work and are not counted.
        """
        halves = [path for path in self.root.rglob(".*") if path.is_file()]
        known = _stems(self.root / "records", ".json")
        lonely = [
            self.root / kind / f"{stem}.npz"
            for kind in _ARRAYS
            for stem in sorted(_stems(self.root / kind, ".npz") - known)
        ]
        recent = time.time() - _AT_WORK
        return [path for path in sorted(halves) + lonely if path.stat().st_mtime < recent]

    def set_aside(self, damage: Damage) -> Path:
        """Move a damaged file to ``damaged/``, so that its trial can run again; nothing is deleted.

        Raises:
            StoreError: it cannot be moved.
        """
        folder = self.root / "damaged"
        name = f"{damage.path.parent.name}-{damage.path.name}"
        with self._writing(folder):
            folder.mkdir(exist_ok=True)
            taken = sum(path.name.startswith(name) for path in folder.iterdir())
            target = folder / (f"{name}.{taken}" if taken else name)
            with contextlib.suppress(FileNotFoundError):  # another evaluation was quicker
                damage.path.replace(target)
        return target

    def _path(self, folder: str, trial: Trial) -> Path:
        return self.root / folder / f"{trial.key}.{'npz' if folder in _ARRAYS else 'json'}"

    def _load(self, folder: str, read: Callable[[bytes], T]) -> tuple[list[T], list[Damage]]:
        if not self.root.is_dir():
            raise StoreError(f"there are no records at {self.root}: no such folder")
        good: list[T] = []
        bad: list[Damage] = []
        stems = sorted(_stems(self.root / folder, ".json"))
        # Listed after the records: a writer at work puts predictions first.
        predicted = _stems(self.root / "predictions", ".npz")
        with _collecting_no_garbage():
            for stem in stems:
                path = f"{self.root}/{folder}/{stem}.json"
                try:
                    made = read(read_regular(path, BYTES))
                    _check(made, stem, predicted)
                    good.append(made)
                except RecordError as error:
                    bad.append(Damage(Path(path), str(error)))
        return good, bad

    def _write(self, path: Path, content: bytes) -> None:
        with self._writing(path), replacing(path) as file:
            file.write(content)

    @contextlib.contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            mend = "there is room" if error.errno in _NO_ROOM else "it can be written"
            raise StoreError(
                f"cannot write {path}: {error.strerror}; finished trials are kept, and the same "
                f"command goes on once {mend}"
            ) from error


def _most_bytes(entries: int) -> int:
    """Of an archive with so many entries in all, were nothing of it to be compressed."""
    return 2**24 + 8 * entries


def _check(made: Record | Cost, stem: str, predicted: set[str]) -> None:
    """That a file is named after its trial, and that predictions lie beside a record."""
    key = made.trial.key
    if stem != key:
        raise RecordError(f"it is named after another trial than the one it holds ({key})")
    if isinstance(made, Record) and made.training and key not in predicted:
        raise RecordError("its predictions are missing")


def _stems(folder: Path, suffix: str) -> set[str]:
    """Names in ``folder`` that end in ``suffix``, without it and without hidden ones."""
    if not folder.is_dir():
        return set()
    names = [name for name in os.listdir(folder) if name.endswith(suffix)]  # noqa: PTH208
    return {name.removesuffix(suffix) for name in names if not name.startswith(".")}


@contextlib.contextmanager
def _collecting_no_garbage() -> Iterator[None]:
    """Records make no cycles; looking for some takes a third of the time to read many."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()
