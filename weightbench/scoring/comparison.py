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
from weightbench.scoring.entries import POINTS, SKILL, Interval
from weightbench.scoring.inference import Estimate, of_pair
from weightbench.scoring.results import Samples, choose
from weightbench.scoring.standing import difference
from weightbench.spec import suggest


@dataclasses.dataclass(frozen=True)
class Difference:
    """First less second over the seeds both have.

    Attributes:
        task: a task, or ``all`` for skill over all tasks.
        one: mean of the first.
        other: mean of the second.
        difference: with its 95 % interval, of t, on paired differences.
        p: two-sided, of the t test that the interval belongs to.
        n: shared seeds, or (task, seed) pairs.
        needed: about how many seeds on a task it would take to say more, as seeds went so far;
            None where they say enough, or where nothing is known of how they differ.
        metric: what this is in; ``skill`` where it is over all tasks.
    """

    task: str
    one: float
    other: float
    difference: Interval
    p: float
    n: int
    needed: int | None
    metric: str = "accuracy"

    @property
    def sign(self) -> str:
        """``A`` or ``B`` is better, ``=`` they are alike to what matters, ``?`` cannot be said."""
        if self.difference.excludes_zero:
            higher = self.metric not in METRICS or METRICS[self.metric].higher
            return "A" if (self.difference.mean > 0) == higher else "B"
        return "?" if self.needed or not self.difference.is_known else "="

    @property
    def verdict(self) -> str:
        """In words: what the interval says, and no more."""
        if self.sign in "AB":
            return f"{'first' if self.sign == 'A' else 'second'} is better"
        if not self.difference.is_known:
            return "too few seeds to tell: it takes two on every task"
        most = max(-self.difference.low, self.difference.high)
        if self.needed:
            return f"too few seeds to tell: about {self.needed} would do"
        return f"cannot be told apart: at most {most:.2g} apart"


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
    by_task = [_on_task(by_name, task, one, other) for task in tasks]
    scored = informative({task: anchors[task] for task in tasks if task in anchors})
    overall = _overall(by_name, scored, one, other) if scored else None
    return Comparison(one, other, tuple(by_task), overall, (*chosen.notes, *notes))


def _shared(by_name: Samples, task: str, one: str, other: str) -> list[int]:
    if (task, other) not in by_name:
        return []
    return [int(s) for s in np.intersect1d(by_name[task, one].seeds, by_name[task, other].seeds)]


def _on_task(by_name: Samples, task: str, one: str, other: str) -> Difference:
    shared = _shared(by_name, task, one, other)
    first, second = (by_name[task, name].of_seeds(shared) for name in (one, other))
    found = of_pair(first, second)
    margin = POINTS if METRICS[first.metric].skill else None
    return Difference(
        task=task,
        one=float(first.score.mean()),
        other=float(second.score.mean()),
        difference=found.interval(),
        p=found.p,
        n=len(shared),
        needed=_needed(found, len(shared), margin),
        metric=first.metric,
    )


def _overall(by_name: Samples, anchors: Mapping[str, Anchor], one: str, other: str) -> Difference:
    ones, others, count = [], [], 0
    for task, anchor in anchors.items():
        shared = _shared(by_name, task, one, other)
        first, second = (by_name[task, name].of_seeds(shared) for name in (one, other))
        ones.append(anchor.skill(first.score).mean())
        others.append(anchor.skill(second.score).mean())
        count += len(shared)
    found = difference(one, other, by_name, anchors)
    return Difference(
        task="all",
        one=float(np.mean(ones)),
        other=float(np.mean(others)),
        difference=found.interval(),
        p=found.p,
        n=count,
        needed=_needed(found, round(count / len(anchors)), SKILL),
        metric="skill",
    )


def _needed(found: Estimate, seeds: int, margin: float | None) -> int | None:
    """Seeds that would tell the difference that is seen, or exclude all that matters.

    None where one of both is so already. An interval of so much to either side does one of both:
    it leaves out 0, or holds nothing beyond the margin.
    """
    interval = found.interval()
    if margin is None or interval.excludes_zero or max(-interval.low, interval.high) <= margin:
        return None
    return found.seeds_for(max(abs(found.mean), margin - abs(found.mean)), seeds)
