"""``weightbench advise`` and ``wb.advise`` from a table to an answer."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from sklearn.metrics import roc_auc_score

import weightbench as wb
from tests.advice.made import Made, made, written
from tests.shell import start, weightbench
from weightbench.advice.saving import load_model
from weightbench.cli import main
from weightbench.errors import BadData

pytestmark = pytest.mark.xdist_group("advise")  # one answer for all of them
FILES = {"report.html", "suspects.csv", "advice.json", "model", "work"}


def advise(*arguments: object) -> Result:
    done = CliRunner().invoke(
        main, ["advise", *map(str, arguments), "--workers", "0", "--weighter", "gce"]
    )
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Made, Result]:
    folder = tmp_path_factory.mktemp("answered")
    table = made()
    data, checked = written(folder, table)
    done = advise(data, "--id", "id", "--trusted", checked, "--out", folder / "out")
    assert done.exit_code == 0, done.output
    return folder / "out", table, done


def test_the_answer_comes_in_lines(answered: tuple[Path, Made, Result]) -> None:
    out, _, done = answered
    lines = done.output.splitlines()
    assert any(
        re.match(r"plain training gets [\d.]+ % \[.*\] of 80 trusted rows right", x) for x in lines
    )
    assert any(re.match(r"(Yes|No|Cannot say).*\.", line) for line in lines)
    assert any(re.match(r"about \d+% of the first 320 suspects are wrong", line) for line in lines)
    assert {path.name for path in out.iterdir()} == FILES
    for column, says in {
        "country": "is 'here' in all rows", "note": "different texts", "seen": "dates",
        "girth": "missing, taken for the median", "soil": "text, 3 values",
    }.items():  # fmt: skip
        assert any(f"'{column}'" in line and says in line for line in lines), column


def test_suspects_are_the_owners_rows_worst_first(answered: tuple[Path, Made, Result]) -> None:
    out, table, _ = answered
    found = pd.read_csv(out / "suspects.csv")
    assert list(found) == ["id", "given", "likelier", "score", "rank", "row"]
    assert list(found["rank"]) == list(range(1, 321))
    assert found["score"].is_monotonic_decreasing
    assert (table.frame["id"].to_numpy()[found["row"]] == found["id"]).all()
    assert not set(found["id"]) & set(table.frame["id"][:80]), "trusted rows are no suspects"
    assert roc_auc_score(table.wrong[found["row"]], found["score"]) > 0.9


def test_what_was_found_is_kept_as_plain_values(answered: tuple[Path, Made, Result]) -> None:
    out, table, _ = answered
    facts = json.loads((out / "advice.json").read_text())
    assert facts["rows"] == 400
    assert facts["trusted"] == facts["judged"] == 80
    assert facts["classes"] == ["ash", "beech", "elm"]
    assert {m["method"] for m in facts["methods"]} == {"uniform", "gce"}
    assert facts["suspects"]["calibrated on trusted rows"]
    said = facts["suspects"]["expected wrong"]["320"]
    assert said == pytest.approx(table.wrong[80:].mean(), abs=0.1)


def test_the_page_asks_nobody_and_is_small(answered: tuple[Path, Made, Result]) -> None:
    page = (answered[0] / "report.html").read_text()
    assert len(page) < 1_000_000
    assert page.count("<svg") == 3
    assert not re.findall(r"(?:src|href)=[\"'](?!#|data:)|url\((?!#)|@import|<script", page)


def test_the_network_is_loaded_and_predicts_as_it_should(
    answered: tuple[Path, Made, Result],
) -> None:
    out, _, _ = answered
    fresh = made(rows=200, noise=0.0, seed=5)
    model = load_model(out)
    predicted = model.predict(fresh.frame)
    assert (np.array(predicted) == fresh.right).mean() > 0.7
    assert model.probabilities(fresh.frame).shape == (200, 3)
    with pytest.raises(BadData, match="'height' is missing"):
        model.predict(fresh.frame.drop(columns="height"))


def test_finished_trainings_are_not_trained_again(answered: tuple[Path, Made, Result]) -> None:
    out, _, done = answered
    before = {path: path.stat().st_mtime_ns for path in (out / "work" / "trainings").iterdir()}
    assert len(before) == 2 * 5 + 1
    gone = min(before)
    gone.unlink()
    folder = out.parent
    again = advise(
        folder / "trees.csv", "--id", "id", "--trusted", folder / "checked.csv", "--out", out
    )
    assert again.output == done.output, "and everything is seeded"
    after = {path: path.stat().st_mtime_ns for path in (out / "work" / "trainings").iterdir()}
    assert set(after) == set(before)
    assert [path for path in before if after[path] != before[path]] == [gone]


def test_from_python_the_same(answered: tuple[Path, Made, Result]) -> None:
    out, table, _ = answered
    trusted = {i: table.right[i] for i in range(80)}
    frame = table.frame.drop(columns="id")
    found = wb.advise(frame, trusted=trusted, id=table.frame["id"], weighters=["gce"], workers=0)
    kept = pd.read_csv(out / "suspects.csv")
    assert list(found.suspects["id"]) == list(kept["id"])
    assert str(found.verdict) == json.loads((out / "advice.json").read_text())["verdict"]["text"]
    assert set(found.table.index) == {"uniform", "gce"}


def test_without_trusted_rows_it_says_what_stays_open(tmp_path: Path) -> None:
    table = made(rows=200)
    table.frame.to_csv(tmp_path / "t.csv", index=False)
    done = advise(tmp_path / "t.csv", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "stays open" in done.output
    found = pd.read_csv(tmp_path / "out" / "suspects.csv")
    assert len(found) == 200
    assert roc_auc_score(table.wrong[found["row"]], found["score"]) > 0.85


@pytest.mark.parametrize("form", ["flag", "right label", "more rows", "test"])
def test_trusted_rows_may_be_said_in_other_ways(form: str, tmp_path: Path) -> None:
    table = made(rows=240)
    frame, more = table.frame.copy(), made(rows=60, noise=0, seed=9).frame
    options: list[Any] = ["--trusted", "checked"]
    if form == "flag":
        frame.loc[:59, "label"] = table.right[:60]
        frame["checked"] = np.arange(240) < 60
    elif form == "right label":
        frame["checked"] = pd.Series(table.right).where(np.arange(240) < 60)
    else:
        more.to_csv(tmp_path / "more.csv", index=False)
        options = ["--trusted" if form == "more rows" else "--test", tmp_path / "more.csv"]
    frame.to_csv(tmp_path / "t.csv", index=False)
    done = advise(tmp_path / "t.csv", *options, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert f"of 60 {'test' if form == 'test' else 'trusted'} rows right" in done.output
    facts = json.loads((tmp_path / "out" / "advice.json").read_text())
    assert facts["suspects"]["calibrated on trusted rows"] == (form == "right label")


def test_arrays_and_images_are_taken(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    kinds = np.arange(120) % 2
    images = rng.integers(0, 120, (120, 8, 8), dtype=np.uint8)
    images[kinds == 1, :4] += 120
    np.savez(tmp_path / "t.npz", X=images, label=np.where(kinds, "up", "down"))
    for number, (image, kind) in enumerate(zip(images, kinds, strict=True)):
        place = tmp_path / "images" / ("up" if kind else "down")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number:03}.png")
    checked = pd.DataFrame(
        {"id": [f"{'up' if kinds[i] else 'down'}/{i:03}.png" for i in range(40)],
         "label": np.where(kinds[:40], "up", "down")}
    )  # fmt: skip
    checked.to_csv(tmp_path / "checked.csv", index=False)
    first = advise(tmp_path / "t.npz", "--out", tmp_path / "a")
    assert first.exit_code == 0, first.output
    options = ["--trusted", tmp_path / "checked.csv", "--out", tmp_path / "b"]
    second = advise(tmp_path / "images", *options)
    assert second.exit_code == 0, second.output
    assert "of 40 trusted rows right" in second.output
    assert load_model(tmp_path / "b").predict(images[:2]) == ["down", "up"]


def test_names_in_a_table_steer_nothing(tmp_path: Path) -> None:
    table = made(rows=120)
    frame = table.frame.rename(columns={"soil": "<script>x</script>"})
    frame["id"] = "=1+" + frame["id"]
    frame["label"] = frame["label"].replace({"ash": "<b>ash\x1b[31m"})
    frame.to_csv(tmp_path / "t.csv", index=False)
    done = advise(tmp_path / "t.csv", "--id", "id", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "\x1b" not in done.output
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<script" not in page
    assert "<b>" not in page
    assert "\x1b" not in page
    assert all(i.startswith("'=") for i in pd.read_csv(tmp_path / "out" / "suspects.csv")["id"])


def test_stopped_it_goes_on_where_it_was(tmp_path: Path) -> None:
    """Ctrl-C after the first finished training; the same command then trains the others."""
    data, checked = written(tmp_path, made())
    command = [
        "advise", str(data), "--id", "id", "--trusted", str(checked), "--weighter", "gce",
        "--out", str(tmp_path / "out"), "--workers", "1",
    ]  # fmt: skip
    trainings = tmp_path / "out" / "work" / "trainings"
    with start(*command) as process:
        deadline = time.monotonic() + 120
        while not list(trainings.glob("*.npz")):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "the same command goes on" in said
    kept = {path: path.stat().st_mtime_ns for path in trainings.glob("*.npz")}
    assert 0 < len(kept) < 10
    again = weightbench(*command)
    assert again.returncode == 0, again.stderr
    assert all(path.stat().st_mtime_ns == then for path, then in kept.items())
    assert len(list(trainings.glob("*.npz"))) == 10
