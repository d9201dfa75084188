"""Collects the ratios that benchmarks measure and prints them in one table at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from weightbench.evaluation.provenance import provenance

RATIOS: list[tuple[str, str]] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Timing is for `make bench`: it runs when this folder is asked for by name."""
    if any("benchmarks" in str(argument) for argument in config.args):
        return
    skip = pytest.mark.skip(reason="a benchmark: run `make bench`")
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def report(name: str, ratio: object) -> None:
    """Put a ratio into the table."""
    RATIOS.append((name, str(ratio)))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table and the machine it was measured on."""
    if not RATIOS:
        return
    made = provenance("cpu")
    terminalreporter.section("ratios: median [quartiles] of interleaved pairs")
    width = max(len(name) for name, _ in RATIOS)
    for name, ratio in RATIOS:
        terminalreporter.write_line(f"{name:{width}}  {ratio}")
    gpu = f", {provenance('cuda').machine}" if torch.cuda.is_available() else ""
    terminalreporter.write_line(f"one thread, {made.machine}{gpu}, torch {made.packages['torch']}")
