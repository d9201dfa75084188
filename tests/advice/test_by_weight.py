"""``weightbench suspects``: the rows that counted least, from the records of a run."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from tests.shell import TINY
from weightbench.cli import main

pytestmark = pytest.mark.xdist_group("by-weight")  # one evaluation for all of them


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs") / "runs"
    command = ["evaluate", "--task", TINY, "--weighter", "l2rw-auto", "--weighter", "gce"]
    done = CliRunner().invoke(
        main, [*command, "--seeds", "2", "--workers", "0", "--out", str(place)]
    )
    assert done.exit_code == 0, done.output
    return place


def test_rows_that_counted_least_come_first(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "s.csv"
    command = ["suspects", str(runs), "--weighter", "l2rw-auto", "--out", str(out)]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    table = pd.read_csv(out)
    assert list(table) == ["id", "given", "weight", "seeds", "rank", "row"]
    assert table["weight"].is_monotonic_increasing
    assert not table.duplicated(["row", "given"]).any()
    assert set(table["seeds"]) <= {1, 2}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "choose one: --task .* --weighter 'gce'"),
        (["--weighter", "uniform"], "no run of uniform has kept weights that differ"),
        (["--weighter", "none"], "no run of none"),
    ],
)
def test_what_cannot_be_told_is_said_in_a_line(options: list[str], says: str, runs: Path) -> None:
    done = CliRunner().invoke(main, ["suspects", str(runs), *options])
    assert done.exit_code == 1
    (line,) = done.output.splitlines()
    assert re.search(says, line), line
