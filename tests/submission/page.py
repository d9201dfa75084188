"""The commands of docs/submit.md."""

from __future__ import annotations

import shlex
from pathlib import Path

from tests.test_readme import block

PAGE = (Path(__file__).parent.parent.parent / "docs" / "submit.md").read_text()


def commands() -> list[list[str]]:
    """Each line of the page's walk, in words, without the dollar sign."""
    lines = block("submit", PAGE).strip().splitlines()
    assert all(line.startswith("$ weightbench ") for line in lines)
    return [shlex.split(line)[1:] for line in lines]
