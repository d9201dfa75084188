"""Long tails: classes that are rarer and rarer, alone and with wrong labels."""

from __future__ import annotations

import dataclasses

import numpy as np

from weightbench.data.corruption import Corrupted, Labels, UniformFlip, check_share, describe
from weightbench.errors import BadData, UnknownParameter


def tail_counts(largest: int, num_classes: int, factor: float) -> Labels:
    """(K,) int64: ``int(largest * factor^(-c / (K - 1)))`` examples of class c, at least 1.

    Cui, Jia, Lin, Song & Belongie 2019, as in the released code of LDAM-DRW: class 0 is the
    largest, ``factor`` times the last.
    """
    exponents = np.arange(num_classes) / max(num_classes - 1, 1)
    return np.maximum((largest * (1 / factor) ** exponents).astype(np.int64), 1)


@dataclasses.dataclass(frozen=True)
class LongTail:
    """Classes are thinned: the first is the largest, ``factor`` times the last.

    Cui et al. 2019; see :func:`tail_counts`. The largest class has as many examples as there are of
    the rarest before, so that the counts are exact. Labels stay true, and a task's test split stays
    as it was. What a hold-out took is not in it: the tail loses nothing to the hold-out.
    """

    factor: float = 50.0

    def __post_init__(self) -> None:
        """Refuse parameters that mean nothing."""
        if not self.factor >= 1:
            raise UnknownParameter(f"factor={self.factor}: expected 1 or more")

    def __str__(self) -> str:
        return f"class c has factor^(-c/(K-1)) of the examples of class 0, factor {self.factor:g}"

    def __call__(self, labels: Labels, num_classes: int, rng: np.random.Generator) -> Corrupted:
        """Drop examples; see :class:`Corruption`."""
        there = np.bincount(labels, minlength=num_classes)
        if there.min() == 0:
            raise BadData(f"a long tail needs every class; there is no example of {there.argmin()}")
        keep = tail_counts(int(there.min()), num_classes, self.factor)
        order = rng.permutation(len(labels))
        kept = [order[labels[order] == label][:n] for label, n in enumerate(keep)]
        index = np.sort(np.concatenate(kept))
        return describe(labels, labels[index], index, num_classes)


@dataclasses.dataclass(frozen=True)
class NoisyLongTail:
    """A long tail, of whose labels a share ``noise`` then becomes another label.

    Wei et al. 2021 (RoLT): thinned first, as :class:`LongTail`; then ``toward="any"``
    draws the other label uniformly, and ``"frequent"`` in proportion to how frequent the classes
    are, so that noise makes the tail rarer still. The share is exact.
    """

    factor: float = 20.0
    noise: float = 0.3
    _: dataclasses.KW_ONLY
    toward: str = "any"

    def __post_init__(self) -> None:
        """Refuse parameters that mean nothing."""
        LongTail(self.factor)
        check_share("noise", self.noise)
        if self.toward not in ("any", "frequent"):
            raise UnknownParameter(f"toward={self.toward}: expected any or frequent")

    def __str__(self) -> str:
        others = {"any": "any other", "frequent": "another, the more frequent the likelier"}
        other = others[self.toward]
        return f"{LongTail(self.factor)}; then {self.noise:.0%} of the labels become {other}"

    def __call__(self, labels: Labels, num_classes: int, rng: np.random.Generator) -> Corrupted:
        """Drop examples, then flip; see :class:`Corruption`."""
        tail = LongTail(self.factor)(labels, num_classes, rng)
        if self.toward == "any":
            given = UniformFlip(self.noise)(tail.labels, num_classes, rng).labels
        else:
            given = _toward_the_frequent(tail.labels, num_classes, self.noise, rng)
        return describe(labels, given, tail.index, num_classes)


def _toward_the_frequent(
    labels: Labels, num_classes: int, noise: float, rng: np.random.Generator
) -> Labels:
    chosen = rng.permutation(len(labels))[: round(noise * len(labels))]
    chance = np.tile(np.bincount(labels, minlength=num_classes), (num_classes, 1)).astype(float)
    np.fill_diagonal(chance, 0)
    cumulated = np.cumsum(chance / chance.sum(1, keepdims=True), axis=1)
    given: Labels = labels.copy()
    drawn = (cumulated[labels[chosen]] <= rng.random(len(chosen))[:, None]).sum(1)
    given[chosen] = np.minimum(drawn, num_classes - 1)
    return given
