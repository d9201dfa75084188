"""Data that are at hand in Python, or named: as :func:`weightbench.advise` takes them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from weightbench.advice.reading import Data, Names, data_of, read
from weightbench.advice.source import Source
from weightbench.advice.tables import checked_ids, source_of
from weightbench.errors import BadData, BadSpec


def data_at_hand(
    data: Any, y: Any, label: str, trusted: Any, id: Any, group: Any, test: Any
) -> Data:
    """Whatever was given, as data."""
    if isinstance(data, (str, Path)):
        named = {"trusted": trusted, "id": id, "group": group, "test": test}
        for option, value in named.items():
            if value is not None and not isinstance(value, (str, Path)):
                raise BadSpec(f"{option} of a file is the name of a column or of another file")
        texts = {k: None if v is None else str(v) for k, v in named.items()}
        return read(Path(data), Names(label, **texts))
    source, label = _source(data, y, label, id, group)
    tested = None
    if test is not None:
        if not (isinstance(test, tuple) and len(test) == 2):
            raise BadData("test is (inputs, labels) where data are an array or a DataFrame")
        tested, _ = _source(test[0], test[1], label, None, None)
    if isinstance(trusted, (str, Path)):
        if isinstance(data, pd.DataFrame) and str(trusted) in data.columns:
            flags = data[str(trusted)].to_numpy(object)
            features = source.features.drop(columns=[str(trusted)])  # type: ignore[union-attr]
            source = dataclasses.replace(source, flags=flags, features=features)
            return data_of(source, Names(label, str(trusted)), None, tested)
        return data_of(
            source,
            Names(label, str(trusted), id if isinstance(id, str) else None),
            Path(trusted),
            tested,
        )
    right = None if trusted is None else _right(source, trusted)
    return data_of(source, Names(label, None if right is None else "trusted"), None, tested, right)


def _source(data: Any, y: Any, label: str, id: Any, group: Any) -> tuple[Source, str]:
    """Inputs and labels that are at hand."""
    frame = data if isinstance(data, pd.DataFrame) else None
    if frame is not None and y is None:
        named = {k: v for k, v in (("id", id), ("group", group)) if isinstance(v, str)}
        source = source_of(frame, "the table", label, **named)
        own: dict[str, Any] = {"ids": id, "groups": group}
        own = {k: np.asarray(v).astype(object) for k, v in own.items() if _is_array(v)}
        return _checked(dataclasses.replace(source, **own)), label
    if y is None:
        raise BadData("an array of inputs comes without labels: give y")
    labels = np.asarray(y).astype(object)
    features = frame if frame is not None else np.asarray(data)
    if labels.ndim != 1 or len(labels) != len(features):
        raise BadData(f"{len(features)} inputs do not match labels {labels.shape}")
    if pd.isna(labels).any():
        raise BadData(
            f"{int(pd.isna(labels).sum()):,} labels are missing; label or remove these rows"
        )
    ids = np.arange(len(labels)).astype(object)
    if _is_array(id):
        ids = np.asarray(id).astype(object)
    groups = np.asarray(group).astype(object) if _is_array(group) else None
    return _checked(Source("the table", features, labels, ids, groups)), label


def _is_array(value: Any) -> bool:
    return value is not None and not isinstance(value, str)


def _checked(source: Source) -> Source:
    """A source whose ids and groups are one a row.

    Raises:
        BadData: they are not, or an id stands twice.
    """
    for what, values in (("ids", source.ids), ("groups", source.groups)):
        if values is not None and values.shape != source.labels.shape:
            raise BadData(f"{what} are {values.shape} for {len(source)} rows")
    checked_ids(source.ids, source.name, "id")
    return source


def _right(source: Source, trusted: Any) -> NDArray[Any]:
    """(N,) right labels, None where unknown."""
    right = np.full(len(source), None, dtype=object)
    if isinstance(trusted, Mapping):
        for place, value in trusted.items():
            right[int(place)] = value
        return right
    chosen = np.asarray(trusted)
    if chosen.dtype == bool and chosen.shape != (len(source),):
        raise BadData(f"trusted is a mask of {chosen.shape} for {len(source)} rows")
    if chosen.dtype != bool and not np.issubdtype(chosen.dtype, np.integer):
        raise BadData("trusted is positions, a bool mask, or a mapping of positions to labels")
    if chosen.dtype != bool and len(chosen) and not -1 < chosen.min() <= chosen.max() < len(source):
        raise BadData(f"trusted rows lie outside of the {len(source)} there are")
    right[chosen] = source.labels[chosen]
    return right
