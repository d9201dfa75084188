"""Skill and its intervals from records. Loads no torch and knows no method but the two anchors."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from weightbench.records import Cost, Record

LOWER, UPPER = "uniform", "oracle"  # the anchors: skill 0 and skill 1
RESAMPLES = 4000
ENOUGH_SEEDS = 6
LEAST_GAP = 0.03  # between the anchors, for a task to tell anything
LEAST_GAP_ERRORS = 5

Vector = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean and its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Anchor:
    """What skill is measured between on one task: accuracies of uniform and oracle."""

    lower: float
    upper: float

    def skill(self, accuracy: Vector) -> Vector:
        """(accuracy - uniform) / (oracle - uniform)."""
        return (accuracy - self.lower) / (self.upper - self.lower)


@dataclasses.dataclass(frozen=True)
class Cell:
    """One weighter on one task: accuracy over seeds, and how many of them failed."""

    accuracy: Interval
    seeds: int
    failures: int


@dataclasses.dataclass(frozen=True)
class CostRatios:
    """What a whole training costs beside uniform's, as geometric means over tasks.

    Steps at the probed ratio plus the steps of side trainings, over uniform's steps; memory is the
    peak of a step.
    """

    time: float
    time_low: float
    time_high: float
    flops: float | None
    memory: float


@dataclasses.dataclass(frozen=True)
class Row:
    """One weighter: its place, skill over all tasks, and cells by task.

    ``used_holdout`` says whether it touched the clean hold-out anywhere.
    ``rank`` is None for privileged weighters and where a task is missing.
    """

    weighter: str
    privileged: bool
    used_holdout: bool
    rank: int | None
    skill: Interval | None
    cells: Mapping[str, Cell]
    cost: CostRatios | None

    @property
    def failures(self) -> int:
        """Failed trials over all tasks."""
        return sum(cell.failures for cell in self.cells.values())


@dataclasses.dataclass(frozen=True)
class Board:
    """A leaderboard: rows in order, and what a reader must know beside them."""

    tasks: tuple[str, ...]
    rows: tuple[Row, ...]
    anchors: Mapping[str, Anchor]
    notes: tuple[str, ...]


def board(
    records: Iterable[Record], costs: Iterable[Cost] = (), tasks: Sequence[str] | None = None
) -> Board:
    """Score records.

    Args:
        records: of any tasks and weighters.
        costs: probes to show beside them.
        tasks: which tasks, in order; all that occur where not given.
    """
    kept, notes = _latest(records)
    table = _table(kept)
    if tasks is None:
        tasks = sorted(table["task"].unique())
    table = table[table["task"].isin(tasks)]
    anchors = {task: anchor for task in tasks if (anchor := _anchor(table, task))}
    notes += _warnings(table, tasks, anchors)
    rows = [
        _row(str(weighter), group, tasks, anchors, _cost(costs, kept, str(weighter), tasks))
        for weighter, group in table.groupby("weighter", sort=True)
    ]
    return Board(tuple(tasks), tuple(_ranked(rows)), anchors, tuple(notes))


def bootstrap(values: Vector, name: str) -> Vector:
    """(RESAMPLES,) means of ``values`` (seeds in order) resampled with replacement.

    The draws depend on ``name`` (the task) and the number of seeds only, so that two weighters with
    the same seeds are resampled alike: the bootstrap is paired, and nobody else's entry moves it.
    """
    rng = np.random.default_rng([*name.encode(), len(values)])
    drawn = rng.integers(0, len(values), (RESAMPLES, len(values)))
    means: Vector = values[drawn].mean(1)
    return means


def interval(mean: float, draws: Vector) -> Interval:
    """``mean`` with the 2.5 and 97.5 percentiles of its bootstrap ``draws``."""
    low, high = np.percentile(draws, (2.5, 97.5))
    return Interval(float(mean), float(low), float(high))


def _latest(records: Iterable[Record]) -> tuple[list[Record], list[str]]:
    """Of each (task, weighter), the records of its newest source; what was left out, in words."""
    everything = list(records)
    newest: dict[tuple[str, str], Record] = {}
    for record in everything:
        name = (record.trial.task, record.trial.weighter)
        if name not in newest or record.finished > newest[name].finished:
            newest[name] = record
    kept = [r for r in everything if _same_code(r, newest[(r.trial.task, r.trial.weighter)])]
    old = len(everything) - len(kept)
    return kept, [f"{old} records of older source code are left out"] if old else []


def _same_code(one: Record, other: Record) -> bool:
    fields = ("fingerprint", "source", "version", "device")
    return all(getattr(one.trial, f) == getattr(other.trial, f) for f in fields)


def _table(records: Sequence[Record]) -> pd.DataFrame:
    columns = ["task", "weighter", "privileged", "holdout", "seed", "failed", "accuracy"]
    rows = []
    chance = {r.trial.task: r.training.chance for r in records if r.training}
    for r in records:
        accuracy = r.training.accuracy if r.training else chance.get(r.trial.task, 0.0)
        t = r.trial
        holdout = r.training is not None and r.training.used_holdout
        failed = r.training is None
        rows.append((t.task, t.weighter, t.privileged, holdout, t.seed, failed, accuracy))
    table: pd.DataFrame = pd.DataFrame(rows, columns=columns).sort_values("seed", kind="stable")
    return table


def _anchor(table: pd.DataFrame, task: str) -> Anchor | None:
    here = table[(table["task"] == task) & ~table["failed"]].groupby("weighter")["accuracy"].mean()
    if LOWER not in here or UPPER not in here or here[UPPER] <= here[LOWER]:
        return None
    return Anchor(float(here[LOWER]), float(here[UPPER]))


def _warnings(
    table: pd.DataFrame, tasks: Sequence[str], anchors: Mapping[str, Anchor]
) -> list[str]:
    notes = ["anchors are this run's own uniform (skill 0) and oracle (skill 1)"] if anchors else []
    for task in tasks:
        here = table[table["task"] == task]
        if here.empty:
            notes.append(f"{task}: no records")
        elif task not in anchors:
            notes.append(f"{task}: no skill, for it needs {LOWER} below {UPPER} as anchors")
        else:
            notes += _thin_gap(here, task, anchors[task])
    few = table.groupby(["task", "weighter"]).size().min() if len(table) else ENOUGH_SEEDS
    if few < ENOUGH_SEEDS:
        notes.append(f"fewer than {ENOUGH_SEEDS} seeds somewhere: too few to tell methods apart")
    if table["failed"].any():
        notes.append(f"{int(table['failed'].sum())} failed trials count as chance level")
    return notes


def _thin_gap(here: pd.DataFrame, task: str, anchor: Anchor) -> list[str]:
    pairs = here.pivot(index="seed", columns="weighter", values="accuracy")
    gaps = (pairs[UPPER] - pairs[LOWER]).dropna()
    error = float(gaps.std()) / np.sqrt(len(gaps)) if len(gaps) > 1 else 0.0
    gap = anchor.upper - anchor.lower
    if gap >= LEAST_GAP and gap >= LEAST_GAP_ERRORS * error:
        return []
    return [f"{task}: the anchors are only {gap:.3f} +- {error:.3f} apart; skill says little there"]


def _row(
    weighter: str,
    group: pd.DataFrame,
    tasks: Sequence[str],
    anchors: Mapping[str, Anchor],
    cost: CostRatios | None,
) -> Row:
    cells, means, draws = {}, [], []
    for task in tasks:
        here = group[group["task"] == task]
        if here.empty:
            continue
        values = here["accuracy"].to_numpy(np.float64)
        resampled = bootstrap(values, task)
        mean = float(values.mean())
        cells[task] = Cell(interval(mean, resampled), len(values), int(here["failed"].sum()))
        if task in anchors:
            means.append(anchors[task].skill(np.array([mean])))
            draws.append(anchors[task].skill(resampled))
    skill = interval(float(np.mean(means)), np.mean(draws, axis=0)) if means else None
    privileged, holdout = bool(group["privileged"].any()), bool(group["holdout"].any())
    return Row(weighter, privileged, holdout, None, skill, cells, cost)


def _ranked(rows: Sequence[Row]) -> list[Row]:
    """By skill, the best first; ranks for those without privilege that have every scored task."""
    most = max((len(row.cells) for row in rows), default=0)
    ordered = sorted(rows, key=lambda row: -(row.skill.mean if row.skill else -np.inf))
    result, place = [], 0
    for row in ordered:
        ranked = row.skill is not None and not row.privileged and len(row.cells) == most
        place += ranked
        result.append(dataclasses.replace(row, rank=place if ranked else None))
    return result


def _cost(
    costs: Iterable[Cost], kept: Sequence[Record], weighter: str, tasks: Sequence[str]
) -> CostRatios | None:
    current = {(r.trial.task, r.trial.fingerprint, r.trial.source) for r in kept}
    wholes = [
        whole
        for cost in costs
        if cost.trial.weighter == weighter
        and cost.trial.task in tasks
        and (cost.trial.task, cost.trial.fingerprint, cost.trial.source) in current
        and (whole := _whole_training(cost, kept))
    ]
    if not wholes:
        return None
    flops = [whole.flops for whole in wholes if whole.flops is not None]
    return CostRatios(
        time=_geometric([whole.time for whole in wholes]),
        time_low=_geometric([whole.time_low for whole in wholes]),
        time_high=_geometric([whole.time_high for whole in wholes]),
        flops=_geometric(flops) if len(flops) == len(wholes) else None,
        memory=_geometric([whole.memory for whole in wholes]),
    )


def _whole_training(cost: Cost, kept: Sequence[Record]) -> CostRatios | None:
    """What a probed step means for a whole training on its task; None where none was finished."""
    steps = {
        r.trial.weighter: (r.training.steps, r.training.side_steps)
        for r in kept
        if r.training and r.trial.task == cost.trial.task
    }
    if cost.trial.weighter not in steps:
        return None
    own, side = steps[cost.trial.weighter]
    plain = steps.get(LOWER, (own, 0))[0]
    return CostRatios(
        time=(own * cost.time_ratio + side) / plain,
        time_low=(own * cost.time_low + side) / plain,
        time_high=(own * cost.time_high + side) / plain,
        flops=None if cost.flop_ratio is None else (own * cost.flop_ratio + side) / plain,
        memory=cost.memory_ratio,
    )


def _geometric(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))
