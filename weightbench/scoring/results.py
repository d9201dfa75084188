"""The records that count, as arrays: one sample for each weighter on each task."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from weightbench.records.schema import Record
from weightbench.registry.metrics import METRICS
from weightbench.scoring.metrics import (
    Values,
    chance_of,
    having,
    name_of,
    own_metrics,
    values_of,
    worst_group_variance,
)

Vector = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
    """One weighter on one task, seeds in ascending order; a failure has the accuracy of guessing.

    Attributes:
        records: (n,) of one code version.
        seeds: (n,) int64.
        accuracy: (n,) float64.
        failed: (n,) bool.
        score: (n,) float64, in the metric.
        metric: of ``score``.
    """

    records: tuple[Record, ...]
    seeds: NDArray[np.int64]
    accuracy: Vector
    failed: NDArray[np.bool_]
    score: Vector
    metric: str = "accuracy"

    @functools.cached_property
    def grain(self) -> float:
        """The step in which scores are counted: a test row's share; 0 where there is none."""
        rows = [r.training.sizes.get("test", 0) for r in self.records if r.training]
        return 1 / max(rows) if METRICS[self.metric].skill and any(rows) else 0.0

    @functools.cached_property
    def row_variance(self) -> float:
        """Of a worst group's recall, that there are so few test rows of it; 0 in other metrics.

        All seeds are taken to be tested on the same rows, so that more seeds do not make up for few
        rows. Where each draws a test split of its own, that is too wide rather than too narrow.
        """
        if self.metric != "worst_group_recall":
            return 0.0
        scores = [r.training.scores for r in self.records if r.training and r.training.scores]
        return float(np.mean([worst_group_variance(one) for one in scores])) if scores else 0.0

    def of_seeds(self, seeds: Sequence[int]) -> Sample:
        """The trials of these seeds alone."""
        kept = np.isin(self.seeds, seeds)
        return Sample(
            tuple(r for r, keep in zip(self.records, kept, strict=True) if keep),
            self.seeds[kept], self.accuracy[kept], self.failed[kept], self.score[kept], self.metric,
        )  # fmt: skip


Samples = Mapping[tuple[str, str], Sample]  # by task and weighter, in alphabetical order


@dataclasses.dataclass(frozen=True)
class Chosen:
    """The records that count, and why the others do not.

    Attributes:
        kept: in order of task, weighter and seed; of a task all of one data set and definition.
        notes: how many were left out, in words.
    """

    kept: list[Record]
    notes: list[str]


def choose(records: Iterable[Record], data: Mapping[str, str] | None = None) -> Chosen:
    """Choose the records that count.

    Args:
        records: of any tasks and weighters.
        data: the checksum of a task's data as they are today, for tasks whose data are at hand;
            of any other task, the data of its newest record count.
    """
    everything = list(records)
    same_data = _of_one_data_set(everything, data or {})
    same_task = _of_one_definition(same_data)
    kept = newest(same_task)
    others = Counter(r.trial.task for r in everything) - Counter(r.trial.task for r in same_data)
    notes = [
        f"{task}: {number} records set aside, for they were made with other data than "
        f"{'there are today' if task in (data or {}) else 'its newest'}"
        for task, number in sorted(others.items())
    ]
    older = len(same_data) - len(kept)
    if older:
        notes.append(f"{older} records of older source code are left out")
    return Chosen(kept, notes)


def _of_one_data_set(records: Sequence[Record], today: Mapping[str, str]) -> list[Record]:
    """Those made with today's data, or else with the data of the newest; failures with them."""
    of_task: dict[str, str] = {}
    for record in sorted(records, key=_age):
        if record.training:
            of_task[record.trial.task] = record.training.checksums.get("data", "")
    of_task.update({task: digest for task, digest in today.items() if task in of_task})
    same = {
        (r.trial.task, r.trial.fingerprint)
        for r in records
        if r.training and r.training.checksums.get("data", "") == of_task[r.trial.task]
    }
    return [
        record
        for record in records
        if record.trial.task not in of_task
        or (
            record.training.checksums.get("data", "") == of_task[record.trial.task]
            if record.training
            else (record.trial.task, record.trial.fingerprint) in same
        )
    ]


