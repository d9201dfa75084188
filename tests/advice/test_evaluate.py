"""Evaluations from Python: the same trials as the command's, without a shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import weightbench as wb
from tests.shell import TINY, broken, evaluate, weightbench
from tests.test_readme import block
from weightbench.registry import TASKS

SCRIPT = f"""
import sys
import weightbench as wb
assert "torch" not in sys.modules
results = wb.evaluate({TINY!r}, "proportion", seeds=2, workers=2, costs=False)
print(results.to_dataframe().groupby("weighter").accuracy.mean().to_dict())
print(len(results.records))
"""


def own_task(name: str = "own", noise: float = 0.3) -> wb.Task:
    """A task of objects that no other process can find."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(300, 3))
    data = wb.DataSet("mine", table, np.where(table[:, 0] > 0, "yes", "no"))  # type: ignore[arg-type]
    return wb.Task(
        name, dataset=data, corruption=wb.UniformFlip(noise), holdout=wb.HoldoutPerClass(5),
        select=20, test=60, model=lambda data: torch.nn.Linear(3, data.num_classes),
        recipe=wb.Recipe(steps=10, batch_size=20),
    )  # fmt: skip


def test_it_gives_what_the_command_gives(tmp_path: Path) -> None:
    results = wb.evaluate(TINY, ["proportion"], seeds=1, out=tmp_path / "a", workers=2)
    frame = results.to_dataframe()
    assert frame.groupby("weighter").seed.apply(list).to_dict() == {
        "uniform": [0], "proportion": [0], "oracle": [0],
    }  # fmt: skip
    assert (frame.status == "ok").all()
    assert ((frame.accuracy > 0.3) & (frame.accuracy == frame.score)).all()
    assert frame.key.is_unique
    command = weightbench(*evaluate(tmp_path / "b", weighters=("proportion",)))
    again = wb.load_records(tmp_path / "b").to_dataframe()
    both = frame.merge(again, on="key", suffixes=("", "_again"))
    assert len(both) == 3
    assert (both.accuracy == both.accuracy_again).all()
    names = ("uniform", "proportion", "oracle")
    rows = [line.split() for line in results.board.splitlines() if set(line.split()) & {*names}]
    said = " ".join(command.stdout.split())
    assert len([row for row in rows if " ".join(row[:3]) in said]) >= len(names)
    assert "FLOP" in str(results)


def test_what_a_folder_holds_is_not_run_again_and_failures_are_rows(tmp_path: Path) -> None:
    names = [broken("Raises"), broken("Negative")]
    first = wb.evaluate(TINY, names, seeds=1, out=tmp_path, workers=2, costs=False)
    frame = first.to_dataframe().set_index("weighter")
    for name in names:
        assert frame.loc[name, "status"] != "ok"
        assert frame.loc[name, "reason"]
        assert np.isnan(frame.loc[name, "accuracy"])
    assert "2 failed" in repr(first)
    fine = {r.trial.key: r.finished for r in first.records if r.status == "ok"}
    second = wb.evaluate(TINY, names[:1], seeds=1, out=tmp_path, workers=2, costs=False)
    assert len(second.records) == 3, "those that were asked for"
    assert {r.trial.key: r.finished for r in second.records if r.status == "ok"} == fine
    assert len(wb.load_records(tmp_path).records) == 4


def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = run_python(script)
    means, count = done.stdout.splitlines()
    assert means.startswith("{'oracle': 0.")
    assert count == "6", "the script was run once"


def test_what_the_readme_shows_runs_where_there_is_no_file() -> None:
    """As in a notebook."""
    done = run_python("-", input=block("from python"))
    assert re.search(r"l2rw-auto +B ", done.stdout)


def run_python(script: str | Path, input: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a script to its end; where nobody looks on there is no bar."""
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True, text=True, timeout=200, input=input,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done


def test_a_file_that_evaluates_itself_is_one_clear_error(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import weightbench as wb\n"
        "class Mine(wb.Weighter):\n    def weigh(self, batch): return batch.losses\n"
        f"wb.evaluate({TINY!r}, 'script.py:Mine', seeds=1)\n"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=200, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "put that call under `if __name__ == '__main__':`" in done.stderr.splitlines()[-1]


def test_tasks_that_are_objects_run_in_this_process(tmp_path: Path) -> None:
    known = TASKS.names()
    tiny = wb.make_task(TINY)
    results = wb.evaluate([own_task(), tiny], "gce", seeds=1, out=tmp_path, workers=1, costs=False)
    frame = results.to_dataframe()
    assert set(frame.task) == {"own", TINY}
    assert (frame.status == "ok").all()
    assert "own" in results.board
    assert TASKS.names() == known, "its name stood for it as long as that took"
    run = wb.start(own_task(), 0, wb.make_weighter("gce"))
    run.train()
    (here,) = frame[(frame.task == "own") & (frame.weighter == "gce")].accuracy
    assert run.score() == pytest.approx(here)


def test_a_task_found_by_its_name_needs_no_lending() -> None:
    task = wb.make_task("digits49-imbalance-v0", steps=4)
    results = wb.evaluate(task, [], seeds=1, workers=1, costs=False)
    assert {r.trial.task for r in results.records} == {"digits49-imbalance-v0[steps=4]"}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"tasks": "nope"}, "no task is called 'nope'"),
        ({"tasks": 3 * ["nope"], "seeds": 0}, "seeds=0"),
        ({"tasks": [3]}, "3 is no task"),
        ({"weighters": [wb.Weighter]}, "asked for by name"),
        ({"weighters": "nope"}, "no weighter is called 'nope'"),
        ({"device": "tpu"}, "expected cpu or cuda"),
        ({"tasks": [own_task(), own_task(noise=0.1)]}, "two tasks are called 'own'"),
        ({"tasks": own_task("digits49-imbalance-v0")}, "another than the one that name stands for"),
        ({"tasks": own_task("a[b=1]")}, "give it a name of its own"),
    ],
)
def test_what_cannot_be_run_is_one_clear_error(asked: dict[str, object], says: str) -> None:
    wanted = {"tasks": TINY, "weighters": "uniform", "seeds": 1, "workers": 1, **asked}
    with pytest.raises(wb.errors.BadSpec, match=says) as caught:
        wb.evaluate(**wanted)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_folder_without_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(wb.errors.StoreError):
        wb.load_records(tmp_path / "none")
