"""Tables: CSV and Parquet."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from weightbench.advice.source import Source, column_of, shown
from weightbench.errors import BadData

TEXT = (".csv", ".tsv", ".txt")
PARQUET = (".parquet", ".pq")
# What stands for "missing" in a table, but in the column of labels, where it may be a class.
_MISSING = ["", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "#N/A", "?"]
_LONGEST_FIELD = 2**24


def read_frame(path: Path, as_text: Sequence[str] = ()) -> pd.DataFrame:
    """The table in a file.

    Args:
        path: of a CSV or Parquet file.
        as_text: columns whose values are kept as they are written, such as ids and labels; in
            these only an empty cell is missing.

    Raises:
        BadData: it cannot be read as a table.
    """
    if not path.exists():
        raise BadData(f"there is no {path}")
    parquet = path.suffix.lower() in PARQUET
    frame = _read_parquet(path) if parquet else _read_csv(path, as_text)
    for name in frame.columns[frame.columns.duplicated()]:
        raise BadData(f"{path.name} has two columns {shown(name)}; rename or remove one")
    if not len(frame):
        raise BadData(f"{path.name} has a header and no rows")
    return frame


def _read_csv(path: Path, as_text: Sequence[str]) -> pd.DataFrame:
    header, delimiter = _header(path)
    seen: set[str] = set()
    for name in header:
        if name in seen:
            raise BadData(f"{path.name} has two columns {shown(name)}; rename or remove one")
        seen.add(name)
    kept = [name for name in as_text if name in seen]
    missing: Any = {name: [""] if name in kept else _MISSING for name in header}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of mixed types, which are told in our words
            frame: pd.DataFrame = pd.read_csv(
                path,
                sep=delimiter,
                encoding="utf-8-sig",
                low_memory=False,
                index_col=False,
                dtype=dict.fromkeys(kept, "str"),
                na_values=missing,
                keep_default_na=False,
                skip_blank_lines=True,
            )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error) as error:
        raise BadData(f"{path.name} is no whole table: {_ragged(error)}") from error
    except UnicodeDecodeError as error:
        raise BadData(_not_utf8(path, error)) from error
    except (ValueError, OverflowError, OSError, MemoryError) as error:
        raise BadData(f"{path.name} cannot be read as a table: {_line(error)}") from error
    if len(frame) and frame.iloc[:, -1].isna().any():
        _refuse_short_rows(path, delimiter, len(header))
    return frame


def _header(path: Path) -> tuple[list[str], str]:
    """The names of the columns, and what stands between them."""
    try:
        with path.open("rb") as raw:
            start = raw.read(2**16)
        if not start.strip():
            raise BadData(f"{path.name} is empty")
        if b"\0" in start:
            raise BadData(
                f"{path.name} is no text (it has zero bytes); export the table as CSV in UTF-8"
            )
        with path.open(encoding="utf-8-sig", newline="") as file:
            line = file.readline(_LONGEST_FIELD).rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise BadData(_not_utf8(path, error)) from error
    except OSError as error:
        raise BadData(f"{path} cannot be read: {error.strerror}") from error
    delimiter = max(",;\t|", key=line.count)
    try:
        names = next(csv.reader([line], delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration) as error:
        raise BadData(f"{path.name}: the first line is no list of columns") from error
    if len(names) < 2:
        raise BadData(
            f"{path.name} has one column ({shown(names[0] if names else '')}); a table has inputs "
            "and a label, with commas, semicolons or tabs between them"
        )
    if any(not name.strip() for name in names[1:]):
        raise BadData(f"{path.name} has a column without a name in its first line; name it")
    return [n if n.strip() else "Unnamed: 0" for n in names], delimiter


def _refuse_short_rows(path: Path, delimiter: str, width: int) -> None:
    """A row with too few cells would pass for one whose last cells are missing."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        for row in reader:
            if row and len(row) != width:
                raise BadData(
                    f"{path.name} is no whole table: line {reader.line_num} has {len(row)} "
                    f"cells and the first line {width}"
                )


def _ragged(error: Exception) -> str:
    text = _line(error).replace("Error tokenizing data. C error: ", "")
    return text[:1].lower() + text[1:]


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _not_utf8(path: Path, error: UnicodeDecodeError) -> str:
    try:
        before = path.read_bytes()
        before.decode("utf-8-sig")
        place = ""
    except UnicodeDecodeError as found:
        place = f" (line {before[: found.start].count(10) + 1}, byte 0x{before[found.start]:02X})"
    return f"{path.name} is not in UTF-8{place}; save it as CSV in UTF-8"


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except ImportError as error:
        raise BadData(
            f"{path.name}: reading Parquet needs pyarrow (pip install pyarrow); or save it as CSV"
        ) from error
    except Exception as error:  # whatever pyarrow makes of a damaged file
        raise BadData(f"{path.name} is damaged or no Parquet file: {_line(error)}") from error


def source_of(
    frame: pd.DataFrame,
    name: str,
    label: str,
    *,
    id: str | None = None,
    group: str | None = None,
    flag: str | None = None,
) -> Source:
    """The parts of a table: inputs, labels, and what columns are named for.

    Raises:
        BadData: a column is not there, a label or an id is missing, or an id stands twice.
    """
    if flag == label:
        raise BadData(f"--trusted {shown(label)} is the label; name another column or a file")
    roles = {"--label": label, "--id": id, "--group": group, "--trusted": flag}
    named = {
        option: column_of(column, list(frame.columns), name, option)
        for option, column in roles.items()
        if column is not None
    }
    features = frame.drop(columns=list(set(named.values())))
    if not features.shape[1]:
        raise BadData(f"{name} has no column beside {', '.join(map(shown, named.values()))}")

    def values(option: str) -> Any:
        return frame[named[option]].to_numpy(dtype=object) if option in named else None

    labels = values("--label")
    absent = pd.isna(labels)
    if absent.any():
        raise BadData(
            f"{name}: {int(absent.sum()):,} of {len(labels):,} rows have no label in "
            f"{shown(label)} (row {int(np.flatnonzero(absent)[0]) + 1} is the first); label or "
            "remove them"
        )
    groups = values("--group")
    if groups is not None and pd.isna(groups).any():
        raise BadData(
            f"{name}: {shown(group)} is empty in some rows; fill it, as every row has one"
        )
    ids = values("--id")
    return Source(
        name,
        features,
        labels,
        checked_ids(ids, name, id) if ids is not None else _positions(frame),
        groups,
        values("--trusted"),
    )


def _positions(frame: pd.DataFrame) -> Any:
    return np.arange(len(frame)).astype(object)


def checked_ids(ids: Any, name: str, column: str | None) -> Any:
    """Ids that are there and differ.

    Raises:
        BadData: one is missing, or stands twice.
    """
    series = pd.Series(ids, dtype=object)
    if series.isna().any():
        raise BadData(
            f"{name}: some rows have no id in {shown(column)}; fill it, or leave --id out"
        )
    if series.duplicated().any():
        twice = series[series.duplicated()].iloc[0]
        raise BadData(
            f"{name}: the id {shown(twice)} in {shown(column)} stands twice; ids name rows"
        )
    return series.to_numpy()
