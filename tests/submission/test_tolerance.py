"""How far a trial that is trained again may be from what was submitted."""

from __future__ import annotations

import dataclasses
import statistics
import sys

import numpy as np
import pytest

from tests.submission.made import Folder, inside
from weightbench.errors import SubmissionError
from weightbench.evaluation.trial import plan, run_trial
from weightbench.execution import Limits, Local
from weightbench.records.schema import Record
from weightbench.scoring import published_anchors
from weightbench.submission.manifest import Rerun
from weightbench.submission.reading import Submission, read
from weightbench.submission.rerun import train_again

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks and signals")
PUBLISHED = "breast-cancer-uniform-flip-v0"


def accuracy(record: Record) -> float:
    assert record.training is not None
    return record.training.accuracy


def told(submission: Submission, *accuracies: float) -> Submission:
    """With other accuracies than the trainings gave; predictions stay as they are."""
    records = []
    for record, claimed in zip(submission.records, accuracies, strict=True):
        assert record.training is not None
        training = record.training.model_copy(update={"accuracy": claimed})
        records.append(record.model_copy(update={"training": training}))
    return dataclasses.replace(submission, records=tuple(records))


def off_by(submission: Submission, error: float, kind: str = "last") -> Submission:
    """All accuracies wrong by so much, and one prediction of each trial another."""
    predictions = {key: dict(found) for key, found in submission.predictions.items()}
    for found in predictions.values():
        found[kind] = np.concatenate([found[kind][:-1], found[kind][-1:] + 1])
    accuracies = [accuracy(record) + error for record in submission.records]
    return dataclasses.replace(told(submission, *accuracies), predictions=predictions)


def again(submission: Submission, k: int = 9) -> list[Rerun]:
    return train_again(submission, k, Local(Limits(workers=2, seconds=100.0, memory=4 * 2**30)))


@pytest.fixture
def submission(folder: Folder) -> Submission:
    """Two trials of a task that has no published anchors; one test example is .01."""
    return read(folder.path)


@pytest.fixture
def published(submission: Submission, folder: Folder) -> Submission:
    """One trial of a task that has."""
    place = folder.path.parent
    (place / "mine.py").write_bytes(submission.source)
    with inside(place):
        (trial,) = plan([PUBLISHED], ["mine.py:Mine"], [0], "cpu")
        outcome = run_trial(trial)
    assert outcome.predictions is not None
    return dataclasses.replace(
        submission, records=(outcome.record,), predictions={trial.key: outcome.predictions}
    )


def test_what_comes_out_the_same_is_said_to(submission: Submission) -> None:
    found = again(submission)
    own = [accuracy(record) for record in submission.records]
    assert [(rerun.seed, rerun.submitted, rerun.again) for rerun in found] == [
        (0, own[0], own[0]), (1, own[1], own[1]),
    ]  # fmt: skip
    assert {rerun.task for rerun in found} == {submission.records[0].trial.task}
    assert all(rerun.identical for rerun in found)
    assert len(again(submission, 1)) == 1


@pytest.mark.parametrize(
    ("spread", "tolerance"), [(0.0, 0.01), (0.003, 0.01), (0.01, 0.03), (0.3, 0.06)]
)
def test_three_deviations_of_its_own_accuracies_are_allowed_for(
    submission: Submission, spread: float, tolerance: float
) -> None:
    """At least one of the 100 test examples, and no more for accuracies that are wild."""
    for rerun in again(told(submission, 0.5, 0.5 + spread * 2**0.5)):
        assert rerun.tolerance == pytest.approx(tolerance)
        assert rerun.noise == "standard deviation of its own accuracies over 2 seeds"


def test_accuracies_of_other_tasks_have_no_say(submission: Submission) -> None:
    first, second = submission.records
    elsewhere = second.model_copy(
        update={"trial": second.trial.model_copy(update={"task": "another"}), "training": None}
    )
    (rerun,) = again(dataclasses.replace(submission, records=(first, elsewhere)))
    assert rerun.tolerance == pytest.approx(0.01)
    assert rerun.noise == "standard deviation of its own accuracies over 1 seeds"


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_off_by_more_is_refused_and_by_less_is_not(
    submission: Submission, sign: int
) -> None:
    own = [accuracy(record) for record in submission.records]
    allowed = max(3 * min(statistics.stdev(own), 0.02), 0.01)
    found = again(off_by(submission, 0.99 * sign * allowed))
    assert [(rerun.identical, rerun.again) for rerun in found] == [(False, a) for a in own]
    with pytest.raises(SubmissionError, match=f"noise allows for {allowed:.4f} "):
        again(off_by(submission, 1.01 * sign * allowed))


def test_networks_of_both_kinds_must_come_out_the_same_to_be_identical(
    submission: Submission,
) -> None:
    assert not any(rerun.identical for rerun in again(off_by(submission, 0.0, "selected")))


@pytest.mark.parametrize("sign", [1, -1])
def test_three_deviations_of_published_gaps_are_allowed_for(
    published: Submission, sign: int
) -> None:
    """Whatever its own accuracies are."""
    anchor = published_anchors()[PUBLISHED]
    allowed = 3 * anchor.error * anchor.seeds**0.5
    assert allowed > 0.1
    (rerun,) = again(off_by(published, 0.99 * sign * allowed))
    assert rerun.tolerance == pytest.approx(allowed)
    assert rerun.noise == (
        f"standard deviation of the published anchors' gap over {anchor.seeds} seeds"
    )
    says = f"noise allows for {allowed:.4f} \\(standard deviation of the published anchors' gap"
    with pytest.raises(SubmissionError, match=says):
        again(off_by(published, 1.01 * sign * allowed))


@pytest.mark.parametrize("field", ["steps", "side_steps"])
def test_steps_that_were_hidden_are_found(submission: Submission, field: str) -> None:
    records = []
    for record in submission.records:
        assert record.training is not None
        fewer = record.training.model_copy(
            update={field: getattr(record.training, field) + (1 if field == "side_steps" else -1)}
        )
        records.append(record.model_copy(update={"training": fewer}))
    with pytest.raises(SubmissionError, match=f"the record says {field} "):
        again(dataclasses.replace(submission, records=tuple(records)))
