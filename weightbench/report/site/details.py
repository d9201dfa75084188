"""What opens on demand: seeds, curves, weights, costs and comparisons, as compact JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from weightbench.records.schema import Record, Training, WeightSummary
from weightbench.registry import LOWER_ANCHOR
from weightbench.report.cards import Card
from weightbench.report.looks import look_of
from weightbench.report.site.columns import metric_words
from weightbench.report.site.index import PageIndex
from weightbench.report.site.numbers import is_share, ratio
from weightbench.report.site.parts import first_sentence, wrapped
from weightbench.report.titles import task_title, upper_words
from weightbench.scoring import Board, Cell, CostRatios, Interval
from weightbench.scoring.metrics import value
from weightbench.texts import plain

_POINTS = 16  # of a curve that is kept
Fields = dict[str, Any]


def details(boards: Sequence[Board], index: PageIndex) -> Markup:
    """A JSON text that may stand in a ``script`` element whatever names are in it."""
    content = {
        "plain": index.weighters.get(LOWER_ANCHOR),
        "tasks": [_task(task, index) for task in index.tasks],
        "weighters": [_weighter(name, index.cards.get(name)) for name in index.weighters],
        "cells": {
            f"{index.weighters[weighter]}.{index.tasks[task]}": _cell(
                cell, index.records(task, weighter)
            )
            for task, weighter, cell in index.cells()
        },
        "boards": [_board(board, index) for board in boards],
    }
    text = json.dumps(content, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    for character in "<>&\u2028\u2029":  # no tag, no comment, no end of a line can come of it
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _task(task: str, index: PageIndex) -> Fields:
    words, detail = task_title(task)
    anchor = index.anchor(task)
    fields: Fields = {"name": plain(task), "words": plain(words), "detail": plain(detail)}
    if anchor:
        fields |= {"plain": _short(anchor.lower), "oracle": _short(anchor.upper)}
        fields["one"] = upper_words(task)
    return fields


def _weighter(name: str, card: Card | None) -> Fields:
    look = look_of(name)
    fields: Fields = {"name": plain(name), "colour": look.colour, "dark": look.dark}
    if card:
        fields["about"] = plain(first_sentence(card.about))
        fields |= {
            key: plain(card.facts[key]) for key in ("source", "paper", "code") if key in card.facts
        }
    if suffixes := wrapped(name):
        fields["suffixes"] = [[plain(suffix), plain(what)] for suffix, what in suffixes]
    return fields


def _cell(cell: Cell, records: Sequence[Record]) -> Fields:
    trained = [record.training for record in records if record.training]
    fields: Fields = {
        "metric": metric_words(cell.metric),
        "share": int(is_share(cell.metric)),
        "score": _interval(cell.score),
        "seeds": [record.trial.seed for record in records],
        "values": [_value(cell.metric, record.training) for record in records],
        "keys": [record.trial.key for record in records],
    }
    fields |= {"skill": _interval(cell.skill)} if cell.skill else {}
    fields |= {"gain": _interval(cell.gain)} if cell.gain else {}
    fields |= {"curve": _curve(trained), "weights": _weights(trained)}
    failed = [[r.trial.seed, r.status, plain(r.reason)] for r in records if not r.training]
    fields |= {"failed": failed}
    return {name: content for name, content in fields.items() if content != [] and content != {}}


def _value(metric: str, training: Training | None) -> float | None:
    found = value(metric, training) if training and metric != "harm" else None
    return None if found is None else _short(found)


def _curve(trained: Sequence[Training]) -> list[list[int]]:
    """Steps, and accuracy on the select split in thousandths, mean over seeds."""
    if not trained or not trained[0].select_curve:
        return []
    steps = [step for step, _ in trained[0].select_curve]
    same = [t.select_curve for t in trained if [step for step, _ in t.select_curve] == steps]
    means = np.array([[a for _, a in curve] for curve in same]).mean(axis=0)
    every = -(-len(steps) // _POINTS)
    kept = range(len(steps) - 1, -1, -every)
    return [[steps[i] for i in reversed(kept)], [round(1000 * means[i]) for i in reversed(kept)]]


def _weights(trained: Sequence[Training]) -> Fields:
    """What the last whole epoch's weights were like, means over seeds."""
    last = [t.weights for t in trained if t.weights]
    if not last:
        return {}
    found: Fields = {
        "effective": _mean([summary.effective for summary in last]),
        "zero": _mean([summary.zero for summary in last]),
        "classes": _by_class(last),
    }
    separations = [summary.auroc for summary in last if summary.auroc is not None]
    return found | ({"auroc": _mean(separations)} if separations else {})


def _by_class(last: Sequence[WeightSummary]) -> list[float | None]:
    """Mean weight of each given class; nothing where all count alike."""
    count = min(len(summary.by_class) for summary in last)
    columns = [[s.by_class[k] for s in last if s.by_class[k] is not None] for k in range(count)]
    found = [_mean([x for x in column if x is not None]) if column else None for column in columns]
    return [] if all(mean is None or abs(mean - 1) < 0.02 for mean in found) else found


def _board(board: Board, index: PageIndex) -> Fields:
    """Rows by their numbers on the page, and what compares them."""
    number = index.weighters
    return {
        "suite": plain(board.title),
        "tasks": [index.tasks[task] for task in board.tasks],
        "places": {number[r.weighter]: [r.rank, r.rank_last] for r in board.rows if r.rank},
        "skills": {number[r.weighter]: _interval(r.skill) for r in board.rows if r.skill},
        "costs": {number[r.weighter]: _cost(r.cost) for r in board.rows if r.cost},
        "duels": [
            [number[d.one], number[d.other], *_interval(d.difference), float(f"{d.holm:.2g}")]
            for d in board.duels
        ],
        "submitted": [number[name] for name in board.badges if name in number],
    }


def _cost(cost: CostRatios) -> Fields:
    """Ratios as numbers, and as they are printed everywhere."""
    time = [cost.time, cost.time_low, cost.time_high]
    found: Fields = {
        "memory": _short(cost.memory),
        "said": [ratio(cost.flops), "", ratio(cost.memory)],
    }
    if cost.flops is not None:
        found["flops"] = _short(cost.flops)
    if cost.time_known:
        found["time"] = _short(cost.time)
        found["said"][1] = f"{ratio(time[0])} [{ratio(time[1])}, {ratio(time[2])}]"
    return found


def _interval(interval: Interval) -> list[float | None]:
    """Mean, low and high; of a single seed the ends are nothing, as JSON knows no infinity."""
    ends = [interval.low, interval.high] if interval.is_known else [None, None]
    return [_short(interval.mean), *(None if end is None else _short(end) for end in ends)]


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 3)


def _short(value: float) -> float:
    return float(f"{value:.6g}")
