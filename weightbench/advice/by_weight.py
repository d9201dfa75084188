"""Suspects of finished runs: the training rows that counted least, from weights kept with records.

Weights of an epoch are a weaker sign than the cross-fitted networks of :mod:`.suspects`: an AUROC
of .75 where those have .99.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from weightbench.errors import BadData, StoreError
from weightbench.records.schema import Record
from weightbench.records.store import Store


def by_weight(store: Store, task: str | None = None, weighter: str | None = None) -> pd.DataFrame:
    """The training rows of one task in the order in which one weighter let them count, least first.

    Args:
        store: the records.
        task: which, where there are several.
        weighter: which, where several weigh rows differently.

    Returns:
        One row for each example and label it was given: ``id``, ``given``, ``weight`` (the mean
        over seeds, 1 being that of all), ``seeds`` (in how many it had that label), ``rank``,
        ``row``.

    Raises:
        BadData: there is no such run, or weights that differ were kept of none, or of several.
    """
    found: dict[tuple[str, str], pd.DataFrame] = {}
    records, _ = store.records()
    for key, chosen in _groups(records, task, weighter).items():
        table = _table(store, chosen)
        if table is not None:
            found[key] = table
    if not found:
        raise BadData(
            f"{store.root}: no run{_of(task, weighter)} has kept weights that differ; every method "
            "that weighs or drops rows does"
        )
    if len(found) > 1:
        names = "; ".join(f"--task '{t}' --weighter '{w}'" for t, w in sorted(found)[:4])
        more = " ..." if len(found) > 4 else ""
        raise BadData(f"there are several runs, choose one: {names}{more}")
    (table,) = found.values()
    return table


def _groups(
    records: Sequence[Record], task: str | None, weighter: str | None
) -> dict[tuple[str, str], list[Record]]:
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in sorted(records, key=lambda r: r.trial.seed):
        trial = record.trial
        asked = task in (None, trial.task) and weighter in (None, trial.weighter)
        if asked and record.status == "ok" and not trial.privileged:
            groups.setdefault((trial.task, trial.weighter), []).append(record)
    return groups


def _of(task: str | None, weighter: str | None) -> str:
    return (f" of {weighter}" if weighter else "") + (f" on {task}" if task else "")


def _table(store: Store, records: Sequence[Record]) -> pd.DataFrame | None:
    """The rows of the runs of one weighter on one task; None where all count alike."""
    parts = []
    for record in records:
        try:
            kept = store.weights(record)
        except StoreError:
            continue
        if kept is None:
            continue
        row = np.arange(len(kept.label)) if kept.index is None else kept.index
        ids = row if kept.ids is None else kept.ids
        part = {"row": row, "id": ids, "given": kept.label, "weight": kept.weight}
        parts.append(pd.DataFrame(part).dropna(subset=["weight"]))
    if not parts or max(float(p["weight"].std(ddof=0)) for p in parts) < 1e-3:
        return None
    every = pd.concat(parts, ignore_index=True)
    table: pd.DataFrame = (
        every.groupby(["row", "given"], sort=True)
        .agg(id=("id", "first"), weight=("weight", "mean"), seeds=("weight", "size"))
        .reset_index()
        .sort_values("weight", kind="stable", ignore_index=True)
    )
    table["rank"] = np.arange(1, len(table) + 1)
    chosen: pd.DataFrame = table[["id", "given", "weight", "seeds", "rank", "row"]]
    return chosen
