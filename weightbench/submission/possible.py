"""Can it be, what a record says of where, when and how long it was made? Nothing of it is run."""

from __future__ import annotations

import contextlib
import datetime
import functools
import importlib.metadata
import re
from collections.abc import Iterator

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from weightbench._version import ENGINE, __version__
from weightbench.data import SPLITS
from weightbench.records.schema import Cost, Provenance, Record, Training, WeightSummary
from weightbench.submission.safe import refuse

_FIRST = datetime.datetime(2018, 1, 1, tzinfo=datetime.timezone.utc)  # the method is of that year
_SLOW_CLOCK = datetime.timedelta(days=1)
_VERSION = re.compile(
    r"\d{1,4}(\.\d{1,6}){0,4}((a|b|rc|\.post|\.dev)\d{1,6}){0,2}(\+[a-z0-9.]{1,30})?"
)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PACKAGES = frozenset(("python", "weightbench", "torch", "numpy"))
_CHECKSUMS = {"data", "corruption", "splits"}
_PHASES = frozenset(("setup", "begin", "train", "select", "finish", "test"))
_LONGEST = 366 * 86400.0  # seconds of a training
_THREADS = 4096
_CLASSES = 10**6


def refuse_the_impossible(one: Record | Cost, where: str) -> None:
    """Refuse what no run of weightbench writes down: versions, commits, dates, times and counts.

    Raises:
        SubmissionError: the first such thing; the message starts with ``where``.
    """
    for mistake in _mistakes(one):
        refuse(f"{where}: {mistake}")


def _mistakes(one: Record | Cost) -> Iterator[str]:
    if one.trial.engine != ENGINE:
        yield f"made with engine {one.trial.engine}, whose numbers are not those of {ENGINE}"
    yield from _of_provenance(one.provenance)
    if isinstance(one, Cost):
        yield from _of_cost(one)
        return
    try:
        finished = datetime.datetime.fromisoformat(one.finished)
        now = datetime.datetime.now(datetime.timezone.utc)
        been = _FIRST < finished < now + _SLOW_CLOCK
    except (ValueError, TypeError):  # no time, or one without its zone
        been = False
    if not been:
        yield f"finished at {one.finished[:40]!r}, when it cannot have been"
    if one.training:
        yield from _of_training(one.training, one.trial.device)


def _of_provenance(made: Provenance) -> Iterator[str]:
    if lacking := _PACKAGES - made.packages.keys():
        yield f"made without {min(lacking)}"
    for name, version in made.packages.items():
        if not _VERSION.fullmatch(version):
            yield f"made with {name} {version[:40]!r}, which is no version"
        elif not _taken().get(name, SpecifierSet()).contains(version, prereleases=True):
            yield f"made with {name} {version}; it takes {name}{_taken()[name]}"
    if not made.packages.get("python", "").startswith("3."):
        yield "made with another Python than 3"
    if _order(made.packages.get("weightbench", "")) > _order(__version__):
        yield "made with a version of weightbench that is newer than the one here"
    if made.commit is not None and not _COMMIT.fullmatch(made.commit):
        yield f"made at {made.commit[:40]!r}, which is no commit"
    if made.dirty and made.commit is None:
        yield "made from changes to no checkout"
    if not made.machine.strip() or not 1 <= made.threads <= _THREADS:
        yield "made on no machine, or with a number of threads that none has"


@functools.cache
def _taken() -> dict[str, SpecifierSet]:
    """The versions that the package takes, as it was installed; of what it does not say, all."""
    try:
        about = importlib.metadata.metadata("weightbench")
    except importlib.metadata.PackageNotFoundError:
        return {}
    found = {}
    for line in about.get_all("Requires-Dist") or []:
        with contextlib.suppress(InvalidRequirement):
            wanted = Requirement(line)
            if wanted.marker is None:
                found[wanted.name] = wanted.specifier
    return found


def _order(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version.partition("+")[0])[:3]))


def _of_training(training: Training, device: str) -> Iterator[str]:
    if set(training.checksums) != _CHECKSUMS or set(training.sizes) != set(SPLITS):
        yield "checksums or sizes are not those of a training"
    seconds = training.phases
    if not seconds.keys() <= _PHASES or "train" not in seconds:
        yield f"a training does not have the phases {sorted(seconds)}"
    if not 0 < sum(seconds.values()) < _LONGEST:
        yield f"a training does not take {sum(seconds.values()):g} s"
    if training.chance < 1 / _CLASSES:
        yield f"chance is {training.chance:g}, of more classes than there are"
    if training.steps < 1:
        yield "a training has steps"
    if (training.peak_bytes is None) != (device == "cpu"):
        yield "the bytes of a GPU are told exactly where there is one"
    steps = [step for step, _ in training.select_curve]
    if steps != sorted(set(steps)) or steps[-1:] > [training.steps]:
        yield "the steps of the curve are not those of the training, in their order"
    for _, accuracy in training.select_curve:
        right = accuracy * training.sizes["select"]
        if abs(right - round(right)) > 1e-3:
            yield f"{accuracy} is no share of the {training.sizes['select']} select examples"
    if training.weights:
        yield from _of_weights(training.weights, training)


def _of_weights(weights: WeightSummary, training: Training) -> Iterator[str]:
    if weights.step > training.steps:
        yield "weights are told of a step that was not taken"
    if len(weights.by_class) > round(1 / training.chance):
        yield f"weights are told of {len(weights.by_class)} classes"
    if weights.effective > 1 - weights.zero + 1e-6:
        yield "more examples count than have a weight"
    if weights.auroc is not None and training.realised_noise in (0.0, 1.0):
        yield "weights tell right labels from wrong ones where there are no such two kinds"


def _of_cost(cost: Cost) -> Iterator[str]:
    if not cost.time_low <= cost.time_ratio <= cost.time_high:
        yield "the median of times is not between their quartiles"
    if cost.trial.seed != 0:
        yield "costs are probed with seed 0"
