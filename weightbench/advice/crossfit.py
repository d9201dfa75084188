"""Every method on every fold, and what that says of trusted rows and of all others."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from weightbench.advice.folds import Rows, left_out
from weightbench.advice.shortlist import PLAIN
from weightbench.advice.trainings import Failed, Network, Training, lost, train
from weightbench.errors import BadData
from weightbench.evaluation import PRELOAD
from weightbench.execution import Limits, Local, share_of_memory

_SECONDS = 3600.0  # of one training
_FEW = 3  # networks that suspects are looked for with


class Watch(Protocol):
    """Whoever looks on."""

    def begin(self, trainings: int) -> None:
        """So many trainings are to come."""

    def done(self) -> None:
        """One is over."""

    def say(self, line: str) -> None:
        """Something is known."""


class Silent:
    """Nobody looks on."""

    def begin(self, trainings: int) -> None:
        """Nothing."""

    def done(self) -> None:
        """Nothing."""

    def say(self, line: str) -> None:
        """Nothing."""


@dataclasses.dataclass(frozen=True, eq=False)
class CrossFit:
    """What came of the trainings.

    Attributes:
        rows: what was trained on.
        dealt: (N,) int64, the fold of each row.
        folds: how many there are.
        files: of each method, the file of each fold.
        failed: why a method gave nothing.
    """

    rows: Rows
    dealt: NDArray[np.int64]
    folds: int
    files: Mapping[str, Sequence[Path]]
    failed: Mapping[str, str]

    @property
    def judged(self) -> NDArray[np.int64]:
        """(m,) positions of the rows judged, among the test rows where there are any."""
        if self.rows.test_labels is not None:
            return np.arange(len(self.rows.test_labels))
        return np.flatnonzero(self.rows.trusted)

    @property
    def judged_by(self) -> NDArray[np.int64]:
        """(m,) int64, the fold whose network judges each of these."""
        if self.rows.test_labels is not None:
            return self.judged % self.folds
        return self.dealt[self.judged]

    def right(self, method: str) -> NDArray[np.bool_]:
        """(m,) bool, which of the rows judged the method gets right."""
        labels = self.rows.test_labels
        if labels is None:
            chances = self.chances(method)[self.judged]
            answer: NDArray[np.bool_] = chances.argmax(1) == self.rows.right[self.judged]
            return answer
        found = np.zeros(len(labels), bool)
        for fold in range(self.folds):
            mine = self.judged_by == fold
            tested = self._outputs(method, fold)[-len(labels) :]
            found[mine] = tested[mine].argmax(1) == labels[mine]
        return found

    def chances(self, method: str) -> NDArray[np.float32]:
        """(N, K), of each row by the network that was trained without it."""
        found = np.empty((len(self.rows), self.rows.num_classes), np.float32)
        for fold in range(self.folds):
            members = left_out(fold, self.dealt)
            found[members] = self._outputs(method, fold)[: len(members)]
        return found

    def seconds(self, method: str) -> float:
        """A training's seconds, on average."""
        return float(np.mean([np.load(path)["seconds"] for path in self.files[method]]))

    def _outputs(self, method: str, fold: int) -> NDArray[np.float32]:
        outputs: NDArray[np.float32] = np.load(self.files[method][fold])["chances"]
        return outputs

    def finders(self, preferred: Sequence[str]) -> list[str]:
        """The methods to look for wrong labels with: those that judge best, or those preferred."""
        if not len(self.judged):
            return [name for name in preferred if name in self.files] or list(self.files)
        shares = {name: float(self.right(name).mean()) for name in self.files}
        return sorted(shares, key=lambda name: -shares[name])[:_FEW]


def run(
    plan: Sequence[Training],
    network: Network,
    workers: int,
    watch: Watch,
    first: Callable[[Mapping[str, Sequence[Path]]], None],
    folds: int,
) -> tuple[dict[str, list[Path]], dict[str, str]]:
    """Run the trainings that were not run before.

    Args:
        plan: all of them, plain training first.
        network: builds a network.
        workers: processes; 0 for this one.
        watch: looks on.
        first: called with the files as soon as plain training is done.
        folds: trainings of a method.

    Returns:
        The files of each method that came to its end in every fold; why the others did not.

    Raises:
        BadData: plain training failed.
    """
    executor = Local(Limits(workers, _SECONDS, share_of_memory(workers)), preload=PRELOAD)
    found: dict[str, dict[int, Path]] = {training.weighter: {} for training in plan}
    failed: dict[str, str] = {}
    watch.begin(len(plan))
    for training, result in executor.run(plan, functools.partial(train, network=network), lost):
        watch.done()
        if isinstance(result, Failed):
            failed.setdefault(training.weighter, result.reason)
            if training.weighter == PLAIN:
                raise BadData(f"plain training failed: {result.reason}")
        elif training.fold is not None:
            found[training.weighter][training.fold] = result
        if training.weighter == PLAIN and len(found[PLAIN]) == folds:
            first(_whole(found, folds))
    return _whole(found, folds), failed


def _whole(found: Mapping[str, Mapping[int, Path]], folds: int) -> dict[str, list[Path]]:
    return {
        name: [files[fold] for fold in range(folds)]
        for name, files in found.items()
        if len(files) == folds
    }
