"""Labels of any kind as class ids, with the names of the classes where they have any."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightbench.data.conversion import is_pandas, one_dimension, only_column, whole_numbers
from weightbench.errors import BadData

Index = NDArray[np.int64]


@dataclasses.dataclass(frozen=True, eq=False)
class Classes:
    """Labels as class ids.

    Attributes:
        labels: (N,) int64.
        given: (N,) int64, those that people gave; None where there are none.
        num_classes: K.
        names: K of them, or none.
    """

    labels: Index
    given: Index | None
    num_classes: int
    names: tuple[str, ...]


def as_classes(
    name: str, labels: object, given: object, num_classes: int, names: Sequence[str]
) -> Classes:
    """Labels of a data set as class ids.

    Args:
        name: of the data set, for errors.
        labels: (N,) integers from 0 on, whole floats, bools, text or categories.
        given: the same of the labels that people gave, or None.
        num_classes: K; 0 where it is to be counted.
        names: of the classes in order, where they are known.

    Raises:
        BadData: a label is missing, fits no class, or classes cannot be counted.
    """
    found = [_Found.of(f"{name}: labels", labels)]
    if given is not None:
        found.append(_Found.of(f"{name}: given labels", given))
    if len({one.names is None for one in found}) > 1:
        raise BadData(f"{name}: labels and given labels are of two kinds, text and numbers")
    if found[0].names is not None:
        names = _all_names(name, found, names)
        found = [one.by(names) for one in found]
    ids = [one.ids for one in found]
    counted = len(names) or num_classes or _counted(name, ids)
    if num_classes and num_classes != counted:
        raise BadData(
            f"{name}: num_classes={num_classes}, and the names of the classes are {len(names)}; "
            "leave num_classes out"
        )
    return Classes(ids[0], ids[1] if len(ids) > 1 else None, counted, tuple(names))


@dataclasses.dataclass(frozen=True, eq=False)
class _Found:
    """Ids, and what they are ids of; integers are ids of themselves."""

    ids: Index
    names: list[str] | None = None
    ordered: bool = False

    @classmethod
    def of(cls, what: str, values: object) -> _Found:
        if isinstance(values, np.ndarray) and values.dtype == np.int64:
            return cls(values)
        order = _categories(what, values)
        array = one_dimension(what, values)
        if order is None and array.dtype.kind in "iuf":
            return cls(whole_numbers(what, array))
        if array.ndim != 1:
            raise BadData(f"{what} have shape {array.shape}; use one per example, (N,)")
        if array.dtype.kind == "b":
            return cls(array.astype(np.int64), ["False", "True"], ordered=True)
        present, ids = np.unique(array, return_inverse=True)
        made = cls(ids.astype(np.int64), [str(one) for one in present])
        if order is None:
            return made
        kept = [str(one) for one in order if str(one) in set(made.names or ())]
        return dataclasses.replace(made.by(kept), ordered=True)

    def by(self, names: Sequence[str]) -> _Found:
        """The same with ids that are positions in ``names``."""
        place = {name: i for i, name in enumerate(names)}
        moved = np.array([place[name] for name in self.names or ()], np.int64)
        return _Found(moved[self.ids] if len(self.ids) else self.ids, [*names], self.ordered)


def _categories(what: str, values: object) -> list[object] | None:
    """The categories of a column that has some, in their order."""
    column: Any = only_column(what, values) if is_pandas(values) else None
    return [*column.cat.categories] if hasattr(column, "cat") else None


def _all_names(name: str, found: Sequence[_Found], known: Sequence[str]) -> list[str]:
    """Every name once: as they are known, in the order of categories, or sorted."""
    every = list(dict.fromkeys(n for one in found for n in one.names or ()))
    if known:
        foreign = [one for one in every if one not in set(known)]
        if foreign:
            raise BadData(f"{name}: the label {foreign[0]!r} is none of class_names")
        return [*known]
    if any(one.ordered for one in found):
        return every
    by_number = all(one.isdecimal() for one in every)  # digits as text: 2 before 10
    return sorted(every, key=int if by_number else None)


def _counted(name: str, ids: Sequence[Index]) -> int:
    """One more than the largest label, where none below is absent."""
    present = np.unique(np.concatenate([one.ravel() for one in ids]))
    if not len(present):
        raise BadData(f"{name}: there are no labels to count the classes of; give num_classes")
    first, last = int(present[0]), int(present[-1])
    if first < 0:
        raise BadData(f"{name}: labels count from 0 on; one is {first}")
    if len(present) == last + 1:
        return last + 1
    gap = int(np.argmax(present != np.arange(len(present))))
    raise BadData(
        f"{name}: no label is {gap}, and labels go from {first} to {last}; give "
        f"num_classes={last + 1} if that class exists, or labels.astype(str): text becomes class "
        "ids, whose names are kept"
    )
