"""Reading the files of a kind in a folder of records: what holds, and what is wrong."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from weightbench.errors import NewerRecord, RecordError
from weightbench.files import read_regular
from weightbench.records import layout
from weightbench.records.schema import BYTES, Cost, Record

T = TypeVar("T", Record, Cost)


@dataclasses.dataclass(frozen=True)
class Damage:
    """A file that is not what it should be, and why.

    Attributes:
        path: the file.
        reason: in one line.
        newer: whether it is no damage: a newer version of weightbench wrote it.
    """

    path: Path
    reason: str
    newer: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def load(root: Path, kind: str, read: Callable[[bytes], T]) -> tuple[list[T], list[Damage]]:
    """All records or costs under ``root`` that hold, and the files that do not.

    Raises:
        StoreError: a link has the name of the kind's folder.
    """
    good: list[T] = []
    bad: list[Damage] = []
    keys = sorted(layout.stems(root, kind))
    # Listed after the records: a writer at work puts predictions first.
    predicted = layout.stems(root, "predictions")
    with _collecting_no_garbage():
        for key in keys:
            path = f"{root}/{kind}/{key}.json"
            try:
                made = read(read_regular(path, BYTES))
                _check(made, key, predicted)
                good.append(made)
            except RecordError as error:
                bad.append(Damage(Path(path), str(error), isinstance(error, NewerRecord)))
    return good, bad


def _check(made: Record | Cost, stem: str, predicted: set[str]) -> None:
    """That a file is named after its trial, and that predictions lie beside a record."""
    key = made.trial.key
    if stem != key:
        raise RecordError(f"it is named after another trial than the one it holds ({key})")
    if isinstance(made, Record) and made.training and key not in predicted:
        raise RecordError("its predictions are missing")


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
