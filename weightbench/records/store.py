"""A folder of records. Files are written whole or not at all, and checked on reading."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable, Container, Iterator
from pathlib import Path

import numpy as np

from weightbench.errors import NewerRecord, RecordError, StoreError
from weightbench.files import move_aside, read_regular, replacing
from weightbench.records import layout
from weightbench.records.archive import unpack
from weightbench.records.loading import Damage, load
from weightbench.records.predictions import Predictions, Rows, checksum, names_of_rows, pack
from weightbench.records.schema import BYTES, Cost, Record, Trial, read_cost, read_record, write
from weightbench.records.weights import Weights

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Store:
    """Records, predictions, weights and costs under ``root``; files are named by trial key.

    ``unfinished/`` holds the states of trainings that were stopped, until their record is there.
    :mod:`weightbench.records.layout` says how such a folder is known and what in it is touched.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)

    @property
    def is_begun(self) -> bool:
        """Whether there is anything at its place."""
        return os.path.lexists(self.root) and not (
            self.root.is_dir() and layout.is_empty(self.root)
        )

    def create(self) -> None:
        """Make the folders and see that they can be written.

        Raises:
            StoreError: they cannot, or ``root`` is full of something else.
        """
        with self._writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            if not (layout.may_become_store(self.root) or layout.is_store(self.root)):
                raise StoreError(
                    f"{self.root} is not empty, and no folder of records; nothing in it was "
                    "changed: name a new folder, an empty one or one that weightbench made"
                )
            if not layout.is_marked(self.root):
                with replacing(self.root / layout.MARKER, lasting=False) as file:
                    file.write(layout.marker())
            for name in layout.KINDS:
                layout.own_folder(self.root, name).mkdir(exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root, prefix=".probe-") as probe:
                probe.write(b"weightbench")

    def put(
        self,
        record: Record,
        predictions: Predictions | None = None,
        weights: Weights | None = None,
        rows: Rows | None = None,
    ) -> None:
        """Keep a record; what lies beside it first, so that no record is without its predictions.

        Raises:
            StoreError: the disk refuses, or a newer version's record is there; what was there
                before is as it was.
        """
        self._spare_newer("records", record.trial, read_record)
        if predictions is not None:
            self._write(self._path("predictions", record.trial), pack(predictions, rows))
        if weights is not None:
            self._write(self._path("weights", record.trial), weights.pack())
        self._write(self._path("records", record.trial), write(record))
        if record.is_final:
            (self.unfinished / f"{record.trial.key}.pt").unlink(missing_ok=True)

    @property
    def unfinished(self) -> Path:
        """The folder of trainings that were stopped.

        Raises:
            StoreError: a link has its name.
        """
        return layout.own_folder(self.root, "unfinished")

    def put_cost(self, cost: Cost) -> None:
        """Keep a cost record.

        Raises:
            StoreError: the disk refuses, or a newer version's is there.
        """
        self._spare_newer("costs", cost.trial, read_cost)
        self._write(self._path("costs", cost.trial), write(cost))

    def records(self) -> tuple[list[Record], list[Damage]]:
        """All records that hold, and the files that do not.

        Raises:
            StoreError: there is no such folder.
        """
        self._check_there()
        return load(self.root, "records", read_record)

    def costs(self) -> tuple[list[Cost], list[Damage]]:
        """All cost records that hold, and the files that do not.

        Raises:
            StoreError: there is no such folder.
        """
        self._check_there()
        return load(self.root, "costs", read_cost)

    def predictions(self, record: Record) -> Predictions:
        """The predictions kept beside ``record``.

        Raises:
            RecordError: they are missing, unreadable or not those of the record.
        """
        return self._kept(record)[0]

    def rows(self, record: Record) -> Rows | None:
        """What is kept of every test row beside its class; None where nothing was.

        Raises:
            RecordError: it is missing, unreadable or not what the record was made with.
        """
        return self._kept(record)[1]

    def _kept(self, record: Record) -> tuple[Predictions, Rows | None]:
        path = self._path("predictions", record.trial)
        training = record.training
        examples = training.sizes.get("test", 0) if training else 0
        scores = training.scores if training else None
        beside = names_of_rows(scores.grouped) if scores and scores.rows else ()
        names = ("last", "selected", *beside)
        try:
            content = read_regular(path, _most_bytes(len(names) * examples))
            arrays = unpack(content, dict.fromkeys(names, examples))
            rows = Rows.kept({name: arrays[name] for name in beside}) if beside else None
        except RecordError as error:
            raise RecordError(f"{path} cannot be read: {error}") from error
        found = {name: arrays[name].astype(np.int64) for name in ("last", "selected")}
        if (
            training is None
            or checksum(found) != training.predictions
            or (rows and scores and rows.sha256 != scores.rows)
        ):
            raise RecordError(f"{path} does not hold the predictions its record was made with")
        return found, rows

    def weights(self, record: Record) -> Weights | None:
        """What the training examples counted for at the end; None where that was not kept.

        Raises:
            RecordError: they are unreadable.
        """
        path = self._path("weights", record.trial)
        examples = record.training.sizes.get("train", 0) if record.training else 0
        try:
            if not os.path.lexists(path):
                return None
            return Weights.unpack(read_regular(path, _most_bytes(3 * examples)), examples)
        except (RecordError, ValueError) as error:
            raise RecordError(f"{path} cannot be read: {error}") from error

    def audit(self, of: Container[str] | None = None) -> list[Damage]:
        """Every file that does not hold; predictions are read and compared, weights read.

        Args:
            of: keys of trials beside whose records files are read; all where not given.

        Raises:
            StoreError: there is no such folder, or it is none of records.
        """
        self._check_there()
        layout.check_is_store(self.root)
        records, damaged = self.records()
        _, damaged_costs = self.costs()
        for record in records:
            if record.training and (of is None or record.trial.key in of):
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
        predictions = self._path("predictions", record.trial)
        if predictions.is_dir():  # they could not be written again
            yield Damage(predictions, "it is a folder")

    def leftovers(self) -> list[Path]:
        """Files that no record needs: half-written ones, and what was to lie beside a record.

        Younger ones than a minute may belong to a writer at work and are not counted.

        Raises:
            StoreError: it is no folder of records.
        """
        layout.check_is_store(self.root)
        known = layout.stems(self.root, "records")
        lonely = [
            self.root / kind / f"{stem}.npz"
            for kind in layout.ARRAYS
            for stem in sorted(layout.stems(self.root, kind) - known)
        ]
        return [*layout.half_written(self.root), *filter(layout.is_old, lonely)]

    def clear(self, leftover: Path) -> None:
        """Delete a half-written file; what is whole is moved to ``damaged/``.

        Raises:
            StoreError: the disk refuses.
        """
        if leftover.parent.name in layout.ARRAYS and not leftover.name.startswith("."):
            self.set_aside(Damage(leftover, "no record needs it"))
            return
        with self._writing(leftover):
            leftover.unlink(missing_ok=True)

    def set_aside(self, damage: Damage) -> Path:
        """Move a damaged file to ``damaged/``, so that its trial can run again; nothing is deleted.

        Raises:
            StoreError: it cannot be moved, or is no damage but a newer version's.
        """
        if damage.newer:
            raise StoreError(f"{damage} is left where it is")
        folder = layout.own_folder(self.root, "damaged")
        target = folder / f"{damage.path.parent.name}-{damage.path.name}"
        with self._writing(folder):
            folder.mkdir(exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # another evaluation was quicker
                return move_aside(damage.path, target)
        return target

    def _path(self, folder: str, trial: Trial) -> Path:
        suffix = "npz" if folder in layout.ARRAYS else "json"
        return layout.own_folder(self.root, folder) / f"{trial.key}.{suffix}"

    def _check_there(self) -> None:
        if not self.root.is_dir():
            raise StoreError(f"there are no records at {self.root}: no such folder")

    def _spare_newer(self, folder: str, trial: Trial, read: Callable[[bytes], object]) -> None:
        """Refuse to write over what a newer version of weightbench wrote.

        Raises:
            StoreError: that is what is there.
        """
        path = self._path(folder, trial)
        try:
            read(read_regular(path, BYTES))
        except NewerRecord as error:
            raise StoreError(f"cannot write {path}: {error}") from None
        except RecordError:
            return

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
