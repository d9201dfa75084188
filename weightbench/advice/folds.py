"""Cross-fitting: every training leaves out a part of the trusted rows and a part of the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch import nn

from weightbench.data.corruption import NoCorruption
from weightbench.data.dataset import DataSet
from weightbench.training.recipe import Recipe
from weightbench.training.task import Task

Index = NDArray[np.int64]


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """Rows as networks see them.

    Attributes:
        inputs: (N, d) float32, or (N, H, W, C) uint8 images.
        given: (N,) int64 in [0, K), the labels that stand in the table.
        right: (N,) int64, the right labels of trusted rows; -1 elsewhere.
        num_classes: K.
        groups: (N,) int64; None where there are none.
        test_inputs: (M, ...) like ``inputs``, rows to be judged on; None where there are none.
        test_labels: (M,) int64, theirs, which count as right.
    """

    inputs: NDArray[np.float32] | NDArray[np.uint8]
    given: Index
    right: Index
    num_classes: int
    groups: Index | None = None
    test_inputs: NDArray[np.float32] | NDArray[np.uint8] | None = None
    test_labels: Index | None = None

    @property
    def trusted(self) -> NDArray[np.bool_]:
        """(N,) bool, whose labels are known to be right."""
        return self.right >= 0

    @property
    def best_known(self) -> Index:
        """(N,) int64, the right label where it is known and the given one elsewhere."""
        return np.where(self.trusted, self.right, self.given)

    def __len__(self) -> int:
        return len(self.given)


def deal(rows: Rows, folds: int, rng: np.random.Generator) -> Index:
    """(N,) int64, the fold of each row: trusted rows and others are dealt out class by class.

    The next class goes on where the last one stopped, so folds differ by one row of each kind at
    most, and a class of few rows stands in as many folds as it has rows.
    """
    fold = np.empty(len(rows), np.int64)
    labels = rows.best_known
    for kind in (rows.trusted, ~rows.trusted):
        members = rng.permutation(np.flatnonzero(kind))
        members = members[labels[members].argsort(kind="stable")]
        fold[members] = np.arange(len(members)) % folds
    return fold


@dataclasses.dataclass(frozen=True, eq=False)
class _Copies:
    """The hold-out of a fold: copies of trusted rows, which stand at the end of the data set."""

    first: int

    def draw(self, labels: Index, pool: Index, rng: np.random.Generator) -> Index:
        """Positions of the copies."""
        return np.arange(self.first, len(labels))


def task_without(
    fold: int | None,
    rows: Rows,
    dealt: Index,
    recipe: Recipe,
    network: Callable[[DataSet], nn.Module],
) -> Task:
    """A task that trains on all rows but those of ``fold``, and is tested on these.

    Trusted rows are trained on with their right labels, as anybody would who knows them, and copies
    of them are the clean hold-out. What a method does differs from plain training by what it does
    with both, and by nothing else.

    Args:
        fold: which one is left out; with None a few rows are tested on and trained on as well.
        rows: all of them.
        dealt: (N,) int64, from :func:`deal`.
        recipe: the schedule.
        network: builds a network for a data set.

    Returns:
        The task; its test split is :func:`left_out` and then the rows to be judged on, if any.
    """
    trusted = np.flatnonzero(rows.trusted & (dealt != fold))
    # Where nothing is trusted no method that looks at the hold-out is run; a task needs one.
    held = trusted if len(trusted) else np.zeros(1, np.int64)
    parts, labels = [rows.inputs], [rows.best_known]
    tested = left_out(fold, dealt)
    if fold is None:  # a task needs a test split, and this one's network is not judged
        parts.append(rows.inputs[:1])
        labels.append(rows.best_known[:1])
        tested = np.array([len(rows)])
    elif rows.test_inputs is not None and rows.test_labels is not None:
        parts.append(rows.test_inputs)
        labels.append(rows.test_labels)
        tested = np.concatenate([tested, np.arange(len(rows), len(rows) + len(rows.test_labels))])
    first = sum(map(len, labels))
    data = DataSet(
        "advise",
        np.concatenate([*parts, rows.inputs[held]]),
        np.concatenate([*labels, rows.best_known[held]]),
        rows.num_classes,
        test=tested,
        groups=_groups(rows, first, held),
    )
    return Task(
        f"advise-fold-{'all' if fold is None else fold}",
        dataset=data,
        corruption=NoCorruption(),
        holdout=_Copies(first),  # type: ignore[arg-type]
        select=0,
        model=network,
        recipe=recipe,
    )


def left_out(fold: int | None, dealt: Index) -> Index:
    """Positions of the rows of a fold, in order."""
    return np.flatnonzero(dealt == fold) if fold is not None else np.empty(0, np.int64)


def _groups(rows: Rows, first: int, held: Index) -> Index | None:
    """Groups of the data set of a fold; rows to be judged on have none that anybody looks at."""
    if rows.groups is None:
        return None
    between = np.zeros(first - len(rows), np.int64)
    return np.concatenate([rows.groups, between, rows.groups[held]])
