"""Another weighter's work under a new name: told by predictions, and by what the source does."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.shell import TINY
from tests.submission.made import Folder, train
from weightbench.errors import SubmissionError
from weightbench.records.store import Store
from weightbench.registry import WEIGHTERS
from weightbench.submission.copies import ALIKE, Other, neighbours, recorded, refuse_copies
from weightbench.submission.reading import Submission, read
from weightbench.submission.sources import built_in_codes, code_of_file
from weightbench.training.task import make_task

SOURCE = """
import torch
import weightbench as wb

class Mine(wb.Weighter):
    '''A rule.'''

    def __init__(self, sharpness: float = 2.0) -> None:
        self.sharpness = sharpness

    def weigh(self, batch: wb.Batch) -> torch.Tensor:
        losses = batch.losses.detach()
        centre = losses.mean()
        distance = (losses - centre).abs()
        scores = torch.exp(-self.sharpness * distance)
        return wb.normalize(scores)
"""


@pytest.fixture
def submission(folder: Folder) -> Submission:
    return read(folder.path)


def truth(seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    task = make_task(TINY)
    return task.data.labels[task.split(seed).test]


def like(submission: Submission, flips: int, seeds: int = 2) -> Other:
    """Somebody who predicts the same in ``seeds`` trials, but for so many mistakes of the first."""
    predicted = {}
    for record in submission.records:
        mine = submission.predictions[record.trial.key]["last"].copy()
        right = truth(record.trial.seed)
        wrong = np.flatnonzero(mine != right)
        chosen = wrong if record.trial.seed >= seeds else wrong[: 0 if record.trial.seed else flips]
        mine[chosen] = right[chosen]
        predicted[record.trial.task, record.trial.seed] = lambda made=mine: made
    return Other("somebody else", predicted)


@pytest.mark.parametrize("flips", [0, 1])
def test_predictions_that_differ_in_few_mistakes_make_a_copy(
    submission: Submission, flips: int
) -> None:
    mistakes = sum(
        int((submission.predictions[r.trial.key]["last"] != truth(r.trial.seed)).sum())
        for r in submission.records
    )
    assert flips <= ALIKE * mistakes
    says = f"2 of 2 trials predict what somebody else does, but for {flips} of {mistakes} "
    with pytest.raises(SubmissionError, match=says):
        refuse_copies(submission, [like(submission, flips)])


def test_predictions_that_differ_in_more_or_in_half_of_the_trials_do_not(
    submission: Submission,
) -> None:
    refuse_copies(submission, [like(submission, 9), like(submission, 0, seeds=1)])


def test_one_trial_or_another_length_says_nothing(submission: Submission) -> None:
    whole = like(submission, 0)
    one = dict(list(whole.predicted.items())[:1])
    short = {trial: lambda: np.zeros(3, np.int64) for trial in whole.predicted}
    refuse_copies(submission, [Other("one", one), Other("short", short), Other("none", {})])


def test_trials_that_failed_are_nobodys_copies(submission: Submission) -> None:
    first, second = submission.records
    lost = second.model_copy(update={"status": "error", "reason": "it failed", "training": None})
    mine = dataclasses.replace(submission, records=(first, lost))
    with pytest.raises(SubmissionError, match="1 of 1 trials"):
        refuse_copies(mine, [like(submission, 0)])


def test_records_of_the_board_and_submissions_beside_it_are_others(
    folder: Folder, tmp_path: Path
) -> None:
    board = folder.path.parent.parent
    train(Store(board), "uniform")
    (found,), unread = neighbours(folder.path)
    assert unread == []
    assert found.name == "uniform"
    assert {seed for _, seed in found.predicted} == {0, 1}
    assert all(len(predicted()) == 100 for predicted in found.predicted.values())
    assert recorded(Store(tmp_path / "none")) == []


def test_damaged_predictions_of_others_stop_nobody(folder: Folder) -> None:
    board = folder.path.parent.parent
    train(Store(board), "uniform")
    for path in (board / "predictions").iterdir():
        path.write_bytes(b"PK")
    refuse_copies(read(folder.path), neighbours(folder.path)[0])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("sharpness", "beta"),
        ("distance", "far"),
        ("class Mine", "class Theirs"),
        ("'''A rule.'''", "'''Another, says its docstring.'''"),
        ("losses = batch", "# a comment\n        losses: torch.Tensor = batch"),
        ("        centre", "        nothing = 0\n        centre"),
        ("class Mine", "def helper(x):\n    return x\n\nclass Mine"),
    ],
)
def test_names_and_dead_lines_do_not_make_another_source(old: str, new: str) -> None:
    one, text = code_of_file(SOURCE.encode(), "mine.py:Mine"), SOURCE.replace(old, new)
    other = code_of_file(text.encode(), "x.py:Theirs" if "Theirs" in text else "x.py:Mine")
    assert other.is_copy_of(one)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("-self.sharpness", "self.sharpness"),
        ("losses.mean()", "losses.median()"),
        ("        return wb.normalize(scores)", "        return wb.normalize(scores.round())"),
    ],
)
def test_another_rule_is_another_source(old: str, new: str) -> None:
    one = code_of_file(SOURCE.encode(), "mine.py:Mine")
    other = code_of_file(SOURCE.replace(old, new).encode(), "mine.py:Mine")
    assert not other.is_copy_of(one)


def test_a_source_that_cannot_be_read_is_nobodys_copy() -> None:
    broken = code_of_file(b"class Mine(", "mine.py:Mine")
    assert not broken.is_copy_of(broken)


def test_every_built_in_is_known_and_no_two_methods_are_copies() -> None:
    codes = dict(built_in_codes())
    assert {"l2rw", "uniform", "oracle", "mentornet", "self-paced"} <= codes.keys()
    for name, code in codes.items():
        alike = {other for other, theirs in codes.items() if code.is_copy_of(theirs)}
        presets = {other for other in codes if WEIGHTERS.get(other).cls is WEIGHTERS.get(name).cls}
        assert alike == presets


def test_a_built_in_under_another_name_is_refused(submission: Submission) -> None:
    text = Path("methods/l2rw.py").read_text().split("\n\n\nwb.register", 1)[0]
    text = text.replace("LearningToReweight", "Mine").replace("self.alignment", "self.way")
    stolen = dataclasses.replace(submission, source=text.encode())
    with pytest.raises(SubmissionError, match=r"its source does what l2rw.* does, which"):
        refuse_copies(stolen, [])
