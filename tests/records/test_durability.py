"""A file takes its name only once it is whole and on the disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests import generated
from weightbench.files import write_bytes, write_text
from weightbench.records.schema import Record
from weightbench.records.store import Store
from weightbench.records.weights import Weights


class Synced:
    """What was synchronised with the disk, in order: the file, its size, and what else was there.

    The file system works as ever; it is looked at when a file is synchronised.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: list[tuple[int, int, set[Path]]] = []
        self._fsync = os.fsync

    def __call__(self, fd: int) -> None:
        self._fsync(fd)
        found, there = os.fstat(fd), set(self.root.rglob("*"))
        self.files.append((found.st_ino, found.st_size, there))

    def were(self, *wanted: Path) -> None:
        """These files, in this order: each whole, and none of them had its name yet."""
        assert len(self.files) == len(wanted)
        for (inode, size, there), path in zip(self.files, wanted, strict=True):
            assert (inode, size) == (path.stat().st_ino, path.stat().st_size)
            assert size > 0
            assert path not in there
        self.files.clear()


@pytest.fixture
def synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Synced:
    noted = Synced(tmp_path)
    monkeypatch.setattr(os, "fsync", noted)
    return noted


def test_what_is_kept_is_on_the_disk_before_it_has_a_name(tmp_path: Path, synced: Synced) -> None:
    """Predictions and weights before their record, so that no record is without."""
    store, record = Store(tmp_path), generated.finished()
    store.create()
    weights = Weights(np.ones(30), np.arange(30) % 3, np.arange(30) < 20)
    store.put(record, generated.predictions(), weights)
    kept = [next((tmp_path / kind).iterdir()) for kind in ("predictions", "weights", "records")]
    inodes = [path.stat().st_ino for path in kept]
    assert [inode for inode, _, _ in synced.files] == inodes
    synced.files.clear()
    store.put_cost(generated.cost())
    synced.were(*(tmp_path / "costs").iterdir())


def test_a_record_is_written_after_what_lies_beside_it(tmp_path: Path, synced: Synced) -> None:
    store, record = Store(tmp_path), generated.finished()
    store.create()
    store.put(record, generated.predictions())
    (_, _, first), (_, _, second) = synced.files
    predictions = tmp_path / "predictions" / f"{record.trial.key}.npz"
    assert predictions not in first
    assert predictions in second
    assert tmp_path / "records" / f"{record.trial.key}.json" not in second


@pytest.mark.parametrize(
    "write", [lambda path: write_text(path, "text"), lambda path: write_bytes(path, b"bytes")]
)
def test_any_file_of_the_engine_is_written_so(
    tmp_path: Path, synced: Synced, write: Callable[[Path], None]
) -> None:
    path = tmp_path / "new" / "file"
    write(path)
    synced.were(path)


@pytest.mark.parametrize(
    ("record", "kept"),
    [
        (generated.failure(0, "timeout"), True), (generated.failure(0, "error"), True),
        (generated.failure(0), False), (generated.finished(0), False),
    ],
)  # fmt: skip
def test_a_state_to_go_on_from_goes_once_a_result_is_on_the_disk(
    tmp_path: Path, synced: Synced, record: Record, kept: bool
) -> None:
    """Not before, and not for a failure that another try may mend."""
    store = Store(tmp_path)
    store.create()
    store.unfinished.mkdir()
    state = store.unfinished / f"{record.trial.key}.pt"
    state.write_bytes(b"state")
    store.put(record, generated.predictions() if record.training else None)
    assert state.exists() == kept
    assert all(state in there for _, _, there in synced.files)
    store.put(record, generated.predictions() if record.training else None)  # none there: no fault
