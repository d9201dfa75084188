"""docs/write-a-weighter.md followed to the letter: its weighter scores what the page prints."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.test_readme import PAGE, accuracies, block, weightbench

NEAR = 0.01  # on another machine


def test_the_page_leads_to_its_board(tmp_path: Path) -> None:
    (tmp_path / "agreement.py").write_text(block("file: agreement.py", PAGE))
    *_, evaluate = block("check", PAGE).splitlines()
    out = weightbench(*shlex.split(evaluate)[2:], cwd=tmp_path)
    for name in ("oracle", "agreement.py:Agreement", "uniform"):
        shown = accuracies(block("board", PAGE), name)
        assert accuracies(out, name) == pytest.approx(shown, abs=NEAR)
