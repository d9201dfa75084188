"""What `weightbench show` says."""

from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from tests.generated import record
from weightbench.cli import main
from weightbench.errors import UnknownName
from weightbench.report.cards import card, cards_of
from weightbench.report.terminal import print_boards, print_line
from weightbench.report.versus import print_comparison
from weightbench.scoring import board, compare

WEIGHTER = '''
import weightbench as wb

class Mine(wb.Weighter):
    """Half of what uniform gives."""

    def __init__(self, share: float = 0.5) -> None:
        self.share = share

    def weigh(self, batch):
        return wb.normalize(batch.labels.float())
'''


def test_a_task_card_says_data_sizes_noise_and_recipe() -> None:
    text = str(card("digits-background-flip-v0[noise=0.2]"))
    for word in ("digits, 1797 examples", "train", "holdout 30", "noise=0.2", "steps 400, batch"):
        assert word in text
    wrong = float(text.partition("wrong")[2].partition("%")[0])
    assert 10 < wrong < 20  # some of the drawn labels were that class already


def test_a_task_is_known_without_its_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHTBENCH_DATA", str(tmp_path))
    name = "mnist49-imbalance-v0[ratio=0.9]"
    found = cards_of([name, "no-such-task-v0"], ["uniform"])
    assert found.keys() == {name, "uniform"}
    assert found[name].parameters["ratio"] == 0.9
    assert "MNIST" in found[name].about
    assert "docs/data.md" in found[name].facts["data"]
    assert "ratio=0.9" in str(card(name))


def test_a_weighter_card_says_rule_parameters_and_source() -> None:
    text = str(card("oracle"))
    assert "proportional to" in text
    assert "parameters  none" in text
    assert "oracle.py" in text


def test_a_wrapper_card_leaves_out_what_it_wraps() -> None:
    text = str(card("ft"))
    assert text.startswith("+ft")
    assert "parameters  steps=None" in text


def test_a_suite_card_says_what_it_runs() -> None:
    text = str(card("quick"))
    assert "l2rw" in text
    assert "digits-pair-flip-v0" in text


def test_a_weighter_in_a_file_has_a_card(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(WEIGHTER)
    text = str(card(f"{path}:Mine"))
    assert "Half of what uniform gives." in text
    assert "share=0.5" in text


TASK = """
import numpy as np
from torch import nn
import weightbench as wb

def data():
    return wb.DataSet("mine", np.random.default_rng(0).normal(size=(200, 2)), np.arange(200) % 2)

def gone():
    return open("/no/such/table.csv")

def network(data):
    return nn.Linear(2, 2)

def broken(data):
    return nn.Linear(data.width, 2)

PARTS = dict(
    corruption=wb.UniformFlip(0.2), holdout=wb.HoldoutPerClass(5), select=20, test=40,
    recipe=wb.Recipe(steps=4),
)
MINE = wb.Task("mine", dataset=data, model=network, **PARTS)
GONE = wb.Task("gone", dataset=gone, model=network, **PARTS)
BROKEN = wb.Task("broken", dataset=data, model=broken, **PARTS)
LARGE = wb.Task("large", dataset=data, model=network, **{**PARTS, "test": 400})
smile = wb.Task("smile", dataset=data, model=network, about="a :smile: task", **PARTS)
"""


def test_a_task_in_a_file_has_a_card(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(TASK)
    text = str(card(f"{path}:MINE[noise=0.1]"))
    assert "mine, 200 examples of shape (2,), 2 classes" in text
    assert "noise=0.1" in text


@pytest.mark.parametrize("command", ["show", "evaluate"])
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("GONE", "GONE cannot be made: FileNotFoundError: .*/no/such/table.csv"),
        ("BROKEN", "BROKEN cannot be made: AttributeError: .*width"),
        ("LARGE", "cannot draw 400 of 200 examples"),
        ("NONE", "mine.py defines no 'NONE'"),
    ],
)
def test_a_task_that_cannot_load_stops_with_one_line(
    tmp_path: Path, command: str, name: str, says: str
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(TASK)
    spec = f"{path}:{name}"
    arguments = ["--task", spec, "--out", str(tmp_path / "r")] if command == "evaluate" else [spec]
    result = CliRunner().invoke(main, [command, *arguments])
    assert result.exit_code in (1, 2)
    (line,) = result.stderr.strip().splitlines()
    assert re.search(says, line)


def test_a_name_between_colons_stays_text(tmp_path: Path) -> None:
    """On a terminal too, where rich would make :smile: a face."""
    path = tmp_path / "a:smile:.py"
    path.write_text(TASK)
    spec = f"{path}:smile"
    assert ":smile: task" in str(card(spec))
    made = [record(spec, name, seed, 0.5) for name in ("uniform", "oracle") for seed in range(2)]
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=200)
    shown = dataclasses.replace(board(made), title=spec, about=":smile:")
    print_boards([shown], console)
    print_comparison(compare(made, "uniform", "oracle"), console)
    print_line(console, spec)
    assert out.getvalue().count("a:smile:.py:smile") >= 4
    assert "\N{SMILING FACE WITH OPEN MOUTH AND SMILING EYES}" not in out.getvalue()


def test_a_wrong_name_gets_the_nearest_ones() -> None:
    with pytest.raises(UnknownName, match="l2rw"):
        card("l2rv")
