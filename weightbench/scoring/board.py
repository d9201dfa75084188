"""From records to a leaderboard."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from weightbench.records.schema import Cost, Record
from weightbench.registry import LOWER_ANCHOR, UPPER_ANCHOR
from weightbench.registry.metrics import METRICS
from weightbench.scoring.anchors import Anchor, informative, own_anchors
from weightbench.scoring.costs import cost_ratios
from weightbench.scoring.entries import Board, Cell, CostRatios, Interval, Row
from weightbench.scoring.findings import findings
from weightbench.scoring.inference import Estimate, of_pair, of_sample
from weightbench.scoring.leaders import leaders
from weightbench.scoring.metrics import by_class, having, own_metrics, values_of
from weightbench.scoring.notes import notes_of
from weightbench.scoring.results import Sample, Samples, all_metrics, chances, choose, samples
from weightbench.scoring.standing import Standing, duels, standings


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
    ranked = _ranked(by_name, anchors)
    fought = duels(ranked, by_name, anchors)
    places = standings(ranked, fought)
    ratios = cost_ratios(costs, kept, tasks)
    rows = _rows(by_name, tasks, anchors, ratios, all_metrics(kept), places)
    if metric is not None and not anchors:
        rows = sorted(rows, key=lambda row: _order_by(row, metric))
    notes = chosen.notes + notes
    notes += notes_of(by_name, tasks, known, metric, rows, fought)
    scored = Board(
        tuple(tasks), tuple(rows), anchors, tuple(notes), tuple(kept),
        metrics={task: s.metric for (task, _), s in by_name.items() if s.metric != "accuracy"},
        duels=fought, leaders=leaders(by_name, tasks),
    )  # fmt: skip
    return dataclasses.replace(scored, findings=findings(scored, by_name))


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


def _rows(
    by_name: Samples,
    tasks: Sequence[str],
    anchors: Mapping[str, Anchor],
    costs: Mapping[str, CostRatios],
    others: Mapping[str, Samples],
    places: Mapping[str, Standing],
) -> list[Row]:
    """All weighters by skill, the best first; below them those that lack a task."""
    rows = []
    for weighter in sorted({weighter for _, weighter in by_name}):
        own = {task: by_name[task, weighter] for task in tasks if (task, weighter) in by_name}
        cells = {
            task: _cell(
                sample,
                anchors.get(task),
                None if weighter == LOWER_ANCHOR else by_name.get((task, LOWER_ANCHOR)),
                {name: m[task, weighter] for name, m in others.items() if (task, weighter) in m},
            )
            for task, sample in own.items()
        }
        skills = [
            _skill(of_sample(own[task]), anchors[task])
            for task in tasks
            if task in own.keys() & anchors.keys()
        ]
        skill = Estimate.over(skills).interval() if skills else None
        rows.append(_row(weighter, own, cells, skill, costs.get(weighter), places.get(weighter)))
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


def _skill(score: Estimate, anchor: Anchor) -> Estimate:
    return score.less(anchor.lower).times(1 / anchor.gap)


def _cell(
    sample: Sample, anchor: Anchor | None, plain: Sample | None, others: Mapping[str, Sample]
) -> Cell:
    """A weighter on a task, beside plain training there, and in its other metrics."""
    score, exact = of_sample(sample), sample.metric == "accuracy"
    rows = dataclasses.replace(sample, score=sample.accuracy, metric="accuracy")
    return Cell(
        accuracy=_interval(score if exact else of_sample(rows), "accuracy"),
        skill=_skill(score, anchor).interval() if anchor else None,
        seeds=len(sample.seeds),
        failures=int(sample.failed.sum()),
        score=_interval(score, sample.metric),
        metric=sample.metric,
        metrics={name: _interval(of_sample(found), name) for name, found in others.items()},
        by_class=by_class(sample.records),
        gain=_gain(sample, plain) if plain else None,
    )


def _interval(score: Estimate, metric: str) -> Interval:
    """Of a score; no share of rows is below 0 or above 1. Of a single seed it stays open."""
    found = score.interval()
    if not METRICS[metric].skill or not found.is_known:
        return found
    return Interval(found.mean, max(found.low, 0.0), min(found.high, 1.0))


def _gain(sample: Sample, plain: Sample) -> Interval:
    better = of_pair(sample, plain).times(1 if METRICS[sample.metric].higher else -1)
    return better.interval()


def _row(
    weighter: str,
    own: Mapping[str, Sample],
    cells: Mapping[str, Cell],
    skill: Interval | None,
    cost: CostRatios | None,
    standing: Standing | None,
) -> Row:
    trained = [r.training for sample in own.values() for r in sample.records if r.training]
    return Row(
        weighter=weighter,
        privileged=any(sample.records[0].trial.privileged for sample in own.values()),
        used_holdout=any(training.used_holdout for training in trained),
        track=max((training.track for training in trained), default=None),
        rank=standing.first if standing else None,
        rank_last=standing.last if standing else None,
        ties=standing.ties if standing else (),
        skill=skill,
        cells=cells,
        cost=cost,
    )


def _privileged(by_name: Samples, weighter: str) -> bool:
    return any(s.records[0].trial.privileged for (_, w), s in by_name.items() if w == weighter)
