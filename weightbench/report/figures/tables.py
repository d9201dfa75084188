"""Tables of the figures, a row for each point or bar. Loads neither torch nor matplotlib."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from weightbench.errors import BadSpec, StoreError
from weightbench.records.predictions import Predictions
from weightbench.records.schema import Record
from weightbench.records.weights import Weights
from weightbench.report.sweeps import families
from weightbench.scoring import Board, Interval
from weightbench.scoring.inference import Estimate
from weightbench.spec import Value, parse_spec

BINS = 20


@dataclasses.dataclass(frozen=True)
class Source:
    """Where the tables come from.

    Attributes:
        records: of one code version for each weighter on each task, finished.
        default: the value of a task's parameter where its name does not give one.
        weights: final weights beside a record.
        predictions: predicted classes beside a record.
        truth: (n_test,) int64, the true labels of a record's test split.
        board: that the records are on, and who comes first.
        picked: weighters that were asked for by name; all where there are none.
    """

    records: Sequence[Record]
    default: Callable[[str, str], Value]
    weights: Callable[[Record], Weights | None]
    predictions: Callable[[Record], Predictions]
    truth: Callable[[Record], NDArray[np.int64]]
    board: Callable[[], Board]
    picked: frozenset[str] = frozenset()


def by_parameter(
    name: str, above: float = -math.inf, below: float = math.inf
) -> Callable[[Source], pd.DataFrame]:
    """Accuracy of each weighter against a parameter of the task, between two values it has not.

    Columns: family (the task without that parameter), the parameter, weighter, accuracy, low, high
    (95 % interval, empty where there is one seed) and seeds.
    """

    def table(source: Source) -> pd.DataFrame:
        groups = _groups(source.records)
        found = {task: _value(task, name, source.default) for task, _ in groups}
        values = {
            task: value
            for task, value in found.items()
            if isinstance(value, int | float) and above < value < below
        }
        families_of = {
            task: (family, value)
            for family, moving in families(values, name).items()
            for task, value in moving.values.items()
        }
        rows = []
        for (task, weighter), group in groups.items():
            if task in families_of:
                mean = _accuracy(group)
                numbers = (*_numbers(mean), len(group))
                rows.append((*families_of[task], weighter, *numbers))
        columns = ["family", name, "weighter", "accuracy", "low", "high", "seeds"]
        made = pd.DataFrame(rows, columns=columns).sort_values(["family", "weighter", name])
        return _need(made, f"no task under these runs occurs with several values of {name!r}")

    return table


def weight_shares(source: Source) -> pd.DataFrame:
    """Final weights of clean and of wrong examples, all seeds together, as a histogram.

    Columns: task, weighter, clean, low and high (bounds of the bin; 1 is the mean weight; the
    highest bin holds all above), share (of the examples of that kind).
    """
    edges = np.linspace(0, 4, BINS + 1)
    rows = []
    for (task, weighter), group in _groups(source.records).items():
        found = [kept for record in group if (kept := source.weights(record)) is not None]
        found = [kept for kept in found if kept.clean is not None]
        for clean in (True, False):
            parts = [kept.weight[kept.clean == clean] for kept in found]
            values = np.concatenate([np.zeros(0), *parts])
            values = values[~np.isnan(values)]
            if len(values):
                counts, _ = np.histogram(values.clip(0, edges[-1]), edges)
                rows += [
                    (task, weighter, clean, low, high, count / len(values))
                    for low, high, count in zip(edges, edges[1:], counts, strict=False)
                ]
    made = pd.DataFrame(rows, columns=["task", "weighter", "clean", "low", "high", "share"])
    return _in_order(_need(made, "no record under these runs has weights beside it"), source)


def separation(source: Source) -> pd.DataFrame:
    """AUROC of weight against "label is clean", and effective sample size, over the training.

    Columns: task, weighter, step, auroc (empty where all labels are right), effective, each a mean
    over seeds with its 95 % interval as ``_low`` and ``_high``, empty where there is one seed.
    """
    rows = [
        (task, weighter, s.step, np.nan if s.auroc is None else s.auroc, s.effective)
        for (task, weighter), group in _groups(source.records).items()
        for record in group
        if (kept := source.weights(record)) is not None
        for s in kept.history
    ]
    made = pd.DataFrame(rows, columns=["task", "weighter", "step", "auroc", "effective"])
    _need(made, "no record under these runs says anything about weights")
    return _over_seeds(made, ["auroc", "effective"])


def confusion(source: Source) -> pd.DataFrame:
    """How often a true class is taken for another on the test split, all seeds together.

    Columns: task, weighter, true, predicted, share (of the true class).
    """
    rows = []
    for (task, weighter), group in _groups(source.records).items():
        classes = 1 + max(int(source.truth(record).max()) for record in group)
        counts = np.zeros((classes, classes))
        for record in group:
            np.add.at(counts, (source.truth(record), source.predictions(record)["last"]), 1)
        shares = counts / counts.sum(1, keepdims=True).clip(1)
        rows += [
            (task, weighter, true, predicted, shares[true, predicted])
            for true in range(classes)
            for predicted in range(classes)
        ]
    made = pd.DataFrame(rows, columns=["task", "weighter", "true", "predicted", "share"])
    return _in_order(_need(made, "no finished record under these runs"), source)


def curves(source: Source) -> pd.DataFrame:
    """Accuracy on the select split over the training.

    Columns: task, weighter, step, accuracy: a mean over seeds with its 95 % interval as ``_low``
    and ``_high``, empty where there is one seed.
    """
    rows = [
        (task, weighter, step, accuracy)
        for (task, weighter), group in _groups(source.records).items()
        for record in group
        if record.training
        for step, accuracy in record.training.select_curve
    ]
    made = pd.DataFrame(rows, columns=["task", "weighter", "step", "accuracy"])
    _need(made, "no finished record under these runs")
    return _over_seeds(made, ["accuracy"])


def skill(source: Source) -> pd.DataFrame:
    """Skill of each ranked weighter over all tasks and on each, the best first.

    Columns: weighter, task ("" for all), skill, low and high (95 % interval), flops (of a whole
    training over plain training's, empty where it was not probed), holdout (whether clean data was
    used), best (whether none that is drawn scores more there).
    """
    scored = source.board()
    tasks = [task for task in scored.tasks if task in scored.anchors]
    rows = []
    for row in scored.rows:
        if row.rank is None or (source.picked and row.weighter not in source.picked):
            continue
        found = {"": row.skill, **{task: row.cells[task].skill for task in tasks}}
        flops = row.cost.flops if row.cost and row.cost.flops else np.nan
        rows += [
            (row.weighter, task, *_numbers(s), flops, row.used_holdout)
            for task, s in found.items()
            if s is not None
        ]
    columns = ["weighter", "task", "skill", "low", "high", "flops", "holdout"]
    made: pd.DataFrame = pd.DataFrame(rows, columns=columns)
    _need(made, "nobody under these runs has a place: that takes uniform and oracle on every task")
    made["best"] = made["skill"] == made.groupby("task")["skill"].transform("max")
    return made


def _over_seeds(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Means over seeds of each task, weighter and step, with intervals."""
    rows = []
    for key, group in table.groupby(["task", "weighter", "step"]):
        found: list[float] = []
        for name in names:
            values = group[name].dropna().to_numpy()
            if not len(values):
                found += [np.nan] * 3
                continue
            found += _numbers(Estimate.of(values).interval())
        rows.append((*key, *found))
    columns = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    made: pd.DataFrame = pd.DataFrame(rows, columns=["task", "weighter", "step", *columns])
    return made


