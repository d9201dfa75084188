"""A board is what its raw records say: rebuilt from them, number by number."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from weightbench.cli import main
from weightbench.data.cache import data_folder
from weightbench.errors import DataUnavailable
from weightbench.records.store import Store
from weightbench.registry import SUITES
from weightbench.report.export import between_markers, to_json, to_markdown
from weightbench.scoring import Board, board, freeze, read_anchors
from weightbench.submission.boards import load
from weightbench.training.task import make_task

pytestmark = pytest.mark.xdist_group("published")  # the boards are made once
ROOT = Path(__file__).parents[2]
TASK = "digits-background-flip-v0[steps=40]"


def command(*arguments: str) -> None:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="module", params=["published", "made here"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published board; and one published by the same commands, from a small evaluation."""
    if request.param == "published":
        if not (ROOT / "leaderboard" / "board.json").exists():
            pytest.skip("nothing has been published yet")
        return ROOT / "leaderboard"
    made: Path = tmp_path_factory.mktemp("leaderboard")
    (made / "README.md").write_text((ROOT / "leaderboard" / "README.md").read_text())
    command(
        "evaluate", "--task", TASK, "--weighter", "resample", "--seeds", "3", "--workers", "0",
        "--out", str(made),
    )  # fmt: skip
    command("anchors", str(made), "--out", str(made / "anchors.json"))
    for form, name in (("markdown", "README.md"), ("json", "board.json"), ("html", "index.html")):
        command("leaderboard", str(made), "--format", form, "--out", str(made / name))
    return made


@pytest.fixture(scope="module")
def rebuilt(folder: Path) -> list[Board]:
    """The boards as the records give them today."""
    store = Store(folder)
    assert store.audit() == []
    suites = json.loads((folder / "board.json").read_text()).get("suites", {})
    if suites:
        return [load(store).of_suite(name, SUITES.get(name)) for name in suites]
    anchors = read_anchors(folder / "anchors.json")
    return [board(store.records()[0], store.costs()[0], None, anchors)]


def assert_same(one: Any, other: Any, where: str = "") -> None:
    if isinstance(one, float) and isinstance(other, float):
        assert one == pytest.approx(other, abs=1e-9), where
    elif isinstance(one, dict) and isinstance(other, dict):
        assert one.keys() == other.keys(), where
        for name in one:
            assert_same(one[name], other[name], f"{where}.{name}")
    elif isinstance(one, list) and isinstance(other, list):
        assert len(one) == len(other), where
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same(a, b, f"{where}[{i}]")
    else:
        assert one == other, where


def test_every_number_is_rebuilt_to_1e_9(folder: Path, rebuilt: list[Board]) -> None:
    kept = json.loads((folder / "board.json").read_text())
    again = json.loads(to_json(rebuilt))
    if "suites" not in kept:  # own anchors are said to be own; the numbers are the same
        kept.pop("notes"), again.pop("notes")
    assert_same(again, kept)


@functools.cache
def true_labels(name: str, seed: int) -> NDArray[np.int64]:
    """Of the test rows of a split, which all weighters share."""
    task = make_task(name)
    return task.data.labels[task.split(seed).test]


def test_accuracies_follow_from_the_kept_predictions(folder: Path, rebuilt: list[Board]) -> None:
    store = Store(folder)
    made = {record.trial.key: record for board in rebuilt for record in board.records}
    compared, unavailable = 0, set()
    for record in made.values():
        if record.training:
            try:
                truth = true_labels(record.trial.task, record.trial.seed)
            except DataUnavailable:
                unavailable.add(record.trial.task)
                continue
            right = (store.predictions(record)["last"] == truth).mean()
            assert float(right) == pytest.approx(record.training.accuracy, abs=1e-9)
            compared += 1
    assert compared
    if unavailable:
        pytest.skip(f"{compared} are right; no data under {data_folder()} for {unavailable}")


def test_frozen_anchors_follow_from_the_records(folder: Path, tmp_path: Path) -> None:
    """From those of the first seeds: what is trained later moves no anchor."""
    again, anchors = tmp_path / "anchors.json", read_anchors(folder / "anchors.json")
    assert anchors
    records = Store(folder).records()[0]
    seeds = {task: anchor.seeds for task, anchor in anchors.items()}
    first = [r for r in records if r.trial.seed < seeds.get(r.trial.task, r.trial.seed + 1)]
    again.write_text(freeze(first)[0])
    for task, anchor in anchors.items():
        assert_same(read_anchors(again)[task].model_dump(), anchor.model_dump())


def test_the_readme_holds_the_board(folder: Path, rebuilt: list[Board]) -> None:
    page = (folder / "README.md").read_text()
    if rebuilt[0].title:
        assert between_markers(page, to_markdown(rebuilt)) == page
    written = json.loads((folder / "board.json").read_text())
    assert "| weighter |" in page
    for title, content in written.get("suites", {"": written}).items():
        assert not title or f"## {title}\n" in page
        assert content["rows"]
        for row in content["rows"]:
            assert f"| {row['weighter']} |" in page


def test_the_page_is_below_a_megabyte(folder: Path) -> None:
    assert 10_000 < (folder / "index.html").stat().st_size < 1_000_000


def test_the_published_readme_has_a_place_for_the_board() -> None:
    page = (ROOT / "leaderboard" / "README.md").read_text()
    assert to_markdown([board([])]) in between_markers(page, to_markdown([board([])]))
