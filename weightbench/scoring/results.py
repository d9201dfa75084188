"""The records that count, as arrays: one sample for each weighter on each task."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from weightbench.records.schema import Record

Vector = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
    """One weighter on one task, seeds in ascending order; a failure has the accuracy of guessing.

    Attributes:
        records: (n,) of one code version.
        seeds: (n,) int64.
        accuracy: (n,) float64.
        failed: (n,) bool.
    """

    records: tuple[Record, ...]
    seeds: NDArray[np.int64]
    accuracy: Vector
    failed: NDArray[np.bool_]


Samples = Mapping[tuple[str, str], Sample]  # by task and weighter, in alphabetical order


def newest(records: Iterable[Record]) -> tuple[list[Record], int]:
    """Of each (task, weighter), the records of its newest code, a seed once; how many are older."""
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
    return [kept[name] for name in sorted(kept)], len(everything) - len(kept)


def _code(record: Record) -> tuple[str, ...]:
    t = record.trial
    return (t.fingerprint, t.source, t.version, t.device)


def _age(record: Record) -> tuple[str, str, str]:
    predictions = record.training.predictions if record.training else ""
    return (record.finished, record.status, predictions)


def samples(kept: Sequence[Record], chance: Mapping[str, float]) -> Samples:
    """Records as :func:`newest` ordered them, in arrays; ``chance`` is what a failure scores."""
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in kept:
        groups[record.trial.task, record.trial.weighter].append(record)
    return {name: _sample(group, chance.get(name[0], 0.0)) for name, group in groups.items()}


def _sample(group: Sequence[Record], chance: float) -> Sample:
    return Sample(
        records=tuple(group),
        seeds=np.array([r.trial.seed for r in group], np.int64),
        accuracy=np.array([r.training.accuracy if r.training else chance for r in group]),
        failed=np.array([r.training is None for r in group]),
    )


def chances(kept: Iterable[Record]) -> dict[str, float]:
    """The accuracy of guessing on each task, as its records say."""
    return {r.trial.task: r.training.chance for r in kept if r.training}
