"""Who beats whom beyond chance, and so which places an entry may hold."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

from weightbench.scoring.anchors import Anchor
from weightbench.scoring.entries import Duel
from weightbench.scoring.inference import Estimate, holm, of_pair
from weightbench.scoring.results import Samples


@dataclasses.dataclass(frozen=True)
class Standing:
    """The first and last place an entry may hold, and whom it cannot be told from."""

    first: int
    last: int
    ties: tuple[str, ...]


def difference(one: str, other: str, by_name: Samples, anchors: Mapping[str, Anchor]) -> Estimate:
    """In skill over the tasks that have anchors, on each of which both were run."""
    return Estimate.over(
        [
            of_pair(by_name[task, one], by_name[task, other]).times(1 / anchor.gap)
            for task, anchor in anchors.items()
        ]
    )


def duels(
    weighters: Sequence[str], by_name: Samples, anchors: Mapping[str, Anchor]
) -> tuple[Duel, ...]:
    """Every pair of ``weighters``, each of which has all tasks that have anchors."""
    pairs = list(itertools.combinations(weighters, 2))
    found = [difference(one, other, by_name, anchors) for one, other in pairs]
    p_values = [one.p for one in found]
    return tuple(
        Duel(*pair, estimate.interval(), p, adjusted)
        for pair, estimate, p, adjusted in zip(pairs, found, p_values, holm(p_values), strict=True)
    )


def standings(weighters: Sequence[str], fought: Sequence[Duel]) -> dict[str, Standing]:
    """Places of ``weighters``.

    Two are told apart when the t test of their paired difference in skill stays below .05 after
    Holm's correction over all pairs of entries.
    """
    beaten_by: dict[str, int] = dict.fromkeys(weighters, 0)
    beats: dict[str, int] = dict.fromkeys(weighters, 0)
    ties: dict[str, list[str]] = {weighter: [] for weighter in weighters}
    for duel in fought:
        if not duel.is_told:
            ties[duel.one].append(duel.other)
            ties[duel.other].append(duel.one)
            continue
        better, worse = duel.one, duel.other
        if duel.difference.mean < 0:
            better, worse = worse, better
        beats[better] += 1
        beaten_by[worse] += 1
    last = len(weighters)
    return {w: Standing(beaten_by[w] + 1, last - beats[w], tuple(ties[w])) for w in weighters}
