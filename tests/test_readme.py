"""What the README and the how-to pages show is run as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import weightbench as wb
from tests import shell
from weightbench.records.store import Store
from weightbench.registry import SUITES
from weightbench.submission.boards import load

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def block(marker: str, text: str = README) -> str:
    """The fenced block that follows ``<!-- marker -->``."""
    found = re.search(rf"<!-- {re.escape(marker)} -->\n```\w+\n(.*?)```", text, re.DOTALL)
    assert found, marker
    return found[1]


def weightbench(*arguments: str, cwd: Path) -> str:
    """The output of the command."""
    done = shell.weightbench(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


PAGE = (ROOT / "docs" / "write-a-weighter.md").read_text()


def accuracies(board: str, name: str) -> list[float]:
    """Of a weighter, in the order of tasks; in a narrow terminal they follow in a second table."""
    lines = [line for line in board.splitlines() if name in line.split()[:2]]
    found = [float(cell) for line in lines for cell in re.findall(r"\b\d\.\d{3}\b", line)]
    assert found, board
    return found


def test_a_few_lines_are_a_weighter_that_wins(tmp_path: Path) -> None:
    """As the page says: ahead of plain training on every task, and as far as it says."""
    assert block("file: agreement.py") == block("file: agreement.py", PAGE)
    (tmp_path / "agreement.py").write_text(block("file: agreement.py"))
    line = block("run").strip()
    assert line.startswith("$ weightbench ")
    out = weightbench(*shlex.split(line)[2:], "--seeds", "1", cwd=tmp_path)
    mine, plain = (accuracies(out, name) for name in ("agreement.py:Agreement", "uniform"))
    assert all(one > other for one, other in zip(mine, plain, strict=True))
    shown = accuracies(block("board", PAGE), "agreement.py:Agreement")
    assert mine == pytest.approx(shown, abs=0.09), "of one seed and of six"
    check, said, _ = block("check", PAGE).splitlines()
    assert weightbench(*shlex.split(check)[2:], cwd=tmp_path).strip() == said


@pytest.mark.parametrize("suite", ["rivals", "cifar-small"])
def test_its_findings_are_those_of_the_published_board(suite: str) -> None:
    """Every number of them stands in a sentence that the records give today."""
    found = re.search(rf"<!-- findings: {suite} -->\n(.*?)\n\n", README, re.DOTALL)
    assert found
    text = found[1].replace("CIFAR-10", "").replace("`l2rw`", "")
    board = load(Store(ROOT / "leaderboard")).of_suite(suite, SUITES.get(suite))
    said = " ".join(f"{finding.title} {finding.text}" for finding in board.findings)
    numbers = re.findall(r"\d+(?:\.\d+)?(?:x| methods| points|)", text)
    numbers += re.findall(r"\d\.\d\d \[\d\.\d\d, \d\.\d\d\]", text)
    assert len(numbers) > 10
    for number in set(numbers):
        assert number.removesuffix(" points") in said, number


def test_the_loop_by_hand_runs(tmp_path: Path) -> None:
    done = shell.python("-c", block("python"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert 0.5 < float(done.stdout) <= 1


def test_the_wrapper_of_the_how_to_page_goes_around_any_weighter(tmp_path: Path) -> None:
    _, wrapper, *_ = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "halve.py"
    file.write_text(
        f"import torch\nimport weightbench as wb\n{wrapper.rpartition('wb.register')[0]}"
    )
    assert wb.check_weighter(f"{file}:HalvedUniform") == []
    with pytest.raises(
        wb.errors.BadSpec, match="HalveTheCommonest is a wrapper, which goes around"
    ):
        wb.make_weighter(f"{file}:HalveTheCommonest")


def test_the_hooks_of_the_how_to_page_are_all_there() -> None:
    text = (ROOT / "docs" / "write-a-weighter.md").read_text()
    for hook in ("begin", "parameters", "recipe", "batches", "losses", "end_epoch", "finish"):
        assert f"| `{hook}(" in text
        assert hasattr(wb.Weighter, hook)


def test_the_task_of_the_how_to_page_trains(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "add-a-task.md").read_text()
    file = tmp_path / "my_task.py"
    file.write_text(re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0])
    task = wb.make_task(f"{file}:TASK[steps=20,noise=0.2]")
    run = wb.start(task, 0, weighter=wb.make_weighter("uniform"))
    run.train()
    assert run.score() > 0.6


def test_the_architecture_names_every_room() -> None:
    picture = README.split("## Architecture")[1].split("```")[1]
    rooms = {path.stem for path in (ROOT / "weightbench").glob("[a-z]*.py")}
    rooms -= {"corruption"}  # a former place that only leads on
    rooms |= {path.parent.name for path in (ROOT / "weightbench").glob("*/__init__.py")}
    named = set(re.findall(r"[a-z_]+", picture))
    assert rooms <= named, f"not in the picture: {sorted(rooms - named)}"
