"""How long a board takes as records grow, and how much memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.conftest import report
from tests.generated import record
from weightbench.records.schema import Record, WeightSummary, write

WEIGHTERS = ["uniform", "oracle", *(f"weighter-{i}" for i in range(48))]
TASKS = [f"task-{i}-v0" for i in range(20)]
MEASURE = """
import resource, sys
from click.testing import CliRunner
from weightbench.cli import main
done = CliRunner().invoke(main, ["leaderboard", sys.argv[1], "--format", "html"])
assert done.exit_code == 0, done.output
usage = resource.getrusage(resource.RUSAGE_SELF)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20)
"""


def fill(folder: Path, count: int) -> None:
    """``count`` records of 50 weighters on 20 tasks, as an evaluation leaves them."""
    summary = WeightSummary(step=1, auroc=0.7, effective=0.5, zero=0.1, by_class=[1.0] * 10)
    for name in ("records", "predictions"):
        (folder / name).mkdir(parents=True)
    for i in range(count):
        pair, seed = i % 1000, i // 1000
        made = record(
            TASKS[pair % 20], WEIGHTERS[pair // 20], seed, accuracy(pair // 20, i), weights=summary
        )
        put(folder, made)


def accuracy(weighter: int, i: int) -> float:
    """Between .5 and .9 by weighter, the oracle above, with the same spread every time."""
    mean = {0: 0.5, 1: 0.9}.get(weighter, 0.5 + weighter / 150)
    return mean + 0.02 * ((i * 7919) % 101 / 101 - 0.5)


def put(folder: Path, made: Record) -> None:
    """Without the store's care for crashes, which would take minutes."""
    (folder / "records" / f"{made.trial.key}.json").write_bytes(write(made))
    (folder / "predictions" / f"{made.trial.key}.npz").touch()


@pytest.mark.parametrize("count", [1000, 10_000, 100_000])
def test_a_page_of_many_records(benchmark: Any, tmp_path: Path, count: int) -> None:
    fill(tmp_path, count)

    def measure() -> list[float]:
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(tmp_path)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return [float(number) for number in done.stdout.split()]

    seconds, memory = benchmark.pedantic(measure, rounds=1)
    wall = benchmark.stats["mean"]
    report(f"page of {count:,} records", f"{wall:.1f} s ({seconds:.1f} s CPU), {memory:.2f} GiB")
    if count == 100_000:
        assert seconds < 20
        assert memory < 2
