"""What skill is measured between: the scores of uniform (0) and of oracle (1) on a task."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError

from weightbench.errors import RecordError
from weightbench.records.fields import Count, Hex, Name, Share
from weightbench.records.schema import Record
from weightbench.records.strict import StrictModel, first_mistake
from weightbench.registry import CLEAN_BASELINE, LOWER_ANCHOR, UPPER_ANCHOR
from weightbench.registry.metrics import METRICS
from weightbench.scoring.results import Samples, Vector, chances, choose, samples

LEAST_GAP = 0.03  # between the anchors, for a task to tell anything
LEAST_GAP_ERRORS = 5
MOST_CLEAN = 0.5  # of the gap, that training on the hold-out alone may close
_ANY_GAP = 1e-9  # accuracies are shares of a test split; a skill beyond it could not be drawn


class Anchor(StrictModel):
    """The anchors of one version of one task.

    Attributes:
        fingerprint: of the task's definition; frozen anchors hold for no other.
        lower: mean score of uniform.
        upper: mean score of oracle.
        chance: score of guessing, which a failed trial scores.
        seeds: that both were trained on.
        error: standard error of the gap, over seeds.
        metric: that all of this is in.
        clean: mean score of training on the hold-out alone; None where it was not asked for.
    """

    fingerprint: Hex
    lower: Share
    upper: Share
    chance: Share
    seeds: Count
    error: float
    metric: Name = "accuracy"
    clean: Share | None = None

    def as_fields(self) -> dict[str, Any]:
        """As it is written down; a metric that is accuracy goes without saying."""
        unsaid = {"metric"} if self.metric == "accuracy" else set()
        return self.model_dump(exclude=unsaid, exclude_none=True)

    def skill(self, score: Vector) -> Vector:
        """(score - uniform) / (oracle - uniform)."""
        return (score - self.lower) / (self.upper - self.lower)

    @property
    def gap(self) -> float:
        """Score of oracle less that of uniform."""
        return self.upper - self.lower

    @property
    def is_wide(self) -> bool:
        """Whether the gap is wide enough, and known well enough, for skill to mean something."""
        return self.gap >= LEAST_GAP and self.gap >= LEAST_GAP_ERRORS * self.error

    @property
    def is_informative(self) -> bool:
        """Whether it is wide, and more than what ignoring the noisy data closes."""
        closed = 0.0 if self.clean is None else float(self.skill(np.array(self.clean)))
        return self.is_wide and closed <= MOST_CLEAN


class _File(StrictModel):
    schema_version: Literal[1] = 1
    tasks: dict[str, Anchor]


def own_anchors(by_name: Samples, chance: Mapping[str, float]) -> dict[str, Anchor]:
    """Anchors from the runs themselves, by task; none where oracle is not above uniform."""
    tasks = dict.fromkeys(task for task, _ in by_name)
    found = {task: _anchor(by_name, task, chance.get(task, 0.0)) for task in tasks}
    return {task: anchor for task, anchor in found.items() if anchor}


def _anchor(by_name: Samples, task: str, chance: float) -> Anchor | None:
    lower, upper = by_name.get((task, LOWER_ANCHOR)), by_name.get((task, UPPER_ANCHOR))
    if lower is None or upper is None or lower.failed.all() or upper.failed.all():
        return None
    if not METRICS[lower.metric].skill:
        return None
    low = {s: a for s, a, f in zip(lower.seeds, lower.score, lower.failed, strict=True) if not f}
    up = {s: a for s, a, f in zip(upper.seeds, upper.score, upper.failed, strict=True) if not f}
    gaps = [up[seed] - low[seed] for seed in low if seed in up]
    anchor = Anchor(
        fingerprint=lower.records[0].trial.fingerprint,
        lower=float(np.mean(list(low.values()))),
        upper=float(np.mean(list(up.values()))),
        chance=chance,
        seeds=len(gaps),
        error=float(np.std(gaps, ddof=1) / np.sqrt(len(gaps))) if len(gaps) > 1 else 0.0,
        metric=lower.metric,
    )
    return anchor if anchor.gap > _ANY_GAP else None


def freeze(records: Iterable[Record]) -> tuple[str, list[str]]:
    """The text of an anchors file made from raw records, and the tasks left out, with the reason.

    A task is admitted when its gap is at least 3 points and 5 standard errors. One where training
    on the hold-out alone closes more than half of it is written down, so that a board knows it, and
    does not count for skill.
    """
    kept = choose(records).kept
    chance = chances(kept)
    by_name = samples(kept, chance)
    found = own_anchors(by_name, chance)
    for task, anchor in found.items():
        if clean := by_name.get((task, CLEAN_BASELINE)):
            score = float(clean.score.mean())
            found[task] = anchor.model_copy(update={"clean": score})
    tasks = sorted({r.trial.task for r in kept})
    refused = [
        f"{task}: {_left_out(found.get(task))}"
        for task in tasks
        if task not in found or not found[task].is_informative
    ]
    admitted = {task: found[task] for task in tasks if task in found and found[task].is_wide}
    tasks_as_text = {task: anchor.as_fields() for task, anchor in admitted.items()}
    text = json.dumps({"schema_version": 1, "tasks": tasks_as_text}, indent=1)
    return text + "\n", refused


def informative(anchors: Mapping[str, Anchor]) -> dict[str, Anchor]:
    """Those that are informative; all where none is, for skill that says little beats none."""
    return {task: anchor for task, anchor in anchors.items() if anchor.is_informative} or dict(
        anchors
    )


def _left_out(anchor: Anchor | None) -> str:
    if anchor is None:
        return "left out, oracle is not above"
    return f"{'does not count' if anchor.is_wide else 'left out'}, {describe(anchor)}"


def describe(anchor: Anchor) -> str:
    """Why it is not informative, in words."""
    if anchor.is_wide and anchor.clean is not None:
        closed = float(anchor.skill(np.array(anchor.clean)))
        return f"training on the hold-out alone closes {closed:.0%} of the gap"
    return f"the anchors are only {anchor.gap:.3f} +- {anchor.error:.3f} apart"


def read_anchors(path: Path) -> dict[str, Anchor]:
    """Frozen anchors by task.

    Raises:
        RecordError: the file cannot be read or holds something else.
    """
    try:
        return _File.model_validate_json(path.read_bytes()).tasks
    except OSError as error:
        raise RecordError(f"{path} holds no anchors: {error}") from error
    except ValidationError as error:
        raise RecordError(f"{path} holds no anchors: {first_mistake(error)}") from error


def published_anchors() -> dict[str, Anchor]:
    """The anchors that come with the package; none where nothing was published yet."""
    file = importlib.resources.files("weightbench.leaderboard") / "anchors.json"
    with importlib.resources.as_file(file) as path:
        return read_anchors(path) if path.exists() else {}
