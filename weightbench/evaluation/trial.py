"""One (task, weighter, seed) in, one record out, whatever happens in between."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from weightbench.data import SPLITS
from weightbench.errors import BadSpec, Diverged, WeightbenchError, describe_error
from weightbench.evaluation.last_network import score
from weightbench.evaluation.provenance import provenance, utc_now
from weightbench.records.predictions import Predictions, Rows, checksum
from weightbench.records.schema import Record, Status, Training, Trial
from weightbench.records.scores import Scores
from weightbench.records.weights import Weights, summarise
from weightbench.registry import UPPER_ANCHOR
from weightbench.training.best_on_select import BestOnSelect
from weightbench.training.checkpoint import Checkpoint
from weightbench.training.replay import stepper_on
from weightbench.training.start import start
from weightbench.training.task import Task, make_task
from weightbench.training.trainer import Trainer
from weightbench.training.watcher import Watcher
from weightbench.training.weight_log import EpochWeights, WeightLog
from weightbench.training.weighter import digest_of, make_weighter, spec_of

_REASON_LENGTH = 500
# How errors of no type of their own say it: torch's on a CPU, CUDA's, those of its libraries.
_OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "_ALLOC_FAILED")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A record, and the predictions, final weights and test rows to be kept beside it."""

    record: Record
    predictions: Predictions | None = None
    weights: Weights | None = None
    rows: Rows | None = None


def plan(
    tasks: Iterable[str], weighters: Iterable[str], seeds: Sequence[int], device: str
) -> list[Trial]:
    """The trials of weighters on tasks, task by task, with specs in their canonical form.

    A task whose true labels nobody knows has no upper anchor.

    Raises:
        BadSpec: one cannot be read or does not exist.
        DataUnavailable: the data set of a task is not at hand.
    """
    made = [make_task(task) for task in tasks]  # together, so that each data set is read once
    rules = [(rule, digest_of(rule)) for rule in map(make_weighter, weighters)]
    return [
        Trial(
            task=task.name,
            fingerprint=fingerprint,
            weighter=str(spec_of(rule)),
            source=source,
            privileged=rule.privileged,
            seed=seed,
            device=device,
        )
        for task, fingerprint in zip(made, map(_fingerprint, made), strict=True)
        for rule, source in rules
        if task.data.truth_known or str(spec_of(rule)) != UPPER_ANCHOR
        for seed in seeds
    ]


def _fingerprint(task: Task) -> str:
    try:
        return task.fingerprint
    except WeightbenchError:
        raise
    except Exception as error:
        raise BadSpec(f"{task.name} cannot be made: {describe_error(error)}") from error


def run_trial(trial: Trial, unfinished: Path | None = None) -> Outcome:
    """Train and test; a failure of any kind becomes a record too.

    Args:
        trial: what to run.
        unfinished: a folder to leave the state of the training in, and to go on from; a state with
            which the trial fails is set aside, and the trial starts again.
    """
    checkpoint = None if unfinished is None else Checkpoint(unfinished / f"{trial.key}.pt")
    outcome = _whatever_happens(trial, checkpoint)
    if checkpoint and checkpoint.went_on and outcome.record.status != "ok":
        # It may be the state that was wrong, and would be for ever.
        checkpoint.set_aside()
        outcome = _whatever_happens(trial, checkpoint)
    return outcome


def _whatever_happens(trial: Trial, checkpoint: Checkpoint | None) -> Outcome:
    try:
        return _run(trial, checkpoint)
    except Diverged as error:
        return failed(trial, "diverged", str(error))
    except (MemoryError, torch.OutOfMemoryError) as error:
        return failed(trial, "oom", f"out of memory: {str(error) or type(error).__name__}")
    except (Exception, SystemExit) as error:
        if any(sign in str(error) for sign in _OUT_OF_MEMORY):
            return failed(trial, "oom", describe_error(error))
        return failed(trial, "error", describe_error(error))


def failed(trial: Trial, status: Status, reason: str) -> Outcome:
    """The record of a trial that gave no number."""
    line = " ".join(reason.split())[:_REASON_LENGTH] or status
    return Outcome(
        Record(
            trial=trial,
            status=status,
            reason=line,
            provenance=provenance(trial.device),
            finished=utc_now(),
        )
    )


def _run(trial: Trial, checkpoint: Checkpoint | None) -> Outcome:
    task, weighter = make_task(trial.task), make_weighter(trial.weighter)
    if task.fingerprint != trial.fingerprint or digest_of(weighter) != trial.source:
        raise BadSpec(
            "the source changed after the evaluation had started, or is another version on this "
            "machine; start it again"
        )
    if weighter.privileged != trial.privileged:
        raise BadSpec("it declares privileged at one time and not at another")
    if trial.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    log = WeightLog()
    watchers: list[Watcher] = [log, BestOnSelect(), *([checkpoint] if checkpoint else [])]
    run = start(
        task, trial.seed, weighter, trial.device,
        watchers=watchers, stepper=stepper_on(trial.device),
    )  # fmt: skip
    run.train()
    outputs = run.outputs("test")
    predictions: Predictions = {
        "last": outputs.argmax(1).cpu().numpy(),
        "selected": run.test_predictions(selected=True).cpu().numpy(),
    }
    weights = weights_of(log, run)
    scores, rows = score(run, outputs.cpu().numpy(), predictions["last"], weights)
    record = Record(
        trial=trial,
        status="ok",
        training=_training(run, predictions, weights, scores),
        provenance=provenance(trial.device),
        finished=utc_now(),
    )
    return Outcome(record, predictions, weights, rows)


def weights_of(log: WeightLog, run: Trainer) -> Weights | None:
    """Those of the last whole epoch, of the steps so far where none was whole; None of none."""
    epochs = [(epoch.step, _in_units_of_the_mean(epoch)) for epoch in log.epochs()]
    history = tuple(summarise(weights, step) for step, weights in epochs)
    if epochs:
        last = epochs[-1][1]
    elif unfinished := log.unfinished():
        last = _in_units_of_the_mean(unfinished)
    else:
        return None
    rows, ids = run.splits.train, run.task.data.ids
    named = None if ids is None else ids[rows]
    return dataclasses.replace(last, history=history, index=rows, ids=named)


def _in_units_of_the_mean(epoch: EpochWeights) -> Weights:
    weight = epoch.weight.cpu().numpy()
    mean = np.nanmean(weight)
    return Weights(
        weight / mean if mean > 0 else weight,
        epoch.given.cpu().numpy(),
        None if epoch.right is None else epoch.right.cpu().numpy(),
    )


def _training(
    run: Trainer, predictions: Predictions, weights: Weights | None, scores: Scores
) -> Training:
    splits, data = run.splits, run.task.data
    truth = data.labels[splits.test]
    return Training(
        accuracy=float((predictions["last"] == truth).mean()),
        selected_accuracy=float((predictions["selected"] == truth).mean()),
        chance=1 / data.num_classes,
        realised_noise=splits.corrupted.rate if data.truth_known else None,
        sizes={part: len(getattr(splits, part)) for part in SPLITS},
        checksums={
            "data": data.sha256,
            "corruption": splits.corrupted.sha256,
            "splits": splits.sha256,
        },
        used_holdout=run.used_holdout,
        steps=run.steps_taken,
        step_work=run.step_work,
        side_work=run.side_work,
        track=run.track,
        phases=run.phases,
        select_curve=run.select_accuracy,
        predictions=checksum(predictions),
        weights=weights.history[-1] if weights and weights.history else None,
        peak_bytes=torch.cuda.max_memory_allocated() if run.device.type == "cuda" else None,
        scores=scores,
    )
