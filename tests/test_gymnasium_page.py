"""docs/gymnasium.md: its code as it stands; tests/benchmarks makes its numbers again."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

import weightbench as wb
from tests import shell

PAGE = (Path(__file__).parents[1] / "docs" / "gymnasium.md").read_text("utf-8")


def block(marker: str) -> str:
    """The fenced block that follows ``<!-- marker -->``."""
    found = re.search(rf"<!-- {re.escape(marker)} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert found, marker
    return found[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of the page."""
    for name in ("policy.py", "learn.py"):
        (tmp_path / name).write_text(block(f"file: {name}"))
    return tmp_path


def python(code: str, folder: Path) -> list[str]:
    done = shell.python("-c", code, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_loop_of_the_page_runs() -> None:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(block("python"), {})
    assert 0.6 < float(out.getvalue()) <= 1


def test_a_search_runs_and_the_weighter_trains_what_its_episodes_train(folder: Path) -> None:
    numbers = (-0.5, 0.3, 0.4, 1.0)
    *_, searched, episode = python(
        "import learn; learn.learn(0, generations=1, tried=2, kept=2, trainings=1); "
        f"print(learn.episode({numbers}, 4))",
        folder,
    )
    assert re.fullmatch(r"0 \S+ \[.*\]", searched)
    names = ("bias", "of_loss", "of_margin", "of_late_margin")
    given = ",".join(f"{name}={value}" for name, value in zip(names, numbers, strict=True))
    weighter = wb.make_weighter(f"{folder / 'policy.py'}:Learned[{given}]")
    run = wb.start(wb.make_task("digits-background-flip-v0"), 4, weighter=weighter)
    run.train()
    assert episode.endswith(f", {run.score()})")


def test_the_numbers_of_the_weighter_are_those_of_the_search(folder: Path) -> None:
    found = block("search").splitlines()[-1]
    weighter = wb.make_weighter(f"{folder / 'policy.py'}:Learned")
    assert [*vars(weighter)["numbers"]] == [float(n) for n in re.findall(r"-?\d+\.\d+", found)[1:]]
