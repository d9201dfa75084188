"""Which examples play which role: positions in the data set, and how a hold-out is drawn."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from weightbench.data import SPLITS
from weightbench.data.corruption import Corrupted, check_share
from weightbench.data.dataset import DataSet
from weightbench.errors import BadData, SharedExamples

Index = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class HoldoutPerClass:
    """A clean hold-out of ``clean`` examples of every class.

    It is clean unless ``holdout_noise``, a share, of its labels become any other label,
    and of the test's mix unless ``holdout_shift``, a share, is drawn from one side of the data: see
    :func:`weightbench.training.shift.shifted`.
    """

    clean: int = 10
    _: dataclasses.KW_ONLY
    holdout_noise: float = 0.0
    holdout_shift: float = 0.0

    def __post_init__(self) -> None:
        """Refuse parameters that mean nothing."""
        check_share("holdout_noise", self.holdout_noise)
        check_share("holdout_shift", self.holdout_shift)

    def draw(self, labels: Index, pool: Index, rng: np.random.Generator) -> Index:
        """Positions of the hold-out among ``pool``, which comes in random order."""
        return _of_each(labels, pool, self.clean, "class")


@dataclasses.dataclass(frozen=True)
class HoldoutPerGroup:
    """A clean hold-out of ``clean`` examples of every class in every group.

    It is clean unless ``holdout_noise``, a share, of its labels become any other label,
    and of the test's mix unless ``holdout_shift``, a share, is drawn from one side of the data: see
    :func:`weightbench.training.shift.shifted`. A group is left out where it does not have a class.
    """

    clean: int = 10
    _: dataclasses.KW_ONLY
    holdout_noise: float = 0.0
    holdout_shift: float = 0.0

    def __post_init__(self) -> None:
        """Refuse parameters that mean nothing."""
        check_share("holdout_noise", self.holdout_noise)
        check_share("holdout_shift", self.holdout_shift)

    def draw(self, labels: Index, pool: Index, rng: np.random.Generator, *, groups: Index) -> Index:
        """Positions of the hold-out among ``pool``, which comes in random order."""
        cells = labels * (int(groups.max()) + 1) + groups
        return _of_each(cells, pool, self.clean, "class of a group")


@dataclasses.dataclass(frozen=True)
class HoldoutTotal:
    """A clean hold-out of ``clean`` examples in all, stratified by class.

    It is clean unless ``holdout_noise``, a share, of its labels become any other label,
    and of the test's mix unless ``holdout_shift``, a share, is drawn from one side of the data: see
    :func:`weightbench.training.shift.shifted`.
    """

    clean: int = 1000
    _: dataclasses.KW_ONLY
    holdout_noise: float = 0.0
    holdout_shift: float = 0.0

    def __post_init__(self) -> None:
        """Refuse parameters that mean nothing."""
        check_share("holdout_noise", self.holdout_noise)
        check_share("holdout_shift", self.holdout_shift)

    def draw(self, labels: Index, pool: Index, rng: np.random.Generator) -> Index:
        """Positions of the hold-out among ``pool``."""
        return stratified(labels, pool, self.clean, rng)


def _of_each(kinds: Index, pool: Index, clean: int, what: str) -> Index:
    chosen = [pool[kinds[pool] == kind][:clean] for kind in np.unique(kinds[pool])]
    if any(len(part) < clean for part in chosen):
        raise BadData(f"clean={clean}: a {what} has fewer examples than that")
    return np.concatenate(chosen)


def stratified(labels: Index, pool: Index, size: int, rng: np.random.Generator) -> Index:
    """``size`` positions of ``pool``, every class in proportion.

    Raises:
        BadData: there are not as many, or fewer than classes are asked for.
    """
    if size == 0:
        return pool[:0]
    state = int(rng.integers(2**32))
    try:
        _, drawn = train_test_split(pool, test_size=size, stratify=labels[pool], random_state=state)
    except ValueError as error:
        raise BadData(f"cannot draw {size} of {len(pool)} examples: {error}") from error
    return np.asarray(drawn)


@dataclasses.dataclass(frozen=True, eq=False)
class Splits:
    """Positions in the data set: a corrupted training set and three disjoint clean roles.

    Attributes:
        train: positions of the training examples, after corruption.
        given: their labels as a weighter sees them.
        holdout: what a weighter may use.
        holdout_given: its labels as a weighter sees them: the true ones, but for the noise that a
            task asks for.
        select: for the engine alone (monitoring, selected accuracy).
        test: for the scorer alone.
        corrupted: what the corruption did.
        sha256: checksum (hex) of the four sets of positions.

    Raises:
        SharedExamples: two of the four have an example in common.
    """

    train: Index
    given: Index
    holdout: Index
    holdout_given: Index
    select: Index
    test: Index
    corrupted: Corrupted

    def __post_init__(self) -> None:
        """See that the roles are disjoint, on the positions as they are."""
        parts = {name: getattr(self, name) for name in SPLITS}
        for (one, first), (other, second) in itertools.combinations(parts.items(), 2):
            shared = np.intersect1d(first, second)
            if len(shared):
                raise SharedExamples(
                    f"{one} and {other} share {len(shared)} examples; position {shared[0]} is one"
                )

    def seen(self, data: DataSet) -> DataSet:
        """``data`` with the inputs that training sees, where the corruption replaced some."""
        replaced = self.corrupted.replaced
        if replaced is None:
            return data
        inputs = data.inputs.copy()
        inputs[self.train[replaced]] = self.corrupted.inputs
        return dataclasses.replace(data, inputs=inputs)

    def true_labels(self, data: DataSet) -> Index:
        """(n,) int64 of the training examples; -1 where the input is of no class."""
        true = data.labels[self.train]
        if self.corrupted.replaced is not None:
            true[self.corrupted.replaced] = -1
        return true

    @property
    def drawn_inputs(self) -> list[str]:
        """The checksum of a corruption that replaced inputs; nothing where it did not."""
        return [] if self.corrupted.replaced is None else [self.corrupted.sha256]

    @functools.cached_property
    def sha256(self) -> str:
        """Checksum (hex) of the four sets of positions."""
        digest = hashlib.sha256()
        for part in (getattr(self, name) for name in SPLITS):
            digest.update(np.int64(len(part)).tobytes() + part.astype("<i8").tobytes())
        return digest.hexdigest()
