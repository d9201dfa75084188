"""Is a submission somebody else's work? Told by what it predicts, and by what its source does."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from weightbench.errors import DataUnavailable, RecordError, StoreError, SubmissionError
from weightbench.records.schema import Record
from weightbench.records.store import Store
from weightbench.submission.reading import Submission, read
from weightbench.submission.safe import refuse
from weightbench.submission.sources import Code, built_in_codes, code_of_file
from weightbench.training.task import make_task

ALIKE = 0.05  # of the test examples that either gets wrong; distinct methods differ on more
Predicted = NDArray[np.int64]
Trial = tuple[str, int]


@dataclasses.dataclass(frozen=True, eq=False)
class Other:
    """Who else is on the board: a name, what it predicts on a trial, and its source if known."""

    name: str
    predicted: Mapping[Trial, Callable[[], Predicted]]
    code: Code | None = None


def refuse_copies(submission: Submission, others: Iterable[Other]) -> None:
    """Refuse what is another row's, or a built-in weighter's, under a new name.

    Raises:
        SubmissionError: its source is theirs but for names and little else; or in more than half of
            its trials it predicts, but for one in twenty of the test examples that either gets
            wrong, what they do.
    """
    code = code_of_file(submission.source, submission.manifest.weighter)
    own = {
        (r.trial.task, r.trial.seed): submission.predictions[r.trial.key]["last"]
        for r in submission.records
        if r.training
    }
    truth = {trial: _truth(*trial) for trial in own}
    for name, built_in in built_in_codes():
        if code.is_copy_of(built_in):
            refuse(f"its source does what {name} does, which comes with weightbench")
    for other in others:
        if other.code and code.is_copy_of(other.code):
            refuse(f"its source does what that of {other.name} does")
        _refuse_replay(own, truth, other)


def _refuse_replay(
    own: Mapping[Trial, Predicted], truth: Mapping[Trial, Predicted | None], other: Other
) -> None:
    counts = []
    for trial in own.keys() & other.predicted.keys():
        theirs = other.predicted[trial]()
        if len(theirs) == len(own[trial]):
            counts.append(_differing(own[trial], theirs, truth[trial]))
    most = len(own) // 2 + 1  # more than half
    closest = sorted(counts, key=lambda c: (c[0] / max(c[1], 1), c))[:most]
    differing, wrong = (sum(column) for column in zip(*closest, strict=True)) if closest else (0, 0)
    if len(closest) == most and differing <= ALIKE * wrong:
        refuse(
            f"{most} of {len(own)} trials predict what {other.name} does, but for {differing} of "
            f"{wrong} test examples that either gets wrong"
        )


def _differing(own: Predicted, theirs: Predicted, truth: Predicted | None) -> tuple[int, int]:
    """On how many examples two differ, and how many either gets wrong, or all if nobody knows."""
    differ = own != theirs
    wrong = differ if truth is None else (own != truth) | (theirs != truth)
    return int(differ.sum()), int(wrong.sum())


def _truth(task: str, seed: int) -> Predicted | None:
    made = make_task(task)
    try:
        return made.data.labels[made.split(seed).test]
    except DataUnavailable:
        return None


def neighbours(folder: Path) -> tuple[list[Other], list[str]]:
    """Who else is on the board, and who beside ``folder`` could not be read, with the reason.

    On the board are the submissions beside it and the records above them. What cannot be read
    there is its own matter: it is shown nowhere, and keeps nobody else from being looked at.
    """
    here = folder.absolute()
    found, unread = [], []
    for path in _beside(here):
        try:
            found.append(_submitted(path))
        except SubmissionError as error:
            unread.append(f"not compared with {path.name[:80]!r} beside it: {error}")
    return found + recorded(Store(here.parent.parent)), unread


def own_records(folder: Path) -> list[Record]:
    """The board's own records, which nobody submitted.

    Where there is no board, those of the published one, as far as they came with weightbench.
    """
    published = importlib.import_module("weightbench.leaderboard").__path__
    for board in (folder.absolute().parent.parent, *map(Path, published)):
        try:
            if found := Store(board).records()[0]:
                return found
        except StoreError:
            continue
    return []


def _beside(here: Path) -> Iterator[Path]:
    if here.parent.is_dir():
        for path in sorted(here.parent.iterdir()):
            if path != here and path.is_dir() and not path.name.startswith("."):
                yield path


def _submitted(folder: Path) -> Other:
    other = read(folder)
    predicted = {
        (r.trial.task, r.trial.seed): _known(other.predictions[r.trial.key]["last"])
        for r in other.records
        if r.training
    }
    weighter = other.manifest.weighter
    return Other(weighter, predicted, code_of_file(other.source, weighter))


def _known(predicted: Predicted) -> Callable[[], Predicted]:
    return lambda: predicted


def recorded(store: Store) -> list[Other]:
    """The weighters of a folder of records, which may not be there."""
    try:
        records, _ = store.records()
    except StoreError:
        return []
    by_name: dict[str, dict[Trial, Callable[[], Predicted]]] = {}
    for record in records:
        if record.training:
            trials = by_name.setdefault(record.trial.weighter, {})
            trials[record.trial.task, record.trial.seed] = _kept(store, record)
    return [Other(weighter, trials) for weighter, trials in by_name.items()]


def _kept(store: Store, record: Record) -> Callable[[], Predicted]:
    def load() -> Predicted:
        try:
            return store.predictions(record)["last"]
        except (RecordError, KeyError):
            return np.empty(0, np.int64)  # damaged: it says nothing about anybody

    return load
