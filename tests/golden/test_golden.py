"""Published trials, trained again: what they predicted comes out bit for bit.

This is what makes the integer ``ENGINE`` honest. A dozen run with all tests; ``make golden`` runs
every published trial whose data are at hand. Where one fails, either the change that moved it is
wrong, or ENGINE is raised and the records are trained again.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
from pathlib import Path

import pytest

from weightbench._version import ENGINE
from weightbench.errors import DataUnavailable
from weightbench.evaluation.provenance import provenance
from weightbench.evaluation.trial import plan, run_trial
from weightbench.records.schema import Record, Training
from weightbench.records.schemas import NEW_IN_3, SCHEMA
from weightbench.records.store import Store
from weightbench.scoring import read_anchors
from weightbench.training.task import make_task
from weightbench.training.weighter import digest_of, make_weighter

FOLDER = Path(__file__).parents[2] / "leaderboard"
# One of every kind of method: weights, samplers, losses, first phases, votes, fine-tuning, looks.
CHOSEN = {
    "uniform": "digits49-imbalance-v0",
    "clean-only": "digits49-imbalance-v0",
    "resample": "digits-uniform-flip-v0",
    "proportion": "digits-long-tail-v0",
    "hard-mining": "digits49-imbalance-v0",
    "random+ft": "digits-background-flip-v0",
    "reed-hard+es": "digits49-imbalance-v0",
    "self-paced": "digits-background-flip-v0",
    "mentornet": "digits-background-flip-v0",
    "mentornet-dd": "digits49-imbalance-v0",
    "s-model+conf+es+ft": "digits-background-flip-v0",
    "uniform+select": "digits-background-flip-v0",
    "adaboost": "digits49-imbalance-v0",
    "l2rw": "digits-background-flip-v0",
    "oracle": "adult-uniform-flip-v0",
}
_ARITHMETIC = ("torch", "numpy", "scikit-learn", "higher")


@functools.cache
def published() -> list[Record]:
    """In one order."""
    records, damaged = Store(FOLDER).records()
    assert not damaged
    return sorted(records, key=lambda r: (r.trial.task, r.trial.weighter, r.trial.seed))


def chosen() -> list[Record]:
    """All where GOLDEN=all, else the first seed of a dozen."""
    if os.environ.get("GOLDEN") == "all":
        return published()
    first: dict[str, Record] = {}
    for record in published():
        if CHOSEN.get(record.trial.weighter) == record.trial.task:
            first.setdefault(record.trial.weighter, record)
    assert len(first) == len(CHOSEN)
    return list(first.values())


def name(record: Record) -> str:
    return f"{record.trial.task}-{record.trial.weighter}-{record.trial.seed}"


def same_arithmetic(record: Record) -> None:
    """Skip where other libraries compute: their last bits are their own."""
    now = {package: importlib.metadata.version(package) for package in _ARITHMETIC}
    made = {package: record.provenance.packages.get(package) for package in _ARITHMETIC}
    if {k: str(v).partition("+")[0] for k, v in made.items()} != {
        k: v.partition("+")[0] for k, v in now.items()
    }:
        pytest.skip(f"published with {made}; here are {now}")


def outcome(training: Training, schema: int, scores: bool) -> dict[str, object]:
    """Everything of a training but its times, as far as such a record says it."""
    unknown = NEW_IN_3 if schema < SCHEMA else {"scores"} if not scores else set()
    return training.model_dump(exclude={"phases", "peak_bytes", *unknown})


@pytest.mark.parametrize("record", chosen(), ids=name)
def test_a_published_trial_comes_out_bit_for_bit(record: Record) -> None:
    same_arithmetic(record)
    trial = record.trial
    if trial.engine != ENGINE:
        pytest.skip(f"made by engine {trial.engine}")
    try:
        (again,) = plan([trial.task], [trial.weighter], [trial.seed], trial.device)
    except DataUnavailable as error:
        pytest.skip(str(error))
    assert again == trial, "the identity of a published trial has changed"
    made = run_trial(trial).record
    assert record.training is not None
    assert made.training is not None, made.reason
    where = f"published on {record.provenance.machine}, now on {provenance('cpu').machine}"
    schema = record.schema_version
    kept = record.training.scores is not None
    expected = outcome(record.training, schema, kept)
    assert outcome(made.training, schema, kept) == expected, where


def test_published_records_are_of_this_engine() -> None:
    """ENGINE is raised together with the records; those that take hours say whose they are."""
    costs, damaged = Store(FOLDER).costs()
    assert not damaged
    trials = [*(record.trial for record in published()), *(cost.trial for cost in costs)]
    older = {trial.task for trial in trials if trial.engine != ENGINE}
    assert all(task.startswith("mnist") for task in older)
    if older:
        assert "as an earlier version of weightbench made it" in (FOLDER / "README.md").read_text()


def test_published_records_are_of_the_code_that_stands_here() -> None:
    of_today = [r for r in published() if r.trial.engine == ENGINE]
    tasks = {r.trial.task: r.trial.fingerprint for r in of_today}
    for task, fingerprint in tasks.items():
        try:
            assert make_task(task).fingerprint == fingerprint, task
        except DataUnavailable:
            continue
    for weighter, source in {(r.trial.weighter, r.trial.source) for r in of_today}:
        assert digest_of(make_weighter(weighter)) == source, weighter
    anchors = read_anchors(FOLDER / "anchors.json")
    assert tasks.keys() & anchors.keys()
    for task in tasks.keys() & anchors.keys():
        assert tasks[task] == anchors[task].fingerprint, task
