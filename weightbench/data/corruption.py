"""Corruptions of a training set: labels in, corrupted labels and what really happened out.

Pure functions of (labels, number of classes, random generator), and of inputs and groups where they
ask for them: they know no models and no tasks.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from weightbench.errors import BadData, UnknownParameter

Labels = NDArray[np.int64]


@dataclasses.dataclass(frozen=True, eq=False)
class Corrupted:
    """A corrupted training set.

    Attributes:
        index: (n,) int64, positions of the examples that were kept.
        labels: (n,) int64, the labels they are given.
        rate: share of the given labels that are wrong: the realised rate, not the nominal one.
        transition: (K, K) float64, row t is the distribution of the given label when the true label
            is t; the row of an absent class is that of the identity.
        sha256: of ``index`` and ``labels``, and of ``replaced`` and ``inputs`` if any, hex.
        replaced: (m,) int64, which of the n have an input of no class in place of their own: no
            label of theirs is right. None where there are none.
        inputs: (m, ...) these inputs, of the data set's shape and type.
    """

    index: Labels
    labels: Labels
    rate: float
    transition: NDArray[np.float64]
    sha256: str
    replaced: Labels | None = None
    inputs: NDArray[Any] | None = None


class Corruption(Protocol):
    """Anything that corrupts; built-ins are frozen dataclasses whose fields are the parameters.

    One that depends on more than labels asks for it by keyword-only arguments: ``inputs`` (n, ...),
    as the data set holds them, and ``groups`` (n,) int64, of the same examples.
    """

    def __call__(self, labels: Labels, num_classes: int, rng: np.random.Generator) -> Corrupted:
        """Corrupt ``labels``, (n,) int64 in [0, num_classes), drawing only from ``rng``."""


def describe(
    true: Labels,
    given: Labels,
    index: Labels,
    num_classes: int,
    *,
    replaced: Labels | None = None,
    inputs: NDArray[Any] | None = None,
) -> Corrupted:
    """Put the realised rate, the transition matrix and the checksum beside corrupted labels."""
    counts = np.zeros((num_classes, num_classes))
    own = np.ones(len(index), bool)  # whether the input is the example's, and has a true class
    own[[] if replaced is None else replaced] = False
    np.add.at(counts, (true[index][own], given[own]), 1)
    totals = counts.sum(1, keepdims=True)
    transition = np.where(totals > 0, counts / np.maximum(totals, 1), np.eye(num_classes))
    digest = hashlib.sha256(index.astype("<i8").tobytes() + given.astype("<i8").tobytes())
    for more in (replaced, inputs):
        if more is not None:
            digest.update(np.ascontiguousarray(more).data)
    wrong = float(np.mean((given != true[index]) | ~own)) if len(index) else 0.0
    return Corrupted(index, given, wrong, transition, digest.hexdigest(), replaced, inputs)


def check_share(name: str, value: float) -> None:
    """Refuse what is no share.

    Raises:
        UnknownParameter: ``value`` lies outside [0, 1].
    """
    if not 0 <= value <= 1:
        raise UnknownParameter(f"{name}={value}: expected a share between 0 and 1")


def _chosen(n: int, share: float, rng: np.random.Generator) -> Labels:
    return rng.permutation(n)[: round(share * n)]


@dataclasses.dataclass(frozen=True)
class NoCorruption:
    """Nothing is changed: for labels that came with mistakes of their own."""

    def __call__(self, labels: Labels, num_classes: int, rng: np.random.Generator) -> Corrupted:
        """Keep everything; see :class:`Corruption`."""
        return describe(labels, labels, np.arange(len(labels)), num_classes)


@dataclasses.dataclass(frozen=True)
class UniformFlip:
    """A share ``noise`` of the labels is replaced by a uniform draw.

    ``convention="other"``: the draw is among the other labels, so the realised rate is ``noise``
    (Ren et al. 2018, section 4.2). ``convention="redraw"``: the draw is floor(U(0, K-1)), as in the
    experiments' released code: the last class is never drawn and the true label may be.
    """

    noise: float = 0.4
    _: dataclasses.KW_ONLY
    convention: str = "other"

    def __post_init__(self) -> None:
        """Refuse parameters that mean nothing."""
        check_share("noise", self.noise)
        if self.convention not in ("other", "redraw"):
            raise UnknownParameter(f"convention={self.convention}: expected other or redraw")

    def __call__(self, labels: Labels, num_classes: int, rng: np.random.Generator) -> Corrupted:
        """Flip; see :class:`Corruption`."""
        if num_classes < 2:
            raise BadData("labels of a single class cannot be flipped")
        index = np.arange(len(labels))
        chosen = _chosen(len(labels), self.noise, rng)
        drawn = rng.integers(0, num_classes - 1, len(chosen))
        if self.convention == "other":
            drawn += drawn >= labels[chosen]
        given = labels.copy()
        given[chosen] = drawn
        return describe(labels, given, index, num_classes)


@dataclasses.dataclass(frozen=True)
class BackgroundFlip:
    """A share ``noise`` of the labels, whatever they were, becomes one background class.

    Ren et al. 2018, section 4.2. ``background=None`` draws the class from the corruption's stream;
    an example that had that class keeps it, so the realised rate is below ``noise``.
    """

    noise: float = 0.4
    _: dataclasses.KW_ONLY
    background: int | None = None

    def __post_init__(self) -> None:
        """Refuse parameters that mean nothing."""
        check_share("noise", self.noise)

    def __call__(self, labels: Labels, num_classes: int, rng: np.random.Generator) -> Corrupted:
        """Flip; see :class:`Corruption`."""
        drawn = int(rng.integers(num_classes))  # drawn in any case: the rest does not depend on it
        background = drawn if self.background is None else self.background
        if not 0 <= background < num_classes:
            raise UnknownParameter(f"background={background}: there are {num_classes} classes")
        given = labels.copy()
        given[_chosen(len(labels), self.noise, rng)] = background
        return describe(labels, given, np.arange(len(labels)), num_classes)


@dataclasses.dataclass(frozen=True)
class Imbalance:
    """One of two classes is made rare: a share ``ratio`` of what is kept is of the other class.

    Ren et al. 2018, section 4.1 (4s among 9s of MNIST, .9 to .995). ``total`` examples are kept;
    None keeps all of the frequent class. ``taken`` of each class are then left out, for a hold-out
    that published counts include: theirs are 5,000 with 5 and 5 of them taken. Labels stay true.
    """

    ratio: float = 0.9
    _: dataclasses.KW_ONLY
    rare: int = 0
    total: int | None = None
    taken: int = 0

    def __post_init__(self) -> None:
        """Refuse parameters that mean nothing."""
        check_share("ratio", self.ratio)
        if self.ratio == 0 or self.rare not in (0, 1):
            raise UnknownParameter("expected a ratio above 0, and rare=0 or rare=1")

    def __call__(self, labels: Labels, num_classes: int, rng: np.random.Generator) -> Corrupted:
        """Drop examples; see :class:`Corruption`."""
        if num_classes != 2:
            raise BadData(f"class imbalance is between 2 classes, not {num_classes}")
        order = rng.permutation(len(labels))
        rare, frequent = order[labels[order] == self.rare], order[labels[order] != self.rare]
        total = round(len(frequent) / self.ratio) if self.total is None else self.total
        keep_frequent = round(total * self.ratio) - self.taken
        keep_rare = max(total - keep_frequent - 2 * self.taken, 1)
        if keep_frequent > len(frequent) or keep_rare > len(rare):
            raise BadData(
                f"ratio={self.ratio} of {total} needs {keep_frequent} and {keep_rare} examples; "
                f"there are {len(frequent)} and {len(rare)}"
            )
        index = np.sort(np.concatenate([frequent[:keep_frequent], rare[:keep_rare]]))
        return describe(labels, labels[index], index, num_classes)
