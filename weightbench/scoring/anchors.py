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
from weightbench.registry import LOWER_ANCHOR, UPPER_ANCHOR
from weightbench.registry.metrics import METRICS
from weightbench.scoring.results import Samples, Vector, chances, choose, samples

LEAST_GAP = 0.03  # between the anchors, for a task to tell anything
LEAST_GAP_ERRORS = 5
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
    """

    fingerprint: Hex
    lower: Share
    upper: Share
    chance: Share
    seeds: Count
    error: float
    metric: Name = "accuracy"

    def as_fields(self) -> dict[str, Any]:
        """As it is written down; a metric that is accuracy goes without saying."""
        return self.model_dump(exclude={"metric"} if self.metric == "accuracy" else None)

    def skill(self, score: Vector) -> Vector:
        """(score - uniform) / (oracle - uniform)."""
        return (score - self.lower) / (self.upper - self.lower)

    @property
    def gap(self) -> float:
        """Score of oracle less that of uniform."""
        return self.upper - self.lower

    @property
    def is_informative(self) -> bool:
        """Whether the gap is wide enough, and known well enough, for skill to mean something."""
        return self.gap >= LEAST_GAP and self.gap >= LEAST_GAP_ERRORS * self.error


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

    A task is admitted when its gap is at least 3 points and 5 standard errors.
    """
    kept = choose(records).kept
    chance = chances(kept)
    found = own_anchors(samples(kept, chance), chance)
    tasks = sorted({r.trial.task for r in kept})
    refused = [
        f"{task}: left out, {describe(found[task]) if task in found else 'oracle is not above'}"
        for task in tasks
        if task not in found or not found[task].is_informative
    ]
    admitted = {task: found[task] for task in tasks if task in found and found[task].is_informative}
    tasks_as_text = {task: anchor.as_fields() for task, anchor in admitted.items()}
    text = json.dumps({"schema_version": 1, "tasks": tasks_as_text}, indent=1)
    return text + "\n", refused


def informative(anchors: Mapping[str, Anchor]) -> dict[str, Anchor]:
    """Those that are informative; all where none is, for skill that says little beats none."""
    return {task: anchor for task, anchor in anchors.items() if anchor.is_informative} or dict(
        anchors
    )


def describe(anchor: Anchor) -> str:
    """How far apart the anchors are, in words."""
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
