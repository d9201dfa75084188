"""Columns of a table as numbers a network is given, learnt once and kept as plain JSON.

A number is shifted by its median, divided by its spread and cut at :data:`_FAR`; where some are
missing they are the median, and a feature says so. A text of few values is one feature for each of
its frequent values and one for all others. A date is days, the time of the year and the day of the
week. What is the same in all rows, or differs in all of them, is left out.
"""

from __future__ import annotations

import dataclasses
import math
import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from weightbench.advice.source import shown
from weightbench.errors import BadData

_FAR = 8.0  # deviations
_VALUES = 50  # of a text column that have a feature each
_RARE = 5  # rows below which a value has none
_MOSTLY = 0.9  # the share of numbers from which on a text among them is a mistake
_FORMATS = ("ISO8601", "%d.%m.%Y", "%d.%m.%Y %H:%M", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d")
_ID_NAME = re.compile(
    r"(^|[_\W])(id|uuid|guid|index|key|rownum|row)$|Id$|^Unnamed: ", re.IGNORECASE
)


@dataclasses.dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: of the column.
        kind: ``number``, ``category``, ``date`` or ``out``.
        facts: what is needed to encode it: ``centre``, ``scale``, ``missing`` (whether some were),
            ``values`` (the frequent ones), ``format`` (of dates).
    """

    name: str
    kind: str
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def width(self) -> int:
        """How many features it becomes."""
        own = {"number": 1, "date": 4, "category": 1 + len(self.facts.get("values", ())), "out": 0}
        return own[self.kind] + bool(self.kind == "number" and self.facts["missing"])

    def encode(self, values: pd.Series[Any], into: NDArray[np.float32]) -> None:
        """Write the features of (n,) ``values`` into (n, width).

        Raises:
            BadData: a number is a text, or infinite.
        """
        if self.kind == "number":
            numbers = numbers_of(values, self.name)
            into[:, 0] = _scaled(numbers, self.facts)
            if self.facts["missing"]:
                into[:, 1] = np.isnan(numbers)
        elif self.kind == "date":
            days, parts = _days(values, self.facts["format"])
            into[:, 0] = _scaled(days, self.facts)
            into[:, 1:] = np.nan_to_num(parts)
        elif self.kind == "category":
            known = {value: i for i, value in enumerate(self.facts["values"])}
            texts = _texts(values)
            place = texts.map(known).fillna(len(known)).to_numpy(dtype=np.int64)
            into[:] = 0
            into[np.arange(len(place)), place] = 1


def learn(values: pd.Series[Any], name: str, notes: list[str]) -> Column:
    """What a column is, and what is needed to encode it; what is not obvious goes to ``notes``.

    Raises:
        BadData: it holds infinity, or texts among numbers.
    """
    present = values.dropna()
    what = f"column {shown(name)}"
    if not len(present):
        notes.append(f"{what} is empty: left out")
        return Column(name, "out")
    if present.map(lambda v: isinstance(v, (list, dict, set, bytes, np.ndarray))).any():
        raise BadData(f"{what} holds lists or bytes; remove it or make columns of it")
    if present.astype(str).nunique() == 1:
        notes.append(f"{what} is {shown(present.iloc[0])} in all rows: left out")
        return Column(name, "out")
    absent = len(values) - len(present)
    if pd.api.types.is_datetime64_any_dtype(values):
        return _date(values, name, None, notes)
    if _is_number(values, present, name):
        return _number(values, present, name, absent, notes)
    for form in _FORMATS:
        if _parsed(present.iloc[:200], form).notna().mean() >= 0.95:
            return _date(values, name, form, notes)
    return _category(values, present, name, notes)


def _number(
    values: pd.Series[Any], present: pd.Series[Any], name: str, absent: int, notes: list[str]
) -> Column:
    numbers = numbers_of(values, name)
    known = numbers[~np.isnan(numbers)]
    steps = np.diff(known)
    whole = bool((known == np.round(known)).all())
    counts_up = len(known) == len(values) > 20 and whole and bool((steps == steps[0]).all())
    named = _ID_NAME.search(name) is not None and whole and len(np.unique(known)) == len(known)
    if steps.size and (counts_up or named):
        notes.append(f"column {shown(name)} is another number in every row, an id: left out")
        return Column(name, "out")
    if absent:
        notes.append(f"column {shown(name)}: {absent:,} missing, taken for the median")
    return Column(name, "number", {**_spread(known), "missing": absent > 0})


def _date(values: pd.Series[Any], name: str, form: str | None, notes: list[str]) -> Column:
    days, _ = _days(values, form)
    if np.isnan(days).all():
        raise BadData(f"column {shown(name)} looks like dates and none can be read")
    notes.append(f"column {shown(name)}: dates, as days, time of the year and day of the week")
    return Column(name, "date", {**_spread(days[~np.isnan(days)]), "format": form})


def _category(
    values: pd.Series[Any], present: pd.Series[Any], name: str, notes: list[str]
) -> Column:
    counts = _texts(present).value_counts()
    if len(counts) > 20 and len(counts) > 0.5 * len(present):
        kind = "an id" if len(counts) == len(present) else "an id or free text"
        notes.append(
            f"column {shown(name)} has {len(counts):,} different texts in {len(present):,} rows, "
            f"{kind}: left out"
        )
        return Column(name, "out")
    frequent = counts[counts >= min(_RARE, int(counts.max()))].head(_VALUES)
    more = len(counts) - len(frequent)
    rest = f", {more:,} rare ones as one" if more else ""
    absent = f", {len(values) - len(present):,} missing as a value" if values.isna().any() else ""
    notes.append(f"column {shown(name)}: text, {len(frequent)} values a feature each{rest}{absent}")
    return Column(name, "category", {"values": sorted(map(str, frequent.index))})


def numbers_of(values: pd.Series[Any], name: str) -> NDArray[np.float64]:
    """(n,) float64, NaN where missing.

    Raises:
        BadData: one is no number, or infinite.
    """
    try:
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    except (OverflowError, ValueError, TypeError) as error:
        raise BadData(f"column {shown(name)} holds numbers that are too large") from error
    odd = np.isnan(numbers) & values.notna().to_numpy()
    if odd.any():
        row = int(np.flatnonzero(odd)[0])
        raise BadData(
            f"column {shown(name)} holds numbers and {int(odd.sum()):,} texts such as "
            f"{shown(values.iloc[row])} (row {row + 1}); mend these or leave them empty"
        )
    if np.isinf(numbers).any() or (np.abs(numbers[~np.isnan(numbers)]) > 1e150).any():
        row = int(np.flatnonzero(np.isinf(numbers) | (np.abs(numbers) > 1e150))[0])
        raise BadData(
            f"column {shown(name)} holds infinity or a number too large (row {row + 1}); mend it "
            "or leave it empty"
        )
    return numbers


def _is_number(values: pd.Series[Any], present: pd.Series[Any], name: str) -> bool:
    if pd.api.types.is_numeric_dtype(values):
        if pd.api.types.is_complex_dtype(values):
            raise BadData(f"column {shown(name)} holds complex numbers; use two columns")
        return True
    try:
        share = float(pd.to_numeric(present, errors="coerce").notna().mean())
    except (OverflowError, ValueError, TypeError):
        return True  # which says what is wrong
    return share >= _MOSTLY


def _spread(known: NDArray[np.float64]) -> dict[str, float]:
    """Median, and the deviation a normal distribution of that interquartile range would have."""
    low, centre, high = np.percentile(known, (25, 50, 75))
    scale = (high - low) / 1.349 or float(known.std()) or 1.0
    return {"centre": float(centre), "scale": float(scale)}


def _scaled(numbers: NDArray[np.float64], facts: Mapping[str, Any]) -> NDArray[np.float64]:
    scaled: NDArray[np.float64] = np.nan_to_num((numbers - facts["centre"]) / facts["scale"])
    return scaled.clip(-_FAR, _FAR)


def _texts(values: pd.Series[Any]) -> pd.Series[Any]:
    return values.map(lambda value: str(value).strip(), na_action="ignore").fillna("").astype(str)


def _parsed(values: pd.Series[Any], form: str) -> pd.Series[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        texts = values.astype(str).where(values.notna())
        dates: pd.Series[Any] = pd.to_datetime(texts, errors="coerce", format=form, utc=True)
        return dates


def _days(
    values: pd.Series[Any], form: str | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Days since 1970, (n,), and sine and cosine of the year and the day of the week, (n, 3)."""
    dates = _parsed(values, form) if form else pd.to_datetime(values, errors="coerce", utc=True)
    days = ((dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)).to_numpy(dtype=np.float64)
    turn = dates.dt.day_of_year.to_numpy(dtype=np.float64) * (2 * math.pi / 365.25)
    weekday = dates.dt.day_of_week.to_numpy(dtype=np.float64) / 3 - 1
    return days, np.stack([np.sin(turn), np.cos(turn), weekday], axis=1)
