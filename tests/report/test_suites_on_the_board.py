"""Boards of single suites from one folder of records."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.generated import digest, record, spread
from weightbench.cli import main
from weightbench.records.schema import write
from weightbench.registry import SUITES, Suite
from weightbench.submission.covered import covered
from weightbench.training.task import make_task

ONE, TWO = "board-suite-one", "board-suite-two"
BASE = "digits-uniform-flip-v0"
SHARED, FIRST, SECOND = f"{BASE}[noise=0.2]", f"{BASE}[noise=0.3]", f"{BASE}[noise=0.5,clean=3]"
if ONE not in SUITES.names():
    SUITES.add(ONE, Suite((SHARED, FIRST), ("uniform", "oracle", "random"), 6, "the first"))
    SUITES.add(TWO, Suite((SECOND, SHARED), ("uniform", "oracle", "l2rw"), 6))


def put(folder: Path, task: str, weighter: str, mean: float) -> None:
    whole = make_task(task)
    sums = {"data": whole.data.sha256, "corruption": digest("c"), "splits": digest("s")}
    for seed, accuracy in enumerate(spread(mean, 6, 1)):
        made = record(whole.name, weighter, seed, accuracy, checksums=sums)
        (folder / "records" / f"{made.trial.key}.json").write_bytes(write(made))
        (folder / "predictions" / f"{made.trial.key}.npz").touch()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two suites that share a task; a stranger ran on the whole of the first."""
    made: Path = tmp_path_factory.mktemp("suites")
    for name in ("records", "predictions"):
        (made / name).mkdir()
    for task in (SHARED, FIRST, SECOND):
        put(made, task, "uniform", 0.5)
        put(made, task, "oracle", 0.9)
    for task, weighter in (
        (SHARED, "random"), (SHARED, "l2rw"), (SECOND, "l2rw"),
        (SHARED, "stranger"), (FIRST, "stranger"),
    ):  # fmt: skip
        put(made, task, weighter, 0.7)
    return made


def asked(folder: Path, form: str, *suites: str) -> Result:
    options = [part for suite in suites for part in ("--suite", suite)]
    done = CliRunner().invoke(main, ["leaderboard", str(folder), "--format", form, *options])
    assert done.exit_code == 0, done.output
    return done


def test_a_suite_shows_its_tasks_in_order_and_who_ran_on_all_of_them(folder: Path) -> None:
    content = json.loads(asked(folder, "json", ONE, TWO).stdout)["suites"]
    assert list(content) == [ONE, TWO]
    assert content[TWO]["tasks"] == [make_task(SECOND).name, SHARED]
    shown = {name: {row["weighter"] for row in made["rows"]} for name, made in content.items()}
    assert shown[ONE] == {"uniform", "oracle", "random", "stranger"}
    assert shown[TWO] == {"uniform", "oracle", "l2rw"}


def test_who_lacks_a_task_stands_below_without_a_place(folder: Path) -> None:
    rows = json.loads(asked(folder, "json", ONE).stdout)["suites"][ONE]["rows"]
    assert rows[-1]["weighter"] == "random"
    assert rows[-1]["place"] == "-"
    assert {row["place"] for row in rows if row["weighter"] in ("uniform", "stranger")} == {
        "1",
        "2",
    }
    text = asked(folder, "table", ONE).stdout
    assert "1/2 tasks" in text
    assert "random: not on every task, so no place" in text


def test_every_form_says_which_suite_is_which(folder: Path) -> None:
    assert f"{ONE}: the first" in asked(folder, "table", ONE, TWO).stdout
    markdown = asked(folder, "markdown", ONE, TWO).stdout
    assert [line for line in markdown.splitlines() if line.startswith("## ")] == [
        f"## {ONE}", f"## {TWO}",
    ]  # fmt: skip
    lines = list(csv.DictReader(io.StringIO(asked(folder, "csv", ONE, TWO).stdout)))
    assert {line["suite"] for line in lines} == {ONE, TWO}
    page = asked(folder, "html", ONE, TWO).stdout
    assert page.count('class="entries"') == 2
    assert page.count(f'">{ONE}</h2>') == 1
    assert page.count('{"name":"uniform"') == 1


def test_a_folder_of_several_suites_has_a_board_for_each(folder: Path) -> None:
    """Also where nobody says which, and nobody who ran is left out."""
    done = asked(folder, "json")
    content = json.loads(done.stdout)["suites"]
    assert list(content) == [ONE, TWO]
    assert "a board for each" in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == asked(folder, "json", ONE, TWO).stdout


@pytest.mark.parametrize("form", ["table", "markdown", "html", "csv"])
def test_every_form_has_these_boards(folder: Path, form: str) -> None:
    assert asked(folder, form).stdout == asked(folder, form, ONE, TWO).stdout


Ran = dict[str, set[str]]
BOTH = {"uniform", "oracle"}
QUICK = [
    "digits-uniform-flip-v0", "digits-background-flip-v0", "digits-pair-flip-v0",
    "digits-noisy-tail-v0",
]  # fmt: skip
ALL = {"uniform", "random", "proportion", "resample", "clean-only", "l2rw", "oracle"}


def boards(ran: Ran) -> list[tuple[str, set[str], set[str]]]:
    return [(one.title, set(one.tasks), set(one.shown)) for one in covered(ran)]


def test_of_two_suites_with_the_same_rows_it_is_the_one_that_was_run() -> None:
    """Suite ``rivals`` has the tasks of ``quick``, and other weighters too."""
    assert boards(dict.fromkeys(QUICK, ALL)) == [("quick", set(QUICK), ALL)]


def test_what_was_run_beside_a_suite_has_a_board_of_its_own() -> None:
    extra, mine = f"{BASE}[noise=0.1]", {*BOTH, "mine.py:Mine"}
    ran = {**dict.fromkeys(QUICK, ALL), extra: mine}
    assert boards(ran) == [("quick", set(QUICK), ALL), ("other tasks", {extra}, mine)]


def test_who_ran_on_a_part_of_a_suite_is_shown_there() -> None:
    extra = f"{BASE}[noise=0.1]"
    ran = {**dict.fromkeys(QUICK, ALL), extra: {*BOTH, "random"}}
    ran[QUICK[0]] = {*ALL, "mine.py:Mine"}
    (_, _, shown), _ = boards(ran)
    assert shown == {*ALL, "mine.py:Mine"}


def test_no_board_ranks_uniform_alone() -> None:
    """Two evaluations of other weighters on other tasks; and a task on which none ran."""
    ran: Ran = {
        "a-v0": {*BOTH, "x"}, "b-v0": {*BOTH, "x"}, "c-v0": {*BOTH, "y"}, "d-v0": BOTH,
        "::x[": {*BOTH, "y"},
    }  # fmt: skip
    assert boards(ran) == [
        ("other tasks", {"a-v0", "b-v0"}, {*BOTH, "x"}),
        ("other tasks 2", {"c-v0", "::x["}, {*BOTH, "y"}),
    ]


def test_a_part_of_a_suite_is_none() -> None:
    (found,) = boards(dict.fromkeys(QUICK[:2], ALL))
    assert found == ("other tasks", set(QUICK[:2]), ALL)


def test_a_wrong_suite_is_one_line(folder: Path) -> None:
    done = CliRunner().invoke(main, ["leaderboard", str(folder), "--suite", "quik"])
    assert done.exit_code == 2
    assert "Did you mean quick?" in done.stderr
