"""docs/gymnasium.md followed to the letter: a policy is learned, and carried as the table says."""

from __future__ import annotations

import csv
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_gymnasium_page import PAGE, block

TASKS = (
    "digits-uniform-flip-v0", "digits-background-flip-v0", "digits-pair-flip-v0",
    "digits-noisy-tail-v0",
)  # fmt: skip
NEAR = 0.03  # accuracies, on another machine


def run(line: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        shlex.split(line.removeprefix("$ ")),
        cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_leads_to_its_numbers(tmp_path: Path) -> None:
    for name in ("policy.py", "learn.py"):
        (tmp_path / name).write_text(block(f"file: {name}"))
    search, *shown = block("search").splitlines()
    found = run(search, tmp_path).splitlines()
    print("\n".join(found))
    assert len(found) == len(shown)
    # A search goes another way where sums are rounded otherwise; that it learns is the same.
    assert float(found[-1].split()[1]) > float(found[0].split()[1])

    run(block("evaluate").strip(), tmp_path)
    board = run("weightbench leaderboard runs --format csv", tmp_path)
    measured = {
        (row["weighter"], row["task"]): row["accuracy"]
        for row in csv.DictReader(io.StringIO(board))
    }
    for name in ("oracle", "l2rw-auto", "policy.py:Learned", "uniform"):
        (line,) = re.findall(rf"^\| `{re.escape(name)}`.*\|$", PAGE, re.MULTILINE)
        for task, shown_accuracy in zip(TASKS, line.split("|")[3:7], strict=True):
            accuracy = float(measured[name, task])
            print(f"{name:20} {task:32} {accuracy:.3f}")
            assert accuracy == pytest.approx(float(shown_accuracy), abs=NEAR)
