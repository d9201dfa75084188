"""Training some trials of a submission again. The only place where a contributor's code runs."""

from __future__ import annotations

import os
import random
import statistics
import tempfile
from pathlib import Path

import numpy as np

from weightbench.evaluation.trial import Outcome, failed, run_trial
from weightbench.execution import Executor
from weightbench.records.schema import Record, Status, Trial
from weightbench.records.store import Predictions
from weightbench.scoring import published_anchors
from weightbench.submission.manifest import Rerun
from weightbench.submission.reading import Submission
from weightbench.submission.safe import refuse

_WIDEST = 0.02  # standard deviation; a submission of wild accuracies earns no wider tolerance
_DEVIATIONS = 3
Job = tuple[Trial, str]


def train_again(submission: Submission, k: int, executor: Executor) -> list[Rerun]:
    """Train ``k`` trials, drawn where nobody can foresee them, and compare.

    On the machine they were made on, predictions come out the same. Elsewhere rounding differs, and
    the accuracy may differ by 3 standard deviations of the task's noise: that of the published
    anchors' gap over seeds, or where there are none, of the submission's own accuracies.

    Raises:
        SubmissionError: one cannot be trained, or comes out differently beyond that.
    """
    trained = [record for record in submission.records if record.training]
    chosen = random.SystemRandom().sample(trained, min(k, len(trained)))
    by_key = {record.trial.key: record for record in chosen}
    name = submission.manifest.weighter.partition(":")[0]
    with tempfile.TemporaryDirectory(prefix="weightbench-") as folder:
        (Path(folder) / name).write_bytes(submission.source)
        jobs: list[Job] = [(record.trial, folder) for record in chosen]
        done = executor.run(jobs, _again, _lost)
        found = [_compared(submission, by_key[trial.key], outcome) for (trial, _), outcome in done]
    return sorted(found, key=lambda rerun: (rerun.task, rerun.seed))


def _again(job: Job) -> Outcome:
    trial, folder = job
    os.chdir(folder)  # the spec names the file without a folder, and seeds the weighter's stream
    _silence()
    return run_trial(trial)


def _silence() -> None:
    """What the source prints goes nowhere: it could steer the terminal of whoever verifies."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


def _lost(job: Job, status: Status, reason: str) -> Outcome:
    return failed(job[0], status, reason)


def _compared(submission: Submission, record: Record, outcome: Outcome) -> Rerun:
    trial, again, was = record.trial, outcome.record.training, record.training
    where = f"{trial.task}, seed {trial.seed}"
    if again is None or outcome.predictions is None or was is None:
        refuse(f"{where} could not be trained again: {outcome.record.reason}")
    for name in ("used_holdout", "steps", "side_steps"):
        told, found = getattr(was, name), getattr(again, name)
        if told != found:
            refuse(f"{where}: the record says {name} {told}; trained again it is {found}")
    tolerance, noise = _tolerance(submission, record)
    identical = _same(submission.predictions[trial.key], outcome.predictions)
    if not identical and abs(again.accuracy - was.accuracy) > tolerance:
        refuse(
            f"{where}: submitted accuracy {was.accuracy:.4f}, trained again {again.accuracy:.4f}; "
            f"noise allows for {tolerance:.4f} ({noise})"
        )
    return Rerun(
        task=trial.task, seed=trial.seed, submitted=was.accuracy, again=again.accuracy,
        identical=identical, tolerance=tolerance, noise=noise,
    )  # fmt: skip


def _same(one: Predictions, other: Predictions) -> bool:
    return all(np.array_equal(one[kind], other[kind]) for kind in one)


def _tolerance(submission: Submission, record: Record) -> tuple[float, str]:
    """By how much an accuracy may differ, and what that was measured from."""
    assert record.training is not None
    task = record.trial.task
    anchor = published_anchors().get(task)
    if anchor and anchor.error:
        deviation = anchor.error * float(np.sqrt(anchor.seeds))
        noise = f"standard deviation of the published anchors' gap over {anchor.seeds} seeds"
    else:
        own = [
            r.training.accuracy for r in submission.records if r.training and r.trial.task == task
        ]
        deviation = min(statistics.stdev(own), _WIDEST) if len(own) > 1 else 0.0
        noise = f"standard deviation of its own accuracies over {len(own)} seeds"
    one_example = 1 / max(record.training.sizes["test"], 1)
    return max(_DEVIATIONS * deviation, one_example), noise
