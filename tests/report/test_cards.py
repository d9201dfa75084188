"""What `weightbench show` says."""

from __future__ import annotations

from pathlib import Path

import pytest

from weightbench.errors import UnknownName
from weightbench.report.cards import card, cards_of

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
    assert "digits49-imbalance-v0" in text


def test_a_weighter_in_a_file_has_a_card(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(WEIGHTER)
    text = str(card(f"{path}:Mine"))
    assert "Half of what uniform gives." in text
    assert "share=0.5" in text


def test_a_wrong_name_gets_the_nearest_ones() -> None:
    with pytest.raises(UnknownName, match="l2rw"):
        card("l2rv")
