"""Output that cannot be written, and a working folder that is gone: one line, and no success."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shell import TINY, evaluate, weightbench
from weightbench.cli import main
from weightbench.evaluation.trial import plan, run_trial
from weightbench.records.store import Store

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")

# Whatever each command prints when all is well; RUNS is a folder of records.
PRINTING = [
    ["--help"],
    ["--version"],
    *([name, "--help"] for name in main.commands),
    ["list", "tasks"],
    ["list", "suites"],
    ["show", "l2rw"],
    ["show", "digits-uniform-flip-v0"],
    *(["leaderboard", "RUNS", "--format", form] for form in ("table", "markdown", "html", "csv")),
    ["leaderboard", "RUNS", "--format", "json"],
    ["compare", "uniform", "oracle", "RUNS"],
    ["doctor", "RUNS"],
    ["merge", "RUNS", "RUNS", "--out", "OUT"],
    ["new", "weighter", "mine"],
    ["check", "uniform"],
    ["plot", "curves", "RUNS", "--out", "OUT"],
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands leave what they leave in a folder of their own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = Store(tmp_path_factory.mktemp("runs"))
    store.create()
    for trial in plan([TINY], ["uniform", "oracle"], range(2), "cpu"):
        outcome = run_trial(trial)
        store.put(outcome.record, outcome.predictions, outcome.weights, outcome.rows)
    return store.root


def filled(arguments: list[str], runs: Path, tmp_path: Path) -> list[str]:
    places = {"RUNS": str(runs), "OUT": str(tmp_path / "out")}
    return [places.get(argument, argument) for argument in arguments]


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_a_full_disk_is_one_line(arguments: list[str], runs: Path, tmp_path: Path) -> None:
    with FULL.open("w") as full:
        done = weightbench(*filled(arguments, runs, tmp_path), stdout=full.fileno())
    assert done.returncode == 1
    assert done.stderr == "error: the output cannot be written: No space left on device\n"


def test_an_evaluation_on_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with FULL.open("w") as full:
        done = weightbench(*evaluate(tmp_path / "out"), stdout=full.fileno())
    assert done.returncode == 1
    assert done.stderr == "error: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"], ["list", "tasks"], ["show", "l2rw"], ["leaderboard", "RUNS"],
        ["leaderboard", "RUNS", "--format", "csv"], ["compare", "uniform", "oracle", "RUNS"],
        ["doctor", "RUNS"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_closed_pipe_is_silent(arguments: list[str], runs: Path, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = weightbench(*filled(arguments, runs, tmp_path), stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_an_evaluation_into_a_closed_pipe_is_silent_and_no_success(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = weightbench(*evaluate(tmp_path / "out"), stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_of_an_evaluation_stdout_has_the_board_and_stderr_what_to_do_next(
    runs: Path, tmp_path: Path
) -> None:
    done = weightbench(*evaluate(tmp_path / "a folder"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:2] == ["place", "weighter"]
    assert "\x1b" not in done.stdout + done.stderr
    first, *commands = done.stderr.strip().splitlines()
    assert first == f"the records are in {tmp_path / 'a folder'}; next:"
    assert commands
    for line in commands:
        _, name, *arguments = shlex.split(line)
        assert str(tmp_path / "a folder") in arguments
        main.commands[name].make_context(name, arguments)


def test_what_is_next_compares_the_best_two(runs: Path) -> None:
    from weightbench.commands.evaluate import following
    from weightbench.submission.boards import load

    board = load(Store(runs)).board()
    lines = following(board, "runs")
    best = [row.weighter for row in board.rows if row.rank is not None][:2]
    assert len(best) < 2 or f"  weightbench compare {' '.join(best)}" in lines
    assert "  weightbench leaderboard --format html --out board.html" in lines


@pytest.mark.parametrize("arguments", PRINTING[1:], ids=" ".join)
def test_a_working_folder_that_is_gone_is_one_line(
    arguments: list[str], runs: Path, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = [sys.executable, "-m", "weightbench", *filled(arguments, runs, tmp_path)]
    code = f"import os, sys; os.rmdir({str(gone)!r}); os.execv(sys.executable, {command!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=gone, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: the working folder is no longer there\n"
