"""Records name tasks and weighters in files; whatever reads records, these files are not run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tests import generated
from weightbench.cli import main
from weightbench.records.predictions import checksum
from weightbench.records.schema import WeightSummary
from weightbench.records.store import Store
from weightbench.records.weights import Weights
from weightbench.report.figures import FIGURES

TASKS = ("theirs/evil.py:TASK", "theirs/evil.py:TASK[noise=0.2]", "theirs/evil.py:TASK[noise=0.4]")
WEIGHTERS = (
    "uniform", "oracle", "theirs/evil.py:W", "uniform+theirs/evil.py:W", "theirs/evil.py:W+conf",
    "theirs/evil.py:W[a=1]", "theirs/../theirs/evil.py:W",
)  # fmt: skip
COMMANDS = [
    ["leaderboard", "theirs"], ["leaderboard", "theirs", "--suite", "quick"],
    ["leaderboard", "theirs", "--suite", "quick", "--suite", "paper-digits"],
    *(["leaderboard", "theirs", "--format", form] for form in ("html", "csv", "json", "markdown")),
    ["compare", "theirs/evil.py:W", "uniform", "theirs"], ["compare", "l2rw", "oracle", "theirs"],
    ["anchors", "theirs", "--out", "a.json"], ["merge", "theirs", "--out", "all"],
    ["doctor", "theirs"], ["doctor", "theirs", "--repair"],
    *(["plot", name, "theirs", "--out", "drawn"] for name in FIGURES),
    *(["plot", name, "theirs", "--out", "drawn", "--weighter", "theirs/evil.py:W"]
      for name in FIGURES),
]  # fmt: skip


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of records as somebody sent it, with a file beside them, in the working folder."""
    monkeypatch.chdir(tmp_path)
    store = Store("theirs")
    store.create()
    summary = WeightSummary(step=9, auroc=0.5, effective=1.0, zero=0.0, by_class=[1.0])
    weights = Weights(np.ones(30), np.arange(30) % 3, np.arange(30) < 20, (summary,))
    for task in (*TASKS, "digits-uniform-flip-v0"):
        for weighter in WEIGHTERS:
            for seed in range(2):
                accuracy = 0.75 + 0.01 * len(weighter) + 0.001 * seed
                digest = checksum(generated.predictions(seed))
                record = generated.record(task, weighter, seed, accuracy / 2, predictions=digest)
                store.put(record, generated.predictions(seed), weights)
            store.put_cost(generated.cost(task, weighter))
    ran = f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()"
    Path("theirs/evil.py").write_text(ran)
    return tmp_path


def here(*arguments: str) -> Result:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_what_records_name_is_not_run(theirs: Path, command: list[str]) -> None:
    here(*command)
    assert not (theirs / "ran").exists()


def test_a_figure_that_needs_the_task_says_how_to_allow_it(theirs: Path) -> None:
    refused = here("plot", "confusion", "theirs", "--out", "drawn")
    assert refused.exit_code == 2
    assert "is in a file, which records do not cause to be run: --task names it" in refused.stderr
    here("plot", "confusion", "theirs", "--out", "drawn", "--task", TASKS[0])
    assert (theirs / "ran").exists(), "here it was asked to"


def test_parameters_of_a_task_in_a_file_are_read_off_its_name(theirs: Path) -> None:
    assert here("plot", "noise", "theirs", "--out", "drawn").exit_code == 0
    drawn = (theirs / "drawn" / "noise.csv").read_text()
    assert "0.2" in drawn
    assert "0.4" in drawn
    assert not (theirs / "ran").exists()
