"""Records of other data than there are today: set aside by every command, averaged by none."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.generated import anchored, digest, record, records, spread
from tests.shell import weightbench
from weightbench.records.predictions import checksum
from weightbench.records.schema import Record
from weightbench.records.store import Store
from weightbench.scoring import board, compare
from weightbench.scoring.results import choose
from weightbench.training.task import make_task

TASK = "digits49-imbalance-v0"
FILE = """
import numpy as np
from torch import nn
import weightbench as wb


def load():
    inputs = np.load("data.npy")
    return wb.DataSet("made", inputs, (inputs[:, 0] > 0).astype(np.int64), num_classes=2)


TASK = wb.Task(
    name="a", dataset=load, corruption=wb.UniformFlip(0.3), holdout=wb.HoldoutPerClass(5),
    select=20, test=50, model=lambda data: nn.Linear(4, 2), recipe=wb.Recipe(steps=10, lr=0.1),
)
"""
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return weightbench


def put(store: Store, seeds: int, data: str, weighter: str = "uniform") -> None:
    store.create()
    for seed in range(seeds):
        predictions = {name: np.array([seed, len(data)]) for name in ("last", "selected")}
        made = record(
            TASK, weighter, seed, 0.5, predictions=checksum(predictions),
            checksums={"data": data, "corruption": digest("c"), "splits": digest("s")},
            trial_changes={"fingerprint": digest(data)},
        )  # fmt: skip
        store.put(made, predictions)


def test_a_published_task_whose_data_changed(run: Run, tmp_path: Path) -> None:
    store, today = Store(tmp_path / "runs"), make_task(TASK).data.sha256
    put(store, 2, today)
    put(store, 3, digest("other"), "random")
    put(store, 2, today, "random")
    said = f"{TASK}: 3 records set aside, for they were made with other data than there are today"
    assert said in " ".join(run("leaderboard").stdout.split())
    assert said in " ".join(run("compare", "uniform", "random").stdout.split())
    doctor = run("doctor")
    assert f"other data: 3 records of {TASK} were made with other data" in doctor.stdout
    assert "7 records hold" in doctor.stdout
    assert doctor.returncode == 0


def test_a_file_of_data_that_changes_between_two_evaluations(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.py").write_text(FILE)
    evaluate = ("evaluate", "--task", "t.py:TASK", "--weighter", "random", "--seeds", "2")
    for seed in (0, 1):
        draws = np.random.default_rng(seed).normal(size=(200, 4)).astype(np.float32)
        np.save(tmp_path / "data.npy", draws)
        done = run(*evaluate, "--workers", "1")
        assert done.returncode == 0, done.stderr
    before = {r.trial.key: r.finished for r in Store(tmp_path / "runs").records()[0]}
    assert len(before) == 12
    assert "6 records set aside" in done.stdout
    assert run(*evaluate, "--workers", "1").returncode == 0
    after = {r.trial.key: r.finished for r in Store(tmp_path / "runs").records()[0]}
    assert after == before, "nothing was trained"


def keep_apart(made: list[Record], data: dict[str, str] | None) -> None:
    """No mean is over two data sets or two definitions of a task."""
    seen: dict[str, set[tuple[str, str]]] = {}
    for one in choose(made, data).kept:
        if one.training:
            sums = one.training.checksums["data"]
            seen.setdefault(one.trial.task, set()).add((sums, one.trial.fingerprint))
    assert seen
    assert all(len(kinds) == 1 for kinds in seen.values())


@pytest.mark.parametrize("today", [None, {"a-v0": digest("data")}, {"a-v0": digest("new")}])
def test_a_mean_is_never_over_two_data_sets(today: dict[str, str] | None) -> None:
    made = records(anchored(4))
    newer = [
        record(
            "a-v0", weighter, seed, accuracy, finished="2026-02-01T00:00:00+00:00",
            checksums=dict.fromkeys(("data", "corruption", "splits"), digest("new")),
            trial_changes={"fingerprint": digest("new")},
        )
        for weighter in ("uniform", "random")
        for seed, accuracy in enumerate(spread(0.3, 6, 3))
    ]  # fmt: skip
    keep_apart(made + newer, today)
    rows = {row.weighter: row for row in board(made + newer, data=today).rows}
    newest = today is None or today["a-v0"] == digest("new")
    assert rows["uniform"].cells["a-v0"].seeds == (6 if newest else 4)
    assert ("random" in rows) == newest
    assert board(made + newer, data=today).notes[0].startswith("a-v0: ")
    assert compare(made, "uniform", "oracle").notes == compare(made, "uniform", "oracle").notes


def test_the_same_checksum_of_a_definition_is_not_believed_over_that_of_the_data() -> None:
    made = records({"a-v0": {"uniform": [0.5, 0.6]}})
    forged = record(
        "a-v0", "uniform", 2, 0.9, finished="2026-02-01T00:00:00+00:00",
        checksums=dict.fromkeys(("data", "corruption", "splits"), digest("forged")),
    )  # fmt: skip
    keep_apart([*made, forged], {"a-v0": digest("data")})
    keep_apart([*made, forged], None)


def test_failures_go_with_the_definition_they_failed_on() -> None:
    made = records({"a-v0": {"uniform": [0.5, 0.6]}})
    there = record("a-v0", "random", 0, None)
    gone = record("a-v0", "random", 1, None, trial_changes={"fingerprint": digest("old")})
    kept = choose([*made, there, gone], {"a-v0": digest("data")}).kept
    assert [r.trial.seed for r in kept if r.trial.weighter == "random"] == [0]


def test_engines_are_never_mixed() -> None:
    made = records({"a-v0": {"uniform": [0.5, 0.6], "random": [0.5, 0.6]}})
    later = record(
        "a-v0", "uniform", 0, 0.7, finished="2026-02-01T00:00:00+00:00",
        trial_changes={"engine": 99},
    )  # fmt: skip
    assert choose([*made, later]).kept == [later]
