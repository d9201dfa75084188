"""From records to a leaderboard."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from weightbench._version import ENGINE
from weightbench.records.schema import Cost, Record
from weightbench.registry import LOWER_ANCHOR, UPPER_ANCHOR
from weightbench.registry.metrics import METRICS
from weightbench.scoring.anchors import Anchor, describe, informative, own_anchors
from weightbench.scoring.costs import cost_ratios
from weightbench.scoring.entries import Board, Cell, CostRatios, Row
from weightbench.scoring.groups import draws_of
from weightbench.scoring.metrics import by_class, having, own_metrics, values_of
from weightbench.scoring.resampling import bootstrap, interval
from weightbench.scoring.results import (
    Sample,
    Samples,
    Vector,
    all_metrics,
    chances,
    choose,
    samples,
)
from weightbench.scoring.significance import ENOUGH_SEEDS
from weightbench.scoring.standing import Standing, standings, too_few


def board(
    records: Iterable[Record],
    costs: Iterable[Cost] = (),
    tasks: Sequence[str] | None = None,
    frozen: Mapping[str, Anchor] | None = None,
    data: Mapping[str, str] | None = None,
    metric: str | None = None,
) -> Board:
    """Score records.

    Args:
        records: of any tasks and weighters.
        costs: probes to show beside them.
        tasks: which tasks, in order; all that occur where not given.
        frozen: published anchors by task; a task without any is measured by its own runs'.
        data: checksums of today's data by task; see :func:`~weightbench.scoring.results.choose`.
        metric: what to score by; each task's own where not given.
    """
    chosen = choose(records, data)
    kept = chosen.kept
    if tasks is None:
        tasks = sorted({r.trial.task for r in kept})
    kept = [r for r in kept if r.trial.task in tasks]
    by_name, anchors, notes = anchored(kept, frozen or {}, metric)
    known = {task: anchors[task] for task in tasks if task in anchors}
    anchors = informative(known)
    notes = chosen.notes + notes
    notes += _warnings(by_name, tasks, known, metric)
    rows = _rows(by_name, tasks, anchors, cost_ratios(costs, kept, tasks), all_metrics(kept))
    if metric is not None and not anchors:
        rows = sorted(rows, key=lambda row: _order_by(row, metric))
    metrics = {task: s.metric for (task, _), s in by_name.items() if s.metric != "accuracy"}
    return Board(tuple(tasks), tuple(rows), anchors, tuple(notes), tuple(kept), metrics=metrics)


def anchored(
    kept: Sequence[Record], frozen: Mapping[str, Anchor], metric: str | None = None
) -> tuple[Samples, dict[str, Anchor], list[str]]:
    """Samples, the anchor of every task that has one, and where anchors are not the frozen ones."""
    values = values_of(kept, metric)
    known = chances(kept)
    kept, lacking = having(kept, metric, values)
    own_metric = own_metrics(kept)
    fingerprints = {r.trial.task: r.trial.fingerprint for r in kept}
    frozen = {
        task: anchor
        for task, anchor in frozen.items()
        if anchor.metric == (metric or own_metric.get(task, anchor.metric))
    }
    valid = {t: a for t, a in frozen.items() if fingerprints.get(t) == a.fingerprint}
    chance = known | {task: anchor.chance for task, anchor in valid.items()}
    by_name = samples(kept, chance, metric, values)
    own = {t: a for t, a in own_anchors(by_name, chance).items() if t not in valid}
    notes = [
        f"{task}: its definition is not the one its published anchors were made with"
        for task in sorted(fingerprints)
        if task in frozen and task not in valid
    ]
    notes = [*lacking, *notes]
    counted = informative({**valid, **own})
    if used := [task for task in own if task in counted]:
        which = "" if not valid else f" on {', '.join(used)}"
        own_ones = f"{LOWER_ANCHOR} (skill 0) and {UPPER_ANCHOR} (skill 1)"
        notes.append(f"anchors are this run's own {own_ones}{which}")
    return by_name, {**valid, **own}, notes


def _warnings(
    by_name: Samples, tasks: Sequence[str], known: Mapping[str, Anchor], metric: str | None
) -> list[str]:
    """What a reader must know of tasks, seeds, gaps and failures; ``known`` are all anchors."""
    anchors = informative(known)
    skill = metric is None or METRICS[metric].skill
    notes = [
        *_about_metrics(by_name, metric),
        *(
            _about_task(task, by_name, known.get(task), task in anchors)
            for task in tasks
            if skill or all(task != other for other, _ in by_name)
        ),
        _about_engine(by_name),
        _about_seeds(by_name, anchors),
        _about_gaps(by_name, anchors),
        _about_failures(by_name),
    ]
    return [note for note in notes if note]


def _about_task(task: str, by_name: Samples, anchor: Anchor | None, counts: bool) -> str | None:
    """Why a task gives no skill, or little; ``counts`` says whether its anchors are used."""
    records = [r for (other, _), s in by_name.items() if other == task for r in s.records]
    if not records:
        return f"{task}: no records"
    if any(r.training and r.training.realised_noise is None for r in records):
        return f"{task}: nobody knows its true labels: no skill; weightbench compare says more"
    if anchor is None:
        return f"{task}: no skill, for it needs {LOWER_ANCHOR} below {UPPER_ANCHOR} as anchors"
    if not counts:
        why = "what is left counts for no skill" if anchor.is_wide else "too little for skill"
        return f"{task}: {describe(anchor)}, {why}"
    if not anchor.is_informative:
        return f"{task}: {describe(anchor)}; skill says little there"
    return None


def _about_metrics(by_name: Samples, metric: str | None) -> list[str]:
    """What cells are in where that is not accuracy."""
    if metric is not None:
        order = "" if METRICS[metric].skill else "; it gives no skill and no places"
        better = "more" if METRICS[metric].higher else "less"
        return [f"scored by {metric}, {METRICS[metric].words}: {better} is better{order}"]
    own = {task: sample.metric for (task, _), sample in by_name.items()}
    return [
        f"{task}: scored by {name}, {METRICS[name].words}"
        for task, name in own.items()
        if name != "accuracy"
    ]


def _about_engine(by_name: Samples) -> str | None:
    """Which tasks were trained before numbers moved last."""
    older: dict[str, int] = {}
    for (task, _), sample in by_name.items():
        older.update((task, r.trial.engine) for r in sample.records if r.trial.engine < ENGINE)
    if not older:
        return None
    made = f"engine {'/'.join(map(str, sorted(set(older.values()))))}; today's is {ENGINE}"
    return f"{', '.join(sorted(older))}: as an earlier version of weightbench made it ({made})"


def _about_seeds(by_name: Samples, anchors: Mapping[str, Anchor]) -> str | None:
    """Whether there are seeds enough to tell anybody apart."""
    fewest = min((len(sample.seeds) for sample in by_name.values()), default=ENOUGH_SEEDS)
    if fewest < ENOUGH_SEEDS:
        return f"fewer than {ENOUGH_SEEDS} seeds somewhere: too few to tell methods apart"
    ranked = len(_ranked(by_name, anchors))
    needed = too_few(ranked, len(anchors), fewest)
    if needed and anchors:
        return (
            f"{fewest} seeds on {len(anchors)} tasks are too few to tell any of {ranked} "
            f"weighters apart, however far apart they are: that takes {needed} seeds"
        )
    return None


def _about_gaps(by_name: Samples, anchors: Mapping[str, Anchor]) -> str | None:
    """Who lacks a task."""
    partly = {w for _, w in by_name if any((task, w) not in by_name for task in anchors)}
    if not partly:
        return None
    who = ", ".join(sorted(partly)) if len(partly) < 4 else f"{len(partly)} weighters"
    return f"{who}: not on every task, so no place; skill is a mean over fewer tasks"


def _about_failures(by_name: Samples) -> str | None:
    failures = sum(int(sample.failed.sum()) for sample in by_name.values())
    return f"{failures} failed trials count as chance level" if failures else None


def _rows(
    by_name: Samples,
    tasks: Sequence[str],
    anchors: Mapping[str, Anchor],
    costs: Mapping[str, CostRatios],
    others: Mapping[str, Samples],
) -> list[Row]:
    """All weighters by skill, the best first; below them those that lack a task."""
    weighters = sorted({weighter for _, weighter in by_name})
    cells: dict[str, dict[str, Cell]] = {weighter: {} for weighter in weighters}
    skills: dict[str, list[tuple[float, Vector]]] = {weighter: [] for weighter in weighters}
    for task in tasks:
        for weighter in weighters:
            sample = by_name.get((task, weighter))
            if sample is None:
                continue
            cell, skill = _cell(sample, task, anchors.get(task))
            metrics = {
                name: interval(float(found.score.mean()), draws_of(found, task))
                for name, by_metric in others.items()
                if (found := by_metric.get((task, weighter)))
            }
            cell = dataclasses.replace(cell, metrics=metrics)
            cells[weighter][task] = cell
            skills[weighter] += [skill] if skill else []
    places = standings(_ranked(by_name, anchors), by_name, anchors)
    rows = [_row(w, by_name, cells[w], skills[w], costs.get(w), places.get(w)) for w in weighters]
    return sorted(rows, key=lambda row: _order(row, anchors))


def _ranked(by_name: Samples, anchors: Mapping[str, Anchor]) -> list[str]:
    """Who gets a place: whoever is not privileged and has every task that gives skill."""
    return [
        w
        for w in sorted({weighter for _, weighter in by_name})
        if anchors and not _privileged(by_name, w) and all((t, w) in by_name for t in anchors)
    ]


def _order(row: Row, anchors: Mapping[str, Anchor]) -> tuple[int, float]:
    missing = len(anchors.keys() - row.cells.keys())
    return missing, -row.skill.mean if row.skill else np.inf


def _order_by(row: Row, metric: str) -> tuple[int, float]:
    """Those with most tasks first, then the best mean of a metric that gives no skill."""
    means = [cell.score.mean for cell in row.cells.values()]
    return -len(means), float(np.mean(means)) * (-1 if METRICS[metric].higher else 1)


def _cell(
    sample: Sample, task: str, anchor: Anchor | None
) -> tuple[Cell, tuple[float, Vector] | None]:
    """A cell; and its mean skill with the bootstrap draws of it."""
    draws, mean = draws_of(sample, task), float(sample.score.mean())
    accuracy, exact = float(sample.accuracy.mean()), sample.metric == "accuracy"
    skill = None
    if anchor:
        skill = (float(anchor.skill(np.array([mean]))[0]), anchor.skill(draws))
    cell = Cell(
        accuracy=interval(accuracy, draws if exact else bootstrap(sample.accuracy, task)),
        skill=interval(*skill) if skill else None,
        seeds=len(sample.seeds),
        failures=int(sample.failed.sum()),
        score=interval(mean, draws),
        metric=sample.metric,
        by_class=by_class(sample.records),
    )
    return cell, skill


def _row(
    weighter: str,
    by_name: Samples,
    cells: Mapping[str, Cell],
    skills: Sequence[tuple[float, Vector]],
    cost: CostRatios | None,
    standing: Standing | None,
) -> Row:
    means, draws = [mean for mean, _ in skills], [drawn for _, drawn in skills]
    trained = [r.training for t in cells for r in by_name[t, weighter].records if r.training]
    return Row(
        weighter=weighter,
        privileged=_privileged(by_name, weighter),
        used_holdout=any(training.used_holdout for training in trained),
        track=max((training.track for training in trained), default=None),
        rank=standing.first if standing else None,
        rank_last=standing.last if standing else None,
        ties=standing.ties if standing else (),
        skill=interval(float(np.mean(means)), np.mean(draws, axis=0)) if means else None,
        cells=cells,
        cost=cost,
    )


def _privileged(by_name: Samples, weighter: str) -> bool:
    return any(s.records[0].trial.privileged for (_, w), s in by_name.items() if w == weighter)
