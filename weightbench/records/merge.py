"""Stores of several machines into one, or a clear no and nothing written."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from weightbench.errors import MergeError
from weightbench.records.schema import Cost, Record
from weightbench.records.store import Store


@dataclasses.dataclass(frozen=True)
class Merged:
    """How many records and costs came to the merged store, and how many it has now."""

    records_added: int
    costs_added: int
    records: int


def merge(sources: Sequence[Store], out: Store) -> Merged:
    """Bring what ``sources`` hold into ``out``, which may hold records already.

    Of one trial the first result counts (of ``out``, then in the order given), and a failure gives
    way to a result. Everything is read and compared before anything is written; a merge that was
    stopped goes on when it is started again.

    Raises:
        MergeError: a file is damaged, or two stores hold different results of one trial.
        StoreError: there is no such store, or the disk refuses.
    """
    stores = [*([out] if out.root.is_dir() else []), *sources]
    damaged = [str(damage) for store in stores for damage in store.audit()]
    if damaged:
        raise MergeError(
            f"nothing was merged, for there are damaged files, which weightbench doctor RUNS "
            f"--repair sets aside: {'; '.join(damaged)}"
        )
    records: dict[str, tuple[Store, Record]] = {}
    costs: dict[str, tuple[Store, Cost]] = {}
    for store in stores:
        for record in store.records()[0]:
            key = record.trial.key
            records[key] = _one_of(records.get(key), (store, record))
        for cost in store.costs()[0]:
            costs.setdefault(cost.trial.key, (store, cost))
    new_records = [(store, record) for store, record in records.values() if store is not out]
    new_costs = [cost for store, cost in costs.values() if store is not out]
    out.create()
    for store, record in new_records:
        if record.training is None:
            out.put(record)
        else:
            out.put(record, store.predictions(record), store.weights(record))
    for cost in new_costs:
        out.put_cost(cost)
    return Merged(len(new_records), len(new_costs), len(records))


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
    if other.is_final and _result(one) != _result(other):
        trial = one.trial
        raise MergeError(
            f"nothing was merged, for {store.root} and {other_store.root} disagree on "
            f"{trial.weighter} on {trial.task}, seed {trial.seed} ({trial.key}): {_said(one)} and "
            f"{_said(other)}; leave one of them out"
        )
    return before


def _result(record: Record) -> object:
    """What must be equal wherever a trial is run; times and floats of the last bit are not."""
    made = record.training
    if made is None:
        return record.status
    return made.accuracy, made.selected_accuracy, made.predictions, made.checksums


def _said(record: Record) -> str:
    made = record.training
    if made is None:
        return record.status
    return f"accuracy {made.accuracy:.4f} with predictions {made.predictions[:8]}"