def _of_one_definition(records: Sequence[Record]) -> list[Record]:
    """Of each task, the records of its newest definition and engine: no others are comparable."""
    latest = {r.trial.task: _definition(r) for r in sorted(records, key=_age)}
    return [r for r in records if _definition(r) == latest[r.trial.task]]


def _definition(record: Record) -> tuple[str, int]:
    return record.trial.fingerprint, record.trial.engine


def newest(records: Iterable[Record]) -> list[Record]:
    """Of each (task, weighter), the records of its newest code, a seed once."""
    everything = list(records)
    latest: dict[tuple[str, str], tuple[str, ...]] = {}
    for record in everything:
        name = (record.trial.task, record.trial.weighter)
        latest[name] = max(latest.get(name, ()), (record.finished, *_code(record)))
    kept: dict[tuple[str, str, int], Record] = {}
    for record in everything:
        t = record.trial
        if _code(record) == latest[t.task, t.weighter][1:]:
            before = kept.setdefault((t.task, t.weighter, t.seed), record)
            if _age(before) < _age(record):
                kept[t.task, t.weighter, t.seed] = record
    return [kept[name] for name in sorted(kept)]


def _code(record: Record) -> tuple[str, ...]:
    t = record.trial
    return (t.fingerprint, t.source, str(t.engine), t.version or "", t.device)


def _age(record: Record) -> tuple[str, str, str]:
    predictions = record.training.predictions if record.training else ""
    return (record.finished, record.status, predictions)


def samples(
    kept: Sequence[Record],
    chance: Mapping[str, float],
    metric: str | None = None,
    values: Values | None = None,
) -> Samples:
    """Records as :func:`newest` ordered them, in arrays; ``chance`` is what a failure scores.

    Args:
        kept: all of them with the metric, or failed.
        chance: accuracy of guessing, by task.
        metric: the scores are in; each task's own where not given.
        values: of that metric by trial; found where not given.
    """
    own = own_metrics(kept)
    values = values_of(kept, metric) if values is None else values
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in kept:
        groups[record.trial.task, record.trial.weighter].append(record)
    return {
        name: _sample(
            group, chance.get(name[0], 0.0), metric or own.get(name[0], "accuracy"), values
        )
        for name, group in groups.items()
    }


def _sample(group: Sequence[Record], chance: float, metric: str, values: Values) -> Sample:
    guessed = chance_of(metric, chance)
    return Sample(
        records=tuple(group),
        seeds=np.array([r.trial.seed for r in group], np.int64),
        accuracy=np.array([r.training.accuracy if r.training else chance for r in group]),
        failed=np.array([r.training is None for r in group]),
        score=np.array([values.get(name_of(r), guessed) for r in group], np.float64),
        metric=metric,
    )


def chances(kept: Iterable[Record]) -> dict[str, float]:
    """The accuracy of guessing on each task, as its records say."""
    return {r.trial.task: r.training.chance for r in kept if r.training}


def all_metrics(kept: Sequence[Record]) -> dict[str, Samples]:
    """Samples in every metric but accuracy, of the tasks whose records were made with scores."""
    scored = {r.trial.task: r.training.scores is not None for r in kept if r.training}
    older = {r.trial.task for r in kept if r.training and r.training.scores is None}
    kept = [r for r in kept if scored.get(r.trial.task) and r.trial.task not in older]
    found: dict[str, Samples] = {}
    for metric in METRICS.keys() - {"accuracy"} if kept else ():
        values = values_of(kept, metric)
        found[metric] = samples(having(kept, metric, values)[0], chances(kept), metric, values)
    return {metric: found[metric] for metric in METRICS if metric in found}
