"""Two weighters, seed by seed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np

from weightbench.errors import RecordError, UnknownName
from weightbench.records.schema import Record
from weightbench.registry.metrics import METRICS
from weightbench.scoring.anchors import Anchor, informative
from weightbench.scoring.board import anchored
from weightbench.scoring.entries import Interval
from weightbench.scoring.groups import draws_of
from weightbench.scoring.resampling import bootstrap, interval
from weightbench.scoring.results import Sample, Samples, Vector, choose
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
        metric: what this is in; ``skill`` where it is over all tasks.
    """

    task: str
    one: float
    other: float
    difference: Interval
    p: float
    holm: float
    n: int
    enough: bool
    metric: str = "accuracy"

    @property
    def verdict(self) -> str:
        """In words."""
        if not self.enough:
            return "too few seeds to tell"
        if self.holm >= LEVEL:
            return "cannot be told apart"
        higher = self.metric not in METRICS or METRICS[self.metric].higher
        return f"{'first' if (self.difference.mean > 0) == higher else 'second'} is better"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Scores by task, and skill over the tasks that have anchors; None where there are none."""

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
    metric: str | None = None,
) -> Comparison:
    """The paired differences between two weighters; for ``data`` and ``metric`` see :func:`board`.

    Raises:
        UnknownName: one of them has no records, or they share no task.
        RecordError: no record of one of them has the metric.
    """
    chosen = choose(records, data)
    kept = chosen.kept
    by_name, anchors, notes = anchored(kept, frozen or {}, metric)
    known = sorted({record.trial.weighter for record in kept})
    for weighter in (one, other):
        if weighter not in known:
            raise UnknownName(f"no records of {weighter!r}.{suggest(weighter, known)}")
        if all(name != weighter for _, name in by_name):
            raise RecordError(f"no record of {weighter} has {metric}; {'; '.join(notes)}")
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


def _pair(by_name: Samples, task: str, one: str, other: str) -> tuple[Sample, Sample]:
    shared = _shared(by_name, task, one, other)
    return by_name[task, one].of_seeds(shared), by_name[task, other].of_seeds(shared)


def _draws(first: Sample, second: Sample, task: str) -> Vector:
    """Of the difference; over test rows too where it is between worst groups."""
    if first.metric == "worst_group_recall":
        return draws_of(first, task) - draws_of(second, task, 1)
    return bootstrap(first.score - second.score, task)


def _on_task(by_name: Samples, task: str, one: str, other: str) -> Difference:
    first, second = _pair(by_name, task, one, other)
    differences = first.score - second.score
    p = sign_flip(differences)
    return Difference(
        task=task,
        one=float(first.score.mean()),
        other=float(second.score.mean()),
        difference=interval(float(differences.mean()), _draws(first, second, task)),
        p=p,
        holm=p,
        n=len(differences),
        enough=len(differences) >= ENOUGH_SEEDS,
        metric=first.metric,
    )


def _overall(by_name: Samples, anchors: Mapping[str, Anchor], one: str, other: str) -> Difference:
    ones, others, draws = [], [], []
    for task, anchor in anchors.items():
        first, second = _pair(by_name, task, one, other)
        ones.append(anchor.skill(first.score).mean())
        others.append(anchor.skill(second.score).mean())
        draws.append(_draws(first, second, task) / anchor.gap)
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
        metric="skill",
    )