def _numbers(of: Interval) -> tuple[float, float, float]:
    """Mean, low and high; where no interval is known, none is given."""
    return (of.mean, of.low, of.high) if of.is_known else (of.mean, math.nan, math.nan)


def _in_order(table: pd.DataFrame, source: Source) -> pd.DataFrame:
    """Rows of weighters as the board has them, the best first."""
    places = {row.weighter: place for place, row in enumerate(source.board().rows)}
    order = np.argsort([places.get(w, len(places)) for w in table["weighter"]], kind="stable")
    made: pd.DataFrame = table.iloc[order].reset_index(drop=True)
    return made


def _groups(records: Iterable[Record]) -> dict[tuple[str, str], list[Record]]:
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        groups[record.trial.task, record.trial.weighter].append(record)
    return dict(sorted(groups.items()))


def _accuracy(group: Sequence[Record]) -> Interval:
    values = [r.training.accuracy for r in group if r.training]
    return Estimate.of(np.array(values)).interval()


def _value(task: str, name: str, default: Callable[[str, str], Value]) -> Value:
    try:
        params = dict(parse_spec(task).params)
    except BadSpec:  # a record's name for a task may be any text
        return None
    return params[name] if name in params else default(task, name)


def _need(table: pd.DataFrame, otherwise: str) -> pd.DataFrame:
    if table.empty:
        raise StoreError(f"nothing to draw: {otherwise}")
    return table
