"""The board as Markdown, CSV and JSON, and in files."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.generated import anchored, cost, record, records, spread
from weightbench.cli import main
from weightbench.errors import StoreError
from weightbench.records.schema import Record
from weightbench.records.store import Store
from weightbench.report.export import (
    BEGIN,
    END,
    between_markers,
    to_csv,
    to_json,
    to_markdown,
)
from weightbench.scoring import Board, board
from weightbench.texts import plain

HOSTILE = "<script>alert(1)</script>|`*_[x](y)\x1b[31m"


def entries() -> list[Record]:
    table = anchored()
    for task in table:
        table[task]["good"] = spread(0.8, 8, 7)
        table[task][HOSTILE] = spread(0.7, 8, 8)
    lost = [record(task, "lost", seed, None) for task in table for seed in range(8)]
    return [*records(table), *lost]


def scored() -> Board:
    return board(entries(), [cost("a-v0", "good", 3.25)])


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder of records, as an evaluation leaves it."""
    store = Store(tmp_path / "runs")
    store.create()
    for r in entries():
        store.put(r, {} if r.training else None)
    store.put_cost(cost("a-v0", "good", 3.25))
    return store.root


def test_json_holds_every_number_and_the_records_behind_it() -> None:
    content = json.loads(to_json([scored()]))
    good = next(row for row in content["rows"] if row["weighter"] == "good")
    assert good["cells"]["a-v0"]["seeds"] == 8
    assert good["cost"]["time"] == 3.25
    assert content["anchors"]["a-v0"]["seeds"] == 8
    keys = content["records"]["a-v0"]["good"]
    own = [r for r in entries() if (r.trial.task, r.trial.weighter) == ("a-v0", "good")]
    assert keys == [r.trial.key for r in own]


def test_json_says_what_the_board_says_beside_its_numbers() -> None:
    made = scored()
    content = json.loads(to_json([made]))
    assert content["schema_version"] == 1
    assert content["leaders"] == {task: list(names) for task, names in made.leaders.items()}
    assert [one["title"] for one in content["findings"]] == [one.title for one in made.findings]
    pairs = {(duel["one"], duel["other"]) for duel in content["duels"]}
    assert len(pairs) == len(made.duels) == 6, "four entries are ranked"
    good = next(row for row in content["rows"] if row["weighter"] == "good")
    assert good["cost"]["time_known"] is True
    assert good["cells"]["a-v0"]["gain"]["mean"] > 0


def test_an_interval_of_one_seed_has_no_ends() -> None:
    single = board([r for r in entries() if r.trial.seed == 0])
    content = json.loads(to_json([single]))
    good = next(row for row in content["rows"] if row["weighter"] == "good")
    assert good["skill"]["mean"] > 0
    assert (good["skill"]["low"], good["skill"]["high"]) == (None, None)
    lines = list(csv.DictReader(io.StringIO(to_csv([single]))))
    (whole,) = [line for line in lines if line["weighter"] == "good" and not line["task"]]
    assert float(whole["skill"]) > 0
    assert (whole["skill_low"], whole["skill_high"]) == ("", "")


def test_csv_has_a_line_for_each_weighter_and_each_of_its_tasks() -> None:
    lines = list(csv.DictReader(io.StringIO(to_csv([scored()]))))
    assert len(lines) == 5 * 3
    (whole,) = [line for line in lines if line["weighter"] == "good" and not line["task"]]
    assert float(whole["time"]) == 3.25
    (lost,) = [line for line in lines if (line["weighter"], line["task"]) == ("lost", "a-v0")]
    assert lost["failures"] == "8"
    assert any(line["weighter"] == plain(HOSTILE) for line in lines)


def test_markdown_shows_names_as_text() -> None:
    text = to_markdown([scored()])
    assert "<script" not in text
    assert "\x1b" not in text
    (line,) = [line for line in text.splitlines() if "alert" in line and line.startswith("|")]
    plain_line = next(line for line in text.splitlines() if "| good |" in line)
    assert line.replace("\\|", "").count("|") == plain_line.count("|")
    assert "0.100\\-\\*" in text  # all of lost's trials count as guessing


def test_markdown_goes_between_the_markers() -> None:
    page = f"above\n{BEGIN}\nold\n{END}\nbelow\n"
    once = between_markers(page, "new\n")
    assert once == f"above\n{BEGIN}\nnew\n{END}\nbelow\n"
    assert between_markers(once, "new\n") == once


@pytest.mark.parametrize("page", ["none", f"{END}\n{BEGIN}", BEGIN + BEGIN + END])
def test_a_page_without_one_place_for_it_is_refused(page: str) -> None:
    with pytest.raises(StoreError, match="needs one line"):
        between_markers(page, "new\n")


@pytest.mark.parametrize("form", ["table", "markdown", "html", "csv", "json"])
def test_every_form_is_printed_and_written(runs: Path, tmp_path: Path, form: str) -> None:
    printed = CliRunner().invoke(main, ["leaderboard", str(runs), "--format", form])
    assert printed.exit_code == 0, printed.output
    assert "good" in printed.stdout
    path = tmp_path / "new" / f"board.{form}"
    done = CliRunner().invoke(
        main, ["leaderboard", str(runs), "--format", form, "--out", str(path)]
    )
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert "good" in path.read_text()
    if form not in ("table", "html"):  # a page links what lies beside it
        assert path.read_text() == printed.stdout


def test_a_damaged_record_is_named_left_out_and_exits_with_1(runs: Path) -> None:
    damaged = next((runs / "records").glob("*.json"))
    damaged.write_text("{")
    done = CliRunner().invoke(main, ["leaderboard", str(runs), "--format", "csv"])
    assert done.exit_code == 1
    assert damaged.name in done.stderr
    assert done.stdout.startswith("weighter,")


def test_anchors_are_frozen_by_one_command(runs: Path, tmp_path: Path) -> None:
    path = tmp_path / "anchors.json"
    done = CliRunner().invoke(main, ["anchors", str(runs), "--out", str(path)])
    assert done.exit_code == 0, done.output
    assert set(json.loads(path.read_text())["tasks"]) == {"a-v0", "b-v0"}


def test_compare_prints_every_task_and_the_whole(runs: Path) -> None:
    done = CliRunner().invoke(main, ["compare", "good", "uniform", str(runs)])
    assert done.exit_code == 0, done.output
    for word in ("a-v0", "b-v0", "skill over all tasks", "A is better"):
        assert word in done.stdout
    assert "\x1b" not in done.stdout


def test_comparing_with_an_unknown_name_is_one_line(runs: Path) -> None:
    done = CliRunner().invoke(main, ["compare", "goood", "uniform", str(runs)])
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert "good" in done.stderr
