"""Could this have been? Versions, dates, steps and costs that no run of weightbench writes down."""

from __future__ import annotations

import datetime
import functools
import importlib.metadata
from itertools import pairwise

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from weightbench._version import ENGINE, __version__
from weightbench.data import SPLITS
from weightbench.records.schema import Cost, Provenance, Record, Training, Trial
from weightbench.submission.safe import refuse, time_of

_FIRST = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)  # nothing it needs is older
_AHEAD = datetime.timedelta(days=1)  # of a clock
_ALWAYS = ("numpy", "python", "torch", "weightbench")
_THREADS = 4096
_CHECKSUMS = {"data", "corruption", "splits"}


def check_plausible(made: Record | Cost, where: str) -> None:
    """That a record or a cost could have been written by a run of weightbench, before today.

    Raises:
        SubmissionError: it could not; the message starts with ``where``.
    """
    _check_trial(made.trial, where)
    _check_provenance(made.provenance, where)
    if isinstance(made, Cost):
        if not made.time_low <= made.time_ratio <= made.time_high:
            refuse(f"{where}: the time ratio is not within its own quartiles")
        return
    finished = time_of(made.finished, where)
    if not _FIRST <= finished <= datetime.datetime.now(datetime.timezone.utc) + _AHEAD:
        refuse(f"{where}: finished at {made.finished}, which cannot be")
    if made.training:
        _check_training(made.training, where)


def _check_trial(trial: Trial, where: str) -> None:
    if trial.engine > ENGINE:
        refuse(f"{where}: made with engine {trial.engine}; there are {ENGINE}")


def _check_provenance(made: Provenance, where: str) -> None:
    if missing := sorted(set(_ALWAYS) - set(made.packages)):
        refuse(f"{where}: the versions are without that of {missing[0]}")
    for name, text in made.packages.items():
        version = _version(text, f"{where}: {name}")
        if name == "weightbench" and version > Version(__version__):
            refuse(f"{where}: made with weightbench {text}; this is {__version__}")
        if version not in _possible().get(name, SpecifierSet()):
            refuse(f"{where}: made with {name} {text}; it takes {name}{_possible()[name]}")
    if not 1 <= made.threads <= _THREADS:
        refuse(f"{where}: made with {made.threads:,} threads")
    if made.dirty and made.commit is None:
        refuse(f"{where}: made from no checkout, which had changes")


def _version(text: str, where: str) -> Version:
    try:
        return Version(text if len(text) <= 80 else "")
    except InvalidVersion:
        refuse(f"{where}: {text[:80]!r} is no version")


@functools.cache
def _possible() -> dict[str, SpecifierSet]:
    """The versions that the package takes, as it was installed; of what it does not say, all."""
    try:
        about = importlib.metadata.metadata("weightbench")
    except importlib.metadata.PackageNotFoundError:
        return {}
    found = {"python": SpecifierSet(about["Requires-Python"] or "")}
    for line in about.get_all("Requires-Dist") or []:
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            continue
        if wanted.marker is None:
            found[wanted.name] = wanted.specifier
    for specifier in found.values():
        specifier.prereleases = True
    return found


def _check_training(training: Training, where: str) -> None:
    if set(training.checksums) != _CHECKSUMS or set(training.sizes) != set(SPLITS):
        refuse(f"{where}: checksums or sizes are not those of a training")
    steps = training.steps
    if steps < 1:
        refuse(f"{where}: a training of no steps")
    curve = [0, *(step for step, _ in training.select_curve)]
    if any(after < before for before, after in pairwise(curve)) or curve[-1] > steps:
        refuse(f"{where}: the curve does not go up to step {steps:,}")
    if training.weights and training.weights.step > steps:
        refuse(f"{where}: weights of step {training.weights.step:,} of {steps:,}")
    if training.weights and len(training.weights.by_class) > training.sizes["train"]:
        refuse(f"{where}: weights of more classes than examples")
