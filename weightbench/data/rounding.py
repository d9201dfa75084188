"""Numbers of any kind as float32, or one line that says which of them it cannot hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightbench.errors import BadData

KINDS = {"O": "objects", "U": "text", "M": "dates", "m": "durations", "c": "complex numbers"}
REMEDIES = {
    "O": "make it numbers: scikit-learn's OneHotEncoder or pd.to_numeric",
    "U": "make it numbers: scikit-learn's OneHotEncoder or pd.to_numeric",
    "M": "make it numbers, such as days since a date",
    "m": "make it numbers, such as .dt.total_seconds()",
    "c": "give real and imaginary part as columns of their own",
}

_WHOLE = 2**24  # up to here float32 holds every whole number
_ROUNDED = 1e-3  # of a column's range: the most that rounding to float32 may move a number
_NOISE = 1e-12  # of a column's largest number: a range below is the noise of float64 itself


def refuse_missing(what: str, missing: NDArray[np.bool_]) -> None:
    """Say how many values are missing, and where the first is.

    Raises:
        BadData: one is.
    """
    if missing.any():
        first = int(np.argmax(missing))
        raise BadData(
            f"{what}: missing values (NaN, None), {int(missing.sum())} of them, the first in row "
            f"{first}; impute them or leave those rows out"
        )


def as_float32(what: str, array: NDArray[Any]) -> NDArray[np.float32]:
    """Numbers as float32, where that keeps them.

    Args:
        what: named in errors.
        array: of any type and shape, an example a row.

    Raises:
        BadData: a number is missing, too large, or would be rounded until it is another.
    """
    kind = array.dtype.kind
    if kind not in "biuf":
        kind = "U" if kind in "SUT" else kind
        found = KINDS.get(kind, str(array.dtype))
        raise BadData(f"{what}: {found}; {REMEDIES.get(kind, 'use float32 or uint8')}")
    if kind == "f":
        refuse_missing(what, by_row(np.isnan(array)))
    with np.errstate(over="ignore", under="ignore"):
        rounded = array.astype(np.float32)
    if kind == "f":
        _refuse_rounding(what, array, rounded)
    elif kind in "iu":
        _refuse_inexact(what, array, rounded)
    return rounded


def by_row(found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,) whether anything was found in a row."""
    return np.asarray(found.reshape(len(found), -1).any(1))


def _where(array: NDArray[Any], bad: NDArray[np.bool_]) -> str:
    """Which number of ``array`` is the first bad one."""
    place = np.unravel_index(int(np.argmax(bad)), array.shape)
    column = f", column {place[1]}" if array.ndim == 2 else ""
    return f"{array[place]} in row {place[0]}{column}"


def _refuse_rounding(what: str, array: NDArray[Any], rounded: NDArray[np.float32]) -> None:
    """Refuse floats that float32 cannot hold, or columns whose differences it would round away."""
    infinite = np.isinf(rounded)
    if infinite.any():
        raise BadData(
            f"{what}: {_where(array, infinite)} is infinite or beyond float32, which ends at "
            "3.4e38; scale the column, or leave the row out"
        )
    if not array.size or array.dtype.itemsize <= 4:
        return
    moved = np.abs(array - rounded).max(0)
    spread, largest = np.ptp(array, 0), np.abs(array).max(0)
    lost = np.atleast_1d((moved > _ROUNDED * spread) & (spread > _NOISE * largest))
    if lost.any():
        column = f", column {int(np.argmax(lost))}" if array.ndim == 2 else ""
        raise BadData(
            f"{what}{column}: its numbers differ by so little that float32 would round that away; "
            "subtract their mean and divide by their deviation first"
        )


def _refuse_inexact(what: str, array: NDArray[Any], rounded: NDArray[np.float32]) -> None:
    """Refuse whole numbers that would become others."""
    with np.errstate(invalid="ignore"):
        other = rounded.astype(array.dtype) != array
    if other.any():
        raise BadData(
            f"{what}: {_where(array, other)} is a whole number beyond {_WHOLE:,}, which float32 "
            "would round; leave the column out if it is an id, or subtract and divide first"
        )
