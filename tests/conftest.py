"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import weightbench as wb

PLUGINS = Path(__file__).parent / "plugins"


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """As in a worker, so that numbers are those of an evaluation."""
    torch.set_num_threads(1)


@pytest.fixture
def tiny() -> wb.Task:
    """A task that trains in a few hundredths of a second."""
    return wb.make_task(f"{PLUGINS / 'tiny.py'}:TINY")
