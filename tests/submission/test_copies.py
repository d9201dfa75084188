"""Another weighter's predictions under a new name."""

from __future__ import annotations

import dataclasses

import pytest

from tests.generated import digest
from tests.submission.made import Folder
from weightbench.errors import SubmissionError
from weightbench.submission.examining import refuse_copies
from weightbench.submission.reading import Submission, read

TASK = "tiny"


@pytest.fixture
def submission(folder: Folder) -> Submission:
    return read(folder.path)


def of_seeds(submission: Submission, seeds: int) -> Submission:
    """So many trials, each with predictions of its own."""
    first = submission.records[0]
    assert first.training is not None
    records = []
    for seed in range(seeds):
        trial = first.trial.model_copy(update={"task": TASK, "seed": seed})
        training = first.training.model_copy(update={"predictions": digest(f"mine {seed}")})
        records.append(first.model_copy(update={"trial": trial, "training": training}))
    return dataclasses.replace(submission, records=tuple(records))


@pytest.mark.parametrize(
    ("seeds", "alike", "refused"),
    [
        (4, 0, False), (4, 2, False), (4, 3, True), (4, 4, True), (5, 2, False), (5, 3, True),
        (1, 1, True), (2, 1, False),
    ],
)  # fmt: skip
def test_more_than_half_of_the_trials_alike_make_a_copy(
    submission: Submission, seeds: int, alike: int, refused: bool
) -> None:
    mine = of_seeds(submission, seeds)
    theirs = {
        (TASK, seed): digest(f"{'mine' if seed < alike else 'theirs'} {seed}")
        for seed in range(seeds)
    }
    stranger = {(TASK, seed): digest(f"stranger {seed}") for seed in range(seeds)}
    others = [("a stranger", stranger), ("somebody else", theirs)]
    if refused:
        says = f"{alike} of {seeds} trials predict, example for example, what somebody else does"
        with pytest.raises(SubmissionError) as caught:
            refuse_copies(mine, others)
        assert str(caught.value) == says
    else:
        refuse_copies(mine, others)


def test_the_same_predictions_of_another_task_or_seed_are_no_copy(submission: Submission) -> None:
    mine = of_seeds(submission, 4)
    refuse_copies(mine, [("x", {("another", s): digest(f"mine {s}") for s in range(4)})])
    refuse_copies(mine, [("x", {(TASK, s + 1): digest(f"mine {s}") for s in range(4)})])
    refuse_copies(mine, [])


def test_trials_that_failed_are_nobodys_copies(submission: Submission) -> None:
    """Two of five failed; of the three that did not, two are alike."""
    mine = of_seeds(submission, 5)
    lost = [
        r.model_copy(update={"status": "error", "reason": "it failed", "training": None})
        for r in mine.records[3:]
    ]
    mine = dataclasses.replace(mine, records=(*mine.records[:3], *lost))
    theirs = {(TASK, seed): digest(f"mine {seed}") for seed in range(2)}
    with pytest.raises(SubmissionError, match="2 of 3 trials"):
        refuse_copies(mine, [("somebody else", theirs)])
