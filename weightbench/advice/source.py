"""What somebody's data are, whichever kind of file they come from."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from weightbench.errors import BadData
from weightbench.texts import plain

Objects = NDArray[np.object_]


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """Rows with a label each, as they were read.

    Attributes:
        name: of the file, or what stands for it; for errors.
        features: the columns that are inputs, or (N, ...) an array of them.
        labels: (N,) texts or numbers, as given.
        ids: (N,) what the owner calls each row, or its position from 0 on.
        groups: (N,) what else a row is; None where nobody said.
        flags: (N,) what the column of trusted rows holds; None where there is none.
        notes: what was done to the data in reading them, a line each.
    """

    name: str
    features: pd.DataFrame | NDArray[Any]
    labels: Objects
    ids: Objects
    groups: Objects | None = None
    flags: Objects | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)


def column_of(name: str, known: Sequence[object], where: str, option: str) -> str:
    """``name``, if it is among the names that are ``known``.

    Raises:
        BadData: it is not; the message has the nearest ones.
    """
    names = [str(n) for n in known]
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, 3, 0.5)
    near = near or [n for n in names if n.lower() == name.lower()] or names[:8]
    more = " ..." if len(names) > len(near) > 3 else ""
    raise BadData(
        f"{where} has no column {shown(name)} for {option}; "
        f"it has {', '.join(shown(n) for n in near)}{more}"
    )


def shown(value: object, longest: int = 40) -> str:
    """A value of somebody's table in quotes, in one line and not too long."""
    text = plain(str(value))
    return f"'{text if len(text) <= longest else text[: longest - 3] + '...'}'"
