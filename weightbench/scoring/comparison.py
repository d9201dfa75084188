"""Two weighters, seed by seed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np

from weightbench.errors import UnknownName
from weightbench.records.schema import Record
from weightbench.scoring.anchors import Anchor, informative
from weightbench.scoring.board import anchored
from weightbench.scoring.entries import Interval
from weightbench.scoring.resampling import bootstrap, interval
from weightbench.scoring.results import Samples, Vector, choose
from weightbench.scoring.significance import ENOUGH_SEEDS, LEVEL, holm, sign_flip
from weightbench.scoring.standing import PairedSkill
from weightbench.spec import suggest


@dataclasses.dataclass(frozen=True)
class Difference:
    """First less second over the seeds both have.

    Attributes:
        task: a task, or ``all`` for skill over all tasks.
        one: mean of the first.
        other: mean of the second.
        difference: with its 95 % paired bootstrap interval.
        p: of the two-sided sign-flip test; over all tasks where they are ``all``.
        holm: p after Holm's correction over the tasks of this comparison; p itself for ``all``.
        n: shared seeds, or (task, seed) pairs.
        enough: whether there are seeds enough to tell anything, 6 on each task.
    """

    task: str
    one: float
    other: float
    difference: Interval
    p: float
    holm: float
    n: int
    enough: bool

    @property
    def verdict(self) -> str:
        """In words."""
        if not self.enough:
            return "too few seeds to tell"
        if self.holm >= LEVEL:
            return "cannot be told apart"
        return "first is better" if self.difference.mean > 0 else "second is better"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Accuracies by task, and skill over the tasks that have anchors; None where there are none."""

    one: str
    other: str
    tasks: tuple[Difference, ...]
    overall: Difference | None
    notes: tuple[str, ...]


def compare(
    records: Iterable[Record],
    one: str,
    other: str,
    frozen: Mapping[str, Anchor] | None = None,
    data: Mapping[str, str] | None = None,
) -> Comparison:
    """The paired differences between two weighters; for ``data`` see :func:`board`.

    Raises:
        UnknownName: one of them has no records, or they share no task.
    """
    chosen = choose(records, data)
    kept = chosen.kept
    by_name, anchors, notes = anchored(kept, frozen or {})
    known = sorted({weighter for _, weighter in by_name})
    for weighter in (one, other):
        if weighter not in known:
            raise UnknownName(f"no records of {weighter!r}.{suggest(weighter, known)}")
    tasks = [task for task, w in by_name if w == one and _shared(by_name, task, one, other)]
    if not tasks:
        raise UnknownName(f"{one} and {other} share no seed of any task")
    found = [_on_task(by_name, task, one, other) for task in tasks]
    adjusted = holm([difference.p for difference in found])
    by_task = [dataclasses.replace(d, holm=p) for d, p in zip(found, adjusted, strict=True)]
    scored = informative({task: anchors[task] for task in tasks if task in anchors})
    overall = _overall(by_name, scored, one, other) if scored else None
    return Comparison(one, other, tuple(by_task), overall, (*chosen.notes, *notes))


def _shared(by_name: Samples, task: str, one: str, other: str) -> list[int]:
    if (task, other) not in by_name:
        return []
    return [int(s) for s in np.intersect1d(by_name[task, one].seeds, by_name[task, other].seeds)]


def _pair(by_name: Samples, task: str, one: str, other: str) -> tuple[Vector, Vector]:
    shared = _shared(by_name, task, one, other)
    first, second = by_name[task, one], by_name[task, other]
    return first.accuracy[np.isin(first.seeds, shared)], second.accuracy[
        np.isin(second.seeds, shared)
    ]


def _on_task(by_name: Samples, task: str, one: str, other: str) -> Difference:
    first, second = _pair(by_name, task, one, other)
    differences = first - second
    p = sign_flip(differences)
    return Difference(
        task=task,
        one=float(first.mean()),
        other=float(second.mean()),
        difference=interval(float(differences.mean()), bootstrap(differences, task)),
        p=p,
        holm=p,
        n=len(differences),
        enough=len(differences) >= ENOUGH_SEEDS,
    )


def _overall(by_name: Samples, anchors: Mapping[str, Anchor], one: str, other: str) -> Difference:
    ones, others, draws = [], [], []
    for task, anchor in anchors.items():
        first, second = (anchor.skill(values) for values in _pair(by_name, task, one, other))
        ones.append(first.mean())
        others.append(second.mean())
        draws.append(bootstrap(first - second, task))
    parts, fewest = PairedSkill((one, other), by_name, anchors).differences(one, other)
    mean = float(np.mean(ones) - np.mean(others))
    p = sign_flip(parts)
    return Difference(
        task="all",
        one=float(np.mean(ones)),
        other=float(np.mean(others)),
        difference=interval(mean, np.mean(draws, axis=0)),
        p=p,
        holm=p,
        n=len(parts),
        enough=fewest >= ENOUGH_SEEDS,
    )
