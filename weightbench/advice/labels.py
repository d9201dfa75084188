"""Labels as people write them, and which of them are trusted, as classes 0 to K - 1."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from weightbench.advice.source import Objects, Source, shown
from weightbench.errors import BadData

_YES = {"true", "yes", "y", "t", "1", "1.0"}
_NO = {"false", "no", "n", "f", "0", "0.0", ""}
_FEWEST_ROWS, _MOST_CLASSES = 40, 1000


@dataclasses.dataclass(frozen=True, eq=False)
class Labels:
    """Labels of all rows.

    Attributes:
        classes: what their owner calls each class, in order.
        given: (N,) int64, what stands in the table.
        right: (N,) int64, of trusted rows what is right; -1 elsewhere.
        corrected: (N,) bool, trusted rows of which it is known what stood in the table before.
    """

    classes: tuple[Any, ...]
    given: NDArray[np.int64]
    right: NDArray[np.int64]
    corrected: NDArray[np.bool_]


def simple(value: Any) -> Any:
    """A label as a text or a whole number.

    Raises:
        BadData: it is a number with decimals.
    """
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        if not float(value).is_integer():
            raise BadData(
                f"the label {value} is a number with decimals; labels are classes: make classes of "
                "it, such as ranges"
            )
        return int(value)
    return str(value).strip()


def code(source: Source, right: Objects, corrected: NDArray[np.bool_], column: str) -> Labels:
    """Classes of the labels of ``source`` and of the right ones, (N,) with None where unknown.

    Raises:
        BadData: there are too few rows, one class, or labels that are no classes.
    """
    name, rows = source.name, len(source)
    if rows < _FEWEST_ROWS:
        raise BadData(f"{name} has {rows} rows; advice needs {_FEWEST_ROWS} at least")
    given = [simple(value) for value in source.labels]
    true = [None if value is None else simple(value) for value in right]
    values = sorted(set(given) | {v for v in true if v is not None}, key=_order)
    distinct = len(set(given))
    if distinct == 1:
        raise BadData(
            f"{name}: all labels in {shown(column)} are {shown(given[0])}; nothing to learn"
        )
    if distinct == rows:
        raise BadData(
            f"{name}: {shown(column)} differs in every row, an id; name the label's column"
        )
    if distinct > max(rows // 3, 2) or len(values) > _MOST_CLASSES:
        raise BadData(
            f"{name}: {shown(column)} has {distinct:,} different values in {rows:,} rows; labels "
            "are classes: make classes of it, such as ranges"
        )
    place = {value: i for i, value in enumerate(values)}
    return Labels(
        tuple(values),
        np.array([place[value] for value in given], np.int64),
        np.array([-1 if value is None else place[value] for value in true], np.int64),
        corrected,
    )


def _order(value: Any) -> tuple[int, float, str]:
    try:
        return 0, float(value), str(value)
    except ValueError:
        return 1, 0.0, str(value)


def from_flags(source: Source, column: str) -> tuple[Objects, NDArray[np.bool_]]:
    """Right labels by a column of the table: yes or no, or the right label and else nothing.

    Returns:
        (N,) the right label, None where it is not known; (N,) bool, whose given label was
        corrected by it.

    Raises:
        BadData: the column is something else.
    """
    assert source.flags is not None
    right = np.full(len(source), None, dtype=object)
    absent = pd.isna(source.flags)
    texts = [
        "" if gone else str(value).strip() for value, gone in zip(source.flags, absent, strict=True)
    ]
    classes = {str(simple(value)) for value in source.labels}
    present = {text for text in texts if text}
    plain = {str(simple(v)) for v, gone in zip(source.flags, absent, strict=True) if not gone}
    known = np.array([bool(text) for text in texts])
    if not known.all() and plain and plain <= classes and not present <= {"True", "False"}:
        right[known] = [simple(v) for v, k in zip(source.flags, known, strict=True) if k]
        return right, known
    if not {text.lower() for text in texts} <= _YES | _NO:
        odd = next(t for t in texts if t.lower() not in _YES | _NO)
        raise BadData(
            f"{source.name}: {shown(column)} for --trusted holds {shown(odd)}; use true and false, "
            "or the right label where somebody looked and nothing elsewhere"
        )
    chosen = np.array([text.lower() in _YES for text in texts])
    right[chosen] = source.labels[chosen]
    return right, np.zeros(len(source), bool)
