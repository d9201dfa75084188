"""Flips whose new label depends on the class, or on the class and the group, of an example."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from weightbench.data.corruption import Corrupted, Labels, check_share, describe
from weightbench.errors import UnknownParameter

_LISTED = 12  # pairs of classes that are written out


def flipped(
    labels: Labels,
    num_classes: int,
    targets: Mapping[int, Sequence[int]],
    noise: float,
    rng: np.random.Generator,
) -> Corrupted:
    """A share ``noise`` of every class in ``targets``, exactly, becomes its targets in equal parts.

    Raises:
        UnknownParameter: a class lies outside [0, num_classes).
    """
    given = labels.copy()
    for label in sorted(targets):
        if not all(0 <= c < num_classes for c in (label, *targets[label])):
            raise UnknownParameter(f"{label} to {targets[label]}: there are {num_classes} classes")
        rows = rng.permutation(np.flatnonzero(labels == label))
        chosen = rows[: round(noise * len(rows))]
        given[chosen] = np.resize(targets[label], len(chosen))
    return describe(labels, given, np.arange(len(labels)), num_classes)


@dataclasses.dataclass(frozen=True)
class PairFlip:
    """A share ``noise`` of each class is given the next class; the last one's, the first.

    Han et al. 2018 (Co-teaching), "pair" noise, where 45 % is the usual cell. The share is exact in
    every class, so the transition matrix has ``1 - noise`` on its diagonal and ``noise`` beside it.
    """

    noise: float = 0.45

    def __post_init__(self) -> None:
        """Refuse parameters that mean nothing."""
        check_share("noise", self.noise)

    def __str__(self) -> str:
        return f"{self.noise:.0%} of each class are given the next class"

    def __call__(self, labels: Labels, num_classes: int, rng: np.random.Generator) -> Corrupted:
        """Flip; see :class:`Corruption`."""
        targets = {label: [(label + 1) % num_classes] for label in range(num_classes)}
        return flipped(labels, num_classes, targets, self.noise, rng)


@dataclasses.dataclass(frozen=True)
class ClassFlip:
    """A share ``noise`` of some classes is given other classes, as ``pairs`` says.

    "Asymmetric" noise, as of Patrini et al. 2017. ``noise`` is the share of a class that has a
    pair, and exact; with half of the classes in pairs, half as many labels of all are wrong.

    Attributes:
        pairs: (class, class it becomes); a class in several pairs becomes each in equal parts.
        noise: the share.
    """

    pairs: tuple[tuple[int, int], ...]
    noise: float = 0.4

    def __post_init__(self) -> None:
        """Refuse parameters that mean nothing."""
        check_share("noise", self.noise)
        if any(one == other for one, other in self.pairs):
            raise UnknownParameter(f"pairs={self.pairs}: a class is given itself")

    def __str__(self) -> str:
        listed = [f"{one}→{other}" for one, other in self.pairs[:_LISTED]]
        more = len(self.pairs) - len(listed)
        which = ", ".join(listed) + (f" and {more} more" if more else "")
        return f"{self.noise:.0%} of each class that has a pair: {which}"

    def __call__(self, labels: Labels, num_classes: int, rng: np.random.Generator) -> Corrupted:
        """Flip; see :class:`Corruption`."""
        targets = defaultdict(list)
        for one, other in self.pairs:
            targets[one].append(other)
        return flipped(labels, num_classes, targets, self.noise, rng)


@dataclasses.dataclass(frozen=True)
class GroupFlip:
    """A share ``noise`` of the examples of one class in one group is given another class.

    Labels that are biased against a group, and right everywhere else. The share is exact.

    Attributes:
        noise: the share.
        group: whose labels are biased.
        label: the class that is denied to them.
        becomes: the class they are given.
    """

    noise: float = 0.4
    _: dataclasses.KW_ONLY
    group: int = 0
    label: int = 1
    becomes: int = 0

    def __post_init__(self) -> None:
        """Refuse parameters that mean nothing."""
        check_share("noise", self.noise)

    def __str__(self) -> str:
        return (
            f"{self.noise:.0%} of class {self.label} in group {self.group} "
            f"are given class {self.becomes}"
        )

    def __call__(
        self, labels: Labels, num_classes: int, rng: np.random.Generator, *, groups: Labels
    ) -> Corrupted:
        """Flip; see :class:`Corruption`."""
        if not all(0 <= c < num_classes for c in (self.label, self.becomes)):
            raise UnknownParameter(
                f"label={self.label}, becomes={self.becomes}: there are {num_classes} classes"
            )
        rows = rng.permutation(np.flatnonzero((labels == self.label) & (groups == self.group)))
        given = labels.copy()
        given[rows[: round(self.noise * len(rows))]] = self.becomes
        return describe(labels, given, np.arange(len(labels)), num_classes)
