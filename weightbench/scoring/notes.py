"""What a reader of a board must know beside its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weightbench._version import ENGINE
from weightbench.registry import LOWER_ANCHOR, UPPER_ANCHOR
from weightbench.registry.metrics import METRICS
from weightbench.scoring.anchors import Anchor, describe, informative
from weightbench.scoring.entries import Duel, Interval, Row
from weightbench.scoring.results import Samples


def notes_of(
    by_name: Samples,
    tasks: Sequence[str],
    known: Mapping[str, Anchor],
    metric: str | None,
    rows: Sequence[Row],
    fought: Sequence[Duel],
) -> list[str]:
    """What a reader must know of tasks, seeds, gaps, failures and times.

    Args:
        by_name: what was scored.
        tasks: of the board.
        known: all anchors, of tasks that count and of others.
        metric: that was asked for.
        rows: of the board.
        fought: all pairs of ranked rows.
    """
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
        _about_seeds(by_name),
        _about_pairs(rows, fought),
        _about_gaps(by_name, anchors),
        _about_failures(by_name),
        _about_times(rows),
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


def _about_seeds(by_name: Samples) -> str | None:
    """Whether anything is known of how much seeds differ."""
    if all(len(sample.seeds) > 1 for sample in by_name.values()):
        return None
    return "a single seed somewhere: no interval and no place, which take two on every task"


def _about_pairs(rows: Sequence[Row], fought: Sequence[Duel]) -> str | None:
    """Which pairs look told apart, by their bars or by their difference alone, and are not."""
    bars = {row.weighter: row.skill for row in rows}
    apart = [
        duel
        for duel in fought
        if not duel.is_told
        and (duel.difference.excludes_zero or _disjoint(bars[duel.one], bars[duel.other]))
    ]
    if not apart:
        return None
    several = len(apart) > 1
    furthest = max(apart, key=lambda duel: abs(duel.difference.mean))
    pairs = f"{len(apart)} pairs, each of which would be" if several else "a pair that would be"
    return (
        f"not told apart: {pairs} by itself, for all {len(fought)} pairs are tested at once "
        f"(Holm); {'the furthest are ' * several}{furthest.one} and {furthest.other}, "
        f"{furthest.difference}, p {furthest.p:.2g} alone and {furthest.holm:.2g} among all"
    )


def _disjoint(one: Interval | None, other: Interval | None) -> bool:
    return bool(one and other and (one.low > other.high or other.low > one.high))


def _about_times(rows: Sequence[Row]) -> str | None:
    """Whose time is not known, though it was measured."""
    unknown = [row.weighter for row in rows if row.cost and not row.cost.time_known]
    if not unknown:
        return None
    return (
        f"no time for {', '.join(unknown)}: its interval is wider than a fifth, as on a busy "
        "machine or where steps differ; FLOPs are counted"
    )


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
