"""Stores of several machines into one, or a clear no and nothing written."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightbench.errors import MergeError
from weightbench.records.loading import Damage
from weightbench.records.schema import Cost, Record, Trial
from weightbench.records.schemas import NEW_IN_3
from weightbench.records.store import Store
from weightbench.records.weights import Weights

# What no two runs or machines share; whatever else a training says is a result.
_OF_A_MACHINE = {"phases", "peak_bytes"}
_ROUNDED = {"weights", "scores"}  # names that are held against one another less closely
_EXACT = 1e-9  # shares of whole numbers, which are the same but for the last bit
_SUMMARY = 1e-3  # of sums over all examples, rounded to four digits


@dataclasses.dataclass(frozen=True)
class Merged:
    """What came to the merged store.

    Attributes:
        records_added: how many came.
        costs_added: likewise.
        records: how many it has now.
        doubtful: costs of one trial whose operations differ, though they are counted alike on every
            machine; the first of them was taken.
    """

    records_added: int
    costs_added: int
    records: int
    doubtful: tuple[str, ...] = ()


def merge(sources: Sequence[Store], out: Store) -> Merged:
    """Bring what ``sources`` hold into ``out``, which may hold records already.

    Of one trial the first result counts (of ``out``, then in the order given), and a failure gives
    way to a result. Everything is read and compared before anything is written; a merge that was
    stopped goes on when it is started again.

    Raises:
        MergeError: a file is damaged or of a newer version, or two stores hold different results of
            one trial.
        StoreError: there is no such store, it is no folder of records, or the disk refuses.
    """
    stores = [*([out] if out.is_begun else []), *sources]
    _refuse_damage([damage for store in stores for damage in store.audit()])
    records: dict[str, tuple[Store, Record]] = {}
    costs: dict[str, tuple[Store, Cost]] = {}
    doubtful: dict[str, None] = {}
    for store in stores:
        for record in store.records()[0]:
            key = record.trial.key
            records[key] = _one_of(records.get(key), (store, record))
        for cost in store.costs()[0]:
            first, known = costs.setdefault(cost.trial.key, (store, cost))
            if not _alike(known.flop_ratio, cost.flop_ratio):
                doubtful[_disagreement(first.root, store.root, cost.trial)] = None
    new_records = [(store, record) for store, record in records.values() if store is not out]
    new_costs = [cost for store, cost in costs.values() if store is not out]
    out.create()
    for store, record in new_records:
        if record.training is None:
            out.put(record)
        else:
            out.put(record, store.predictions(record), store.weights(record), store.rows(record))
    for cost in new_costs:
        out.put_cost(cost)
    return Merged(len(new_records), len(new_costs), len(records), tuple(doubtful))


def _refuse_damage(found: Sequence[Damage]) -> None:
    damaged = [str(damage) for damage in found if not damage.newer]
    newer = [str(damage) for damage in found if damage.newer]
    if damaged:
        raise MergeError(
            f"nothing was merged, for there are damaged files, which weightbench doctor RUNS "
            f"--repair sets aside: {'; '.join(damaged)}"
        )
    if newer:
        raise MergeError(
            f"nothing was merged, for a newer version of weightbench is needed to read "
            f"{len(newer)} files: {newer[0]}"
        )


def _one_of(
    before: tuple[Store, Record] | None, after: tuple[Store, Record]
) -> tuple[Store, Record]:
    """Which of two records of one trial counts.

    Raises:
        MergeError: both are results, and not the same.
    """
    if before is None:
        return after
    (store, one), (other_store, other) = before, after
    if not one.is_final:
        return after if other.is_final else before
    if other.is_final and (fields := _contradictions(before, after)):
        raise MergeError(
            f"nothing was merged, for {_disagreement(store.root, other_store.root, one.trial)}: "
            f"{_said(one)} and {_said(other)}; leave one of them out (different: {fields})"
        )
    return before


def _contradictions(before: tuple[Store, Record], after: tuple[Store, Record]) -> str:
    """Names of what differs though it must be equal wherever a trial is run; empty if nothing."""
    (store, one), (other_store, other) = before, after
    if one.training is None or other.training is None:
        return "status" if one.status != other.status else ""
    exclude: dict[str, Any] = dict.fromkeys(_OF_A_MACHINE, True)
    exclude["scores"] = {"rows"}  # they are rounded where processors differ
    if one.training.scores is None or other.training.scores is None:
        exclude["scores"] = True
    if one.schema_version != other.schema_version:
        exclude |= dict.fromkeys(NEW_IN_3, True)
    first, second = (t.model_dump(exclude=exclude) for t in (one.training, other.training))
    names = [
        name
        for name in first
        if not _alike(first[name], second[name], _SUMMARY if name in _ROUNDED else _EXACT)
    ]
    kept, others = store.weights(one), other_store.weights(other)
    if kept is not None and others is not None and not _same_weights(kept, others):
        names.append("weights of examples")
    return ", ".join(names)


def _alike(one: Any, other: Any, rounding: float = _EXACT) -> bool:
    """Equal; floats but for what processors round differently."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=rounding, abs_tol=rounding)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[k], other[k], rounding) for k in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(_alike(*pair, rounding) for pair in pairs)
    return bool(one == other)


def _same_weights(one: Weights, other: Weights) -> bool:
    """They are kept in half precision, three digits of each."""
    one_history, other_history = ([s.model_dump() for s in made.history] for made in (one, other))
    return (
        np.array_equal(one.label, other.label)
        and _same(one.clean, other.clean)
        and _same(one.index, other.index)
        and _same(one.ids, other.ids)
        and one.weight.shape == other.weight.shape
        and np.allclose(one.weight, other.weight, rtol=5e-3, atol=5e-3, equal_nan=True)
        and _alike(one_history, other_history, _SUMMARY)
    )


def _same(one: NDArray[Any] | None, other: NDArray[Any] | None) -> bool:
    return one is other if one is None or other is None else np.array_equal(one, other)


def _disagreement(root: Path, other_root: Path, trial: Trial) -> str:
    return (
        f"{root} and {other_root} disagree on {trial.weighter} on {trial.task}, seed {trial.seed} "
        f"({trial.key})"
    )


def _said(record: Record) -> str:
    made = record.training
    if made is None:
        return record.status
    return f"accuracy {made.accuracy:.4f} with predictions {made.predictions[:8]}"
