"""Who beats whom beyond chance, and so which places an entry may hold."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from weightbench.scoring.anchors import Anchor
from weightbench.scoring.results import Samples, Vector
from weightbench.scoring.significance import ENOUGH_SEEDS, LEVEL, holm, sign_flip


@dataclasses.dataclass(frozen=True)
class Standing:
    """The first and last place an entry may hold, and whom it cannot be told from."""

    first: int
    last: int
    ties: tuple[str, ...]


class PairedSkill:
    """Skill of several weighters on every (task, seed), so that any two can be paired."""

    def __init__(
        self, weighters: Sequence[str], by_name: Samples, anchors: Mapping[str, Anchor]
    ) -> None:
        scored = [(i, name) for i, name in enumerate(anchors)]
        slots = sorted(
            {(i, int(s)) for i, t in scored for w in weighters for s in by_name[t, w].seeds}
        )
        place = {slot: column for column, slot in enumerate(slots)}
        self.tasks = np.array([i for i, _ in slots], np.int64)
        self.count = len(scored)
        self.skill = {w: np.full(len(slots), np.nan) for w in weighters}
        for (i, task), weighter in itertools.product(scored, weighters):
            sample = by_name[task, weighter]
            columns = [place[i, int(seed)] for seed in sample.seeds]
            self.skill[weighter][columns] = anchors[task].skill(sample.score)

    def differences(self, one: str, other: str) -> tuple[Vector, int]:
        """What each shared (task, seed) adds to the difference in skill; fewest seeds of a task."""
        differences = self.skill[one] - self.skill[other]
        shared = ~np.isnan(differences)
        seeds = np.bincount(self.tasks[shared], minlength=self.count)
        parts = differences[shared] / (seeds[self.tasks[shared]] * self.count)
        return parts, int(seeds.min())


def too_few(weighters: int, tasks: int, seeds: int) -> int:
    """How many seeds it takes before any two of ``weighters`` can be told apart on the whole.

    Each pair has ``tasks * seeds`` differences, so the smallest p is 2 / 2^(tasks * seeds), which
    Holm's correction first multiplies by the number of pairs. 0 where ``seeds`` are enough.
    """
    duels, needed = weighters * (weighters - 1) // 2, ENOUGH_SEEDS
    while duels * 2.0 ** (1 - tasks * needed) >= LEVEL:
        needed += 1
    return needed if seeds < needed else 0


def standings(
    weighters: Sequence[str], by_name: Samples, anchors: Mapping[str, Anchor]
) -> dict[str, Standing]:
    """Places of ``weighters``, each of which has all tasks that have anchors.

    Two are told apart when the sign-flip test of their difference in skill, over all shared (task,
    seed) pairs, stays below .05 after Holm's correction over all pairs of entries. Where a task has
    fewer than 6 shared seeds, nothing is told apart.
    """
    pairs = PairedSkill(weighters, by_name, anchors)
    duels = list(itertools.combinations(weighters, 2))
    parts = [pairs.differences(one, other) for one, other in duels]
    adjusted = holm([sign_flip(part) if n >= ENOUGH_SEEDS else 1.0 for part, n in parts])
    beaten_by: dict[str, int] = dict.fromkeys(weighters, 0)
    beats: dict[str, int] = dict.fromkeys(weighters, 0)
    ties: dict[str, list[str]] = {weighter: [] for weighter in weighters}
    for (one, other), (part, _), p in zip(duels, parts, adjusted, strict=True):
        if p >= LEVEL:
            ties[one].append(other)
            ties[other].append(one)
            continue
        better, worse = (one, other) if part.sum() > 0 else (other, one)
        beats[better] += 1
        beaten_by[worse] += 1
    last = len(weighters)
    return {w: Standing(beaten_by[w] + 1, last - beats[w], tuple(ties[w])) for w in weighters}
