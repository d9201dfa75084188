"""From what somebody names to rows with labels, some of them trusted."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from weightbench.advice.arrays import read_folder, read_npz
from weightbench.advice.encoding import Encoding, Inputs, as_frame, learn_encoding
from weightbench.advice.folds import Rows
from weightbench.advice.labels import Labels, code, from_flags, simple
from weightbench.advice.source import Objects, Source, column_of, shown
from weightbench.advice.tables import PARQUET, TEXT, checked_ids, read_frame, source_of
from weightbench.errors import BadData

_FEWEST_TRUSTED = 20
_SUFFIXES = (*TEXT, *PARQUET, ".npz")


@dataclasses.dataclass(frozen=True, eq=False)
class Data:
    """Somebody's rows, ready for networks.

    Attributes:
        name: of what they came from.
        rows: as networks see them.
        labels: classes, and what is known about them.
        ids: (N,) what their owner calls each.
        group_names: what each group is called; empty where there are none.
        encoding: how inputs became arrays.
        notes: what was done, a line each.
    """

    name: str
    rows: Rows
    labels: Labels
    ids: Objects
    group_names: tuple[str, ...]
    encoding: Encoding
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Names:
    """What somebody said about the data.

    Attributes:
        label: the column of labels; for folders of images, of the file of trusted labels.
        trusted: a file, or a column.
        id: the column of ids.
        group: the column of groups.
        test: a file of rows whose labels are right, to be judged on.
    """

    label: str
    trusted: str | None = None
    id: str | None = None
    group: str | None = None
    test: str | None = None


def read(path: Path, names: Names) -> Data:
    """The data in a file or folder.

    Raises:
        BadData: something about them cannot be used; the message says what to do.
    """
    file = None if names.trusted is None else _file(names.trusted)
    flag = names.trusted if file is None else None
    if not path.exists():
        raise BadData(f"there is no {path}")
    if path.is_dir():
        if flag or names.group:
            raise BadData("a folder of images has no columns; name a file of trusted labels")
        source = read_folder(path)
        names = dataclasses.replace(names, id=names.id or "id")
    else:
        source = _read(path, names, flag)
    test = None if names.test is None else _read_test(Path(names.test), names, path)
    return data_of(source, names, file, test)


def data_of(
    source: Source, names: Names, trusted: Path | None = None, test: Source | None = None,
    right: Objects | None = None,
) -> Data:  # fmt: skip
    """Rows for networks.

    Args:
        source: what was read.
        names: what was said about it.
        trusted: a file of trusted rows.
        test: rows to be judged on.
        right: (N,) the right labels of trusted rows and None elsewhere, where these are at hand.

    Raises:
        BadData: something about them cannot be used.
    """
    corrected = np.zeros(len(source), bool)
    if right is not None:
        corrected = np.array([value is not None for value in right])
    elif trusted is not None:
        source, right, corrected = _from_file(source, trusted, names)
    elif source.flags is not None:
        right, corrected = from_flags(source, names.trusted or "trusted")
    else:
        right = np.full(len(source), None, dtype=object)
    labels = code(source, right, corrected, names.label)
    known = int((labels.right >= 0).sum())
    if known < _FEWEST_TRUSTED and (known or names.trusted is not None):
        raise BadData(
            f"{known} rows are trusted; {_FEWEST_TRUSTED} are the fewest that say anything: check "
            "more rows, drawn at random, or leave --trusted out"
        )
    encoding, notes = learn_encoding(source.features, source.name)
    groups, group_names = None, tuple[str, ...]()
    if source.groups is not None:
        texts = [str(simple(value)) for value in source.groups]
        group_names = tuple(sorted(set(texts)))
        groups = np.array([group_names.index(text) for text in texts], np.int64)
    inputs = encoding.encode(source.features)
    judged, judged_labels = _judged(encoding, labels, test)
    rows = Rows(
        inputs, labels.given, labels.right, len(labels.classes), groups, judged, judged_labels
    )
    about = (*source.notes, *notes, *_about_classes(labels))
    return Data(source.name, rows, labels, source.ids, group_names, encoding, about)


def _judged(
    encoding: Encoding, labels: Labels, test: Source | None
) -> tuple[Inputs | None, NDArray[np.int64] | None]:
    if test is None:
        return None, None
    values = [simple(value) for value in test.labels]
    place = {value: i for i, value in enumerate(labels.classes)}
    for value in values:
        if value not in place:
            raise BadData(f"{test.name}: the label {shown(value)} is no class of the table")
    return encoding.encode(test.features), np.array([place[v] for v in values], np.int64)


def _about_classes(labels: Labels) -> tuple[str, ...]:
    counts = np.bincount(labels.given, minlength=len(labels.classes))
    notes = []
    few = [i for i in np.argsort(counts, kind="stable") if counts[i] < 5]
    if few:
        which = ", ".join(f"{shown(labels.classes[i])} ({counts[i]})" for i in few[:5])
        more = f" and {len(few) - 5} more" if len(few) > 5 else ""
        notes.append(f"classes of few rows, of which little can be said: {which}{more}")
    if counts.max() > 20 * max(int(np.median(counts)), 1):
        share = counts.max() / counts.sum()
        notes.append(
            f"{share:.0%} of the rows are of one class, {shown(labels.classes[counts.argmax()])}"
        )
    return tuple(notes)


def _file(trusted: str) -> Path | None:
    """The file that --trusted names, if it names one."""
    path = Path(trusted)
    if path.is_file():
        return path
    if path.suffix.lower() in _SUFFIXES or "/" in trusted:
        raise BadData(f"there is no {trusted}")
    return None


def _read(path: Path, names: Names, flag: str | None) -> Source:
    if path.suffix.lower() == ".npz":
        return read_npz(path, names.label, id=names.id, group=names.group, flag=flag)
    if path.suffix.lower() not in _SUFFIXES:
        raise BadData(
            f"{path.name} is neither {', '.join(_SUFFIXES)} nor a folder of images by class"
        )
    frame = read_frame(path, [n for n in (names.label, names.id) if n])
    return source_of(frame, path.name, names.label, id=names.id, group=names.group, flag=flag)


def _read_test(path: Path, names: Names, data: Path) -> Source:
    if not path.exists():
        raise BadData(f"there is no {path}")
    if path.is_dir() != data.is_dir():
        raise BadData("--test is of the same kind as the data: both folders, or both files")
    if path.is_dir():
        return read_folder(path)
    return _read(path, dataclasses.replace(names, id=None, group=None), None)


def _from_file(
    source: Source, path: Path, names: Names
) -> tuple[Source, Objects, NDArray[np.bool_]]:
    """Right labels by a file: of rows of the table, by their ids, or of rows of its own."""
    right = np.full(len(source), None, dtype=object)
    if path.suffix.lower() == ".npz":
        return _more_rows(source, _read(path, dataclasses.replace(names, id=None), None))
    frame = read_frame(path, [n for n in (names.label, names.id) if n])
    label = column_of(names.label, list(frame.columns), path.name, "--label")
    if frame[label].isna().any():
        raise BadData(
            f"{path.name}: some rows have no label in {shown(label)}; fill or remove them"
        )
    if names.id is None or names.id not in frame.columns:
        if names.id is not None and not isinstance(source.features, pd.DataFrame):
            column_of(names.id, list(frame.columns), path.name, "--id")
        return _more_rows(source, source_of(frame, path.name, names.label))
    ids = [
        str(value) for value in checked_ids(frame[names.id].to_numpy(object), path.name, names.id)
    ]
    place = {str(value): i for i, value in enumerate(source.ids)}
    unknown = [value for value in ids if value not in place]
    if len(unknown) == len(ids) and _has_inputs(frame, source):
        return _more_rows(source, source_of(frame, path.name, names.label, id=names.id))
    if unknown:
        raise BadData(
            f"{path.name}: {len(unknown):,} of {len(ids):,} ids are not in {source.name}, such as "
            f"{shown(unknown[0])}"
        )
    where = np.array([place[value] for value in ids])
    right[where] = frame[label].to_numpy(object)
    return source, right, np.array([value is not None for value in right])


def _has_inputs(frame: pd.DataFrame, source: Source) -> bool:
    return isinstance(source.features, pd.DataFrame) and set(source.features) <= set(frame.columns)


def _more_rows(source: Source, more: Source) -> tuple[Source, Objects, NDArray[np.bool_]]:
    """The rows of a file of trusted rows after those of the table."""
    if isinstance(source.features, pd.DataFrame):
        frame = as_frame(more.features, more.name)
        for column in source.features.columns:
            if column not in frame.columns:
                raise BadData(
                    f"{more.name} has no column {shown(column)}, which {source.name} has; trusted "
                    "rows have the same columns, or the ids of rows of the table (--id)"
                )
        features: Any = pd.concat(
            [source.features, frame[list(source.features)]], ignore_index=True
        )
    else:
        if isinstance(more.features, pd.DataFrame):
            raise BadData(
                f"{more.name} is a table and {source.name} holds arrays; use npz for both"
            )
        if more.features.shape[1:] != source.features.shape[1:]:
            raise BadData(
                f"{more.name}: inputs are {more.features.shape[1:]} and those of {source.name} "
                f"{source.features.shape[1:]}"
            )
        features = np.concatenate([source.features, more.features])
    ids = np.array([f"{more.name}:{value}" for value in more.ids], dtype=object)
    if source.groups is not None:
        raise BadData("--group goes with trusted rows of the table itself: name their ids (--id)")
    whole = dataclasses.replace(
        source,
        features=features,
        labels=np.concatenate([source.labels, more.labels]),
        ids=np.concatenate([source.ids, ids]),
    )
    right = np.concatenate([np.full(len(source), None, dtype=object), more.labels])
    return whole, right, np.zeros(len(whole), bool)
