"""Records as trials would leave them, with accuracies chosen by the test."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from weightbench.records.measures import log_probabilities
from weightbench.records.predictions import Predictions, Rows, checksum
from weightbench.records.schema import Cost, Provenance, Record, Status, Training, Trial
from weightbench.records.scores import Calibration, Detection, Scores, Tally

MADE = Provenance(
    packages={"python": "3.11"}, commit=None, dirty=False, machine="generated", threads=1
)
TASK = "digits-uniform-flip-v0"
Accuracies = Mapping[str, Mapping[str, Sequence[float]]]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def trial(task: str = TASK, weighter: str = "uniform", seed: int = 0, **changes: Any) -> Trial:
    fields = {
        "task": task,
        "fingerprint": digest(task),
        "weighter": weighter,
        "source": digest(weighter),
        "privileged": weighter == "oracle",
        "seed": seed,
        "device": "cpu",
    }
    return Trial(**{**fields, **changes})


def training(accuracy: float, **changes: Any) -> Training:
    fields: dict[str, Any] = {
        "accuracy": accuracy,
        "selected_accuracy": accuracy,
        "chance": 0.1,
        "realised_noise": 0.4,
        "sizes": {"train": 1000, "holdout": 30, "select": 200, "test": 500},
        "checksums": dict.fromkeys(("data", "corruption", "splits"), digest("data")),
        "used_holdout": False,
        "steps": 400,
        "step_work": None,
        "side_work": 0.0,
        "track": "B" if changes.get("used_holdout") else "A",
        "phases": {"train": 1.0},
        "select_curve": [(200, accuracy / 2), (400, accuracy)],
        "predictions": digest("predictions"),
    }
    return Training(**{**fields, **changes})


def record(
    task: str,
    weighter: str,
    seed: int,
    accuracy: float | None,
    *,
    status: Status = "error",
    finished: str = "2026-01-01T00:00:00+00:00",
    trial_changes: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Record:
    """A record; ``accuracy=None`` makes it a failure of kind ``status``."""
    whole = trial(task, weighter, seed, **(trial_changes or {}))
    if accuracy is None:
        return Record(
            trial=whole, status=status, reason="it failed", provenance=MADE, finished=finished
        )
    trained = training(accuracy, **changes)
    return Record(trial=whole, status="ok", training=trained, provenance=MADE, finished=finished)


def predictions(seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    return {"last": rng.integers(0, 10, 50), "selected": rng.integers(0, 10, 50)}


def finished(seed: int = 0, weighter: str = "uniform") -> Record:
    """A finished trial whose predictions are ``predictions(seed)``."""
    return record(TASK, weighter, seed, 0.75, predictions=checksum(predictions(seed)))


def failure(seed: int = 0, status: Status = "diverged") -> Record:
    return record(TASK, "uniform", seed, None, status=status)


def records(accuracies: Accuracies) -> list[Record]:
    """One record for each number in ``{task: {weighter: [accuracy of seed 0, 1, ...]}}``."""
    return [
        record(task, weighter, seed, float(accuracy))
        for task, weighters in accuracies.items()
        for weighter, values in weighters.items()
        for seed, accuracy in enumerate(values)
    ]


def cost(
    task: str = TASK, weighter: str = "uniform", time_ratio: float = 1.5, **changes: Any
) -> Cost:
    fields: dict[str, Any] = {
        "trial": trial(task, weighter),
        "time_ratio": time_ratio,
        "time_low": time_ratio,
        "time_high": time_ratio,
        "step_seconds": 0.001,
        "flop_ratio": time_ratio,
        "memory_ratio": 1.0,
        "provenance": MADE,
    }
    return Cost(**{**fields, **changes})


def spread(mean: float, seeds: int, seed: int, deviation: float = 0.01) -> list[float]:
    """Accuracies of ``seeds`` seeds around ``mean``."""
    rng = np.random.default_rng(seed)
    return [float(v) for v in np.clip(mean + deviation * rng.standard_normal(seeds), 0, 1)]


def anchored(seeds: int = 8, tasks: Sequence[str] = ("a-v0", "b-v0")) -> dict[str, dict[str, Any]]:
    """Tasks with both anchors at about .6 and .9."""
    return {
        task: {
            "uniform": spread(0.6, seeds, 2 * i),
            "oracle": spread(0.9, seeds, 2 * i + 1),
        }
        for i, task in enumerate(tasks)
    }


def scores(
    tallies: Sequence[Tally] = ((0, None, 500, 250, 200), (1, None, 500, 250, 175)),
    **changes: Any,
) -> Scores:
    """Of two classes of 250 test rows each, 80 and 70 % of them right, unless told otherwise."""
    calibration = Calibration(nll=0.9, brier=0.4, ece=0.1, confidence=0.85)
    fields: dict[str, Any] = {
        "tallies": list(tallies),
        "plain": calibration,
        "temperature": 1.5,
        "scaled": calibration.model_copy(update={"nll": 0.7, "ece": 0.05}),
        "weight": Detection(auroc=0.8, average_precision=0.9, by_class=[(0.8, 0.9), None]),
        "margin": Detection(auroc=0.9, average_precision=0.95, by_class=[(0.9, 0.95), None]),
        "rows": digest("rows"),
    }
    return Scores(**{**fields, **changes})


def rows(n: int = 50, seed: int = 0, grouped: bool = False) -> Rows:
    """Of random outputs for ten classes."""
    rng = np.random.default_rng(seed)
    log_p = log_probabilities(3 * rng.standard_normal((n, 10)))
    assert log_p is not None
    groups = rng.integers(0, 3, n) if grouped else None
    return Rows.of(log_p, rng.integers(0, 10, n), groups)
