"""Is a submission true? Held against the suite, the tasks and their test labels as they are here.

What the contributor wrote is compared, never run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from weightbench.errors import BadSpec, DataUnavailable
from weightbench.identity import checksum_of_text
from weightbench.records.measures import tallies
from weightbench.records.predictions import Predictions
from weightbench.records.schema import Record
from weightbench.records.scores import Tally
from weightbench.registry import SUITES, WRAPPERS
from weightbench.scoring import Anchor, published_anchors
from weightbench.spec import parse_spec
from weightbench.submission.manifest import SOURCE, Manifest
from weightbench.submission.reading import Submission
from weightbench.submission.safe import refuse
from weightbench.training.splits import Splits
from weightbench.training.task import Task, make_task


def examine(submission: Submission) -> list[str]:
    """Compare a submission with its suite and re-score it from its predictions.

    Returns:
        The tasks that could not be re-scored here, each with the reason; empty if all were.

    Raises:
        SubmissionError: it is incomplete, was made for other versions of tasks, or its numbers are
            not those of its predictions.
    """
    manifest = submission.manifest
    if not any(record.training for record in submission.records):
        refuse("every trial failed; there is nothing to show")
    _check_source(submission)
    tasks = _tasks(manifest)
    _check_complete(submission, tasks)
    _check_versions(submission, tasks, published_anchors())
    missing = []
    for name, task in tasks.items():
        try:
            load = task.data
        except DataUnavailable as error:
            missing.append(f"{name} was not re-scored: {error}")
            continue
        if load.sha256 != manifest.tasks[name].data:
            refuse(f"{name}: the manifest's checksum of the data is not that of the task's data")
        for record in submission.records:
            if record.trial.task == name and record.training:
                _rescore(record, submission.predictions[record.trial.key], task)
    return missing


def _check_source(submission: Submission) -> None:
    """That weighter.txt is what the records were made with; it is parsed and never run."""
    spec = parse_spec(submission.manifest.weighter)
    name = spec.name.rpartition(":")[2]
    try:
        wrappers = [WRAPPERS.get(wrapper.name)[0] for wrapper in reversed(spec.wrappers)]
        digest = checksum_of_text(submission.source, name, *wrappers)
    except BadSpec as error:
        refuse(f"{SOURCE}: {error}")
    if digest != submission.manifest.source:
        refuse("weighter.txt is not the source that the records were made with")


def _tasks(manifest: Manifest) -> dict[str, Task]:
    if manifest.suite not in SUITES.names():
        refuse(f"there is no suite {manifest.suite!r}; known: {', '.join(SUITES.names())}")
    made = [make_task(name) for name in SUITES.get(manifest.suite).tasks]
    tasks = {task.name: task for task in made}
    if set(manifest.tasks) != set(tasks):
        odd = min(set(manifest.tasks) ^ set(tasks))
        refuse(f"the tasks are not those of the suite {manifest.suite}: {odd}")
    for task in made:  # reruns and what they take off a row are in accuracy
        if task.metric != "accuracy":
            refuse(f"{task.name} is scored by {task.metric}; submissions are scored by accuracy")
    return tasks


def _check_complete(submission: Submission, tasks: Iterable[str]) -> None:
    suite = submission.manifest.suite
    wanted = {(task, seed) for task in tasks for seed in range(SUITES.get(suite).seeds)}
    there = {(r.trial.task, r.trial.seed) for r in submission.records}
    if missing := wanted - there:
        task, seed = min(missing)
        refuse(
            f"{len(missing)} of {len(wanted)} trials of {suite} are missing: {task}, seed {seed}"
        )
    if extra := there - wanted:
        task, seed = min(extra)
        refuse(f"{suite} has no such trial: {task}, seed {seed}")


def _check_versions(
    submission: Submission, tasks: Mapping[str, Task], anchors: Mapping[str, Anchor]
) -> None:
    manifest = submission.manifest
    for name, claim in manifest.tasks.items():
        if claim.fingerprint != tasks[name].fingerprint:
            refuse(f"{name}: made with another definition of the task than the one here")
        if name in anchors and anchors[name].fingerprint != claim.fingerprint:
            refuse(f"{name}: the published anchors are those of another definition of the task")


def _rescore(record: Record, predictions: Predictions, task: Task) -> None:
    """Compare a record with its split, its corruption, and the true labels of its test split."""
    trial, training = record.trial, record.training
    assert training is not None
    where = f"{trial.task}, seed {trial.seed}"
    splits = task.split(trial.seed)
    sizes = {name: len(getattr(splits, name)) for name in training.sizes}
    if training.checksums["splits"] != splits.sha256 or training.sizes != sizes:
        refuse(f"{where}: the splits are not the task's")
    if training.checksums["corruption"] != splits.corrupted.sha256:
        refuse(f"{where}: the corrupted labels are not the task's")
    truth, classes = task.data.labels[splits.test], task.data.num_classes
    told = {
        "last": training.accuracy, "selected": training.selected_accuracy,
        "noise": training.realised_noise, "chance": training.chance,
    }  # fmt: skip
    found = {"chance": 1 / classes}
    if task.data.truth_known:
        found["noise"] = splits.corrupted.rate
    for kind, predicted in predictions.items():
        if predicted.max(initial=0) >= classes:
            refuse(f"{where}: a predicted class is {predicted.max()}; there are {classes}")
        found[kind] = float(np.mean(predicted == truth))
    for kind, value in found.items():
        said = told[kind]
        if said is None or not math.isclose(value, said, abs_tol=1e-9):
            refuse(f"{where}: the record says {kind} {said}; it comes to {value:.6f}")
    if training.scores and training.scores.tallies != _tallies(splits, task, predictions["last"]):
        refuse(f"{where}: the record says other numbers of right test rows than there are")
    if training.scores and training.scores.metric != task.metric:
        refuse(f"{where}: the record says {training.scores.metric}; it is scored by {task.metric}")
    if training.steps > task.recipe.steps:
        refuse(f"{where}: {training.steps} steps; the task has {task.recipe.steps}")


def _tallies(splits: Splits, task: Task, last: NDArray[np.int64]) -> list[Tally]:
    labels, groups = task.data.labels, task.data.groups
    train, test = (
        (labels[part], None if groups is None else groups[part])
        for part in (splits.train, splits.test)
    )
    return tallies(train, test, last == test[0])
