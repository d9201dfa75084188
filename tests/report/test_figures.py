"""Figures from records: the table says what is drawn, and both are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from matplotlib.image import imread

from tests.generated import digest, record
from weightbench.cli import main
from weightbench.records.predictions import Predictions, checksum
from weightbench.records.schema import Record, WeightSummary
from weightbench.records.store import Store
from weightbench.records.weights import Weights
from weightbench.report.figures.drawing import curves
from weightbench.training.task import make_task

TASK = "digits49-imbalance-v0"
HOSTILE = "$x^{$"


def kept(
    task: str, weighter: str, seed: int, accuracy: float
) -> tuple[Record, Predictions, Weights]:
    made = make_task(task)
    truth = made.data.labels[made.split(seed).test]
    predictions = {"last": truth.copy(), "selected": truth}
    predictions["last"][: round(len(truth) * (1 - accuracy))] ^= 1
    summaries = [
        WeightSummary(step=step, auroc=auroc, effective=0.5, zero=0.1, by_class=[1.0, 1.0])
        for step, auroc in ((200, 0.6), (400, 0.6 + 0.1 * seed))
    ]
    weights = Weights(
        np.array([0.0, 2.0, np.nan, 1.0]),
        np.array([0, 1, 1, 0]),
        np.array([False, True, True, True]),
        tuple(summaries),
    )
    made_record = record(
        task, weighter, seed, accuracy, predictions=checksum(predictions), checksums=sums(task)
    )
    return made_record, predictions, weights


def sums(task: str) -> dict[str, str]:
    """Checksums as a trial on today's data has them."""
    data = make_task(task).data.sha256
    return {"data": data, "corruption": digest("corruption"), "splits": digest("splits")}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two values each of three parameters, two seeds."""
    store = Store(tmp_path_factory.mktemp("runs"))
    store.create()
    for changes in ("", "[ratio=0.9]", "[clean=2]"):
        for weighter, accuracy in (("uniform", 0.5), ("l2rw", 0.9), (HOSTILE, 0.8)):
            for seed in range(2):
                store.put(*kept(TASK + changes, weighter, seed, accuracy))
    for noise in (0.2, 0.4):
        task = f"digits-uniform-flip-v0[noise={noise}]"
        made = record(task, "uniform", 0, 1 - noise, checksums=sums(task))
        store.put(made, {})
    store.put(record(TASK, "lost", 0, None))
    return store.root


def plot(name: str, runs: Path, out: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["plot", name, str(runs), "--out", str(out), *options])


def table(name: str, runs: Path, out: Path, *options: str) -> pd.DataFrame:
    done = plot(name, runs, out, *options)
    assert done.exit_code == 0, done.output
    return pd.read_csv(out / f"{name}.csv")


@pytest.mark.parametrize(
    "name", ["imbalance", "clean-size", "noise", "weights", "separation", "curves"]
)
def test_every_figure_is_a_picture_a_drawing_and_a_table(
    name: str, runs: Path, tmp_path: Path
) -> None:
    done = plot(name, runs, tmp_path)
    assert done.exit_code == 0, done.output
    assert set(done.stdout.split()) == {str(tmp_path / f"{name}.{form}") for form in ("svg", "png")}
    assert ElementTree.parse(tmp_path / f"{name}.svg").getroot().tag.endswith("svg")
    pixels = imread(tmp_path / f"{name}.png")[..., :3]
    assert 0.001 < (pixels.min(2) < 0.9).mean() < 0.9
    assert len((tmp_path / f"{name}.csv").read_text().splitlines()) > 2


def test_a_figure_against_a_parameter_takes_the_default_from_the_task(
    runs: Path, tmp_path: Path
) -> None:
    drawn = table("imbalance", runs, tmp_path, "--weighter", "l2rw")
    assert drawn["ratio"].tolist() == [0.9, 0.97]
    assert set(drawn["family"]) == {TASK}
    assert drawn["accuracy"].tolist() == pytest.approx([0.9, 0.9])
    assert (drawn["seeds"] == 2).all()
    assert table("clean-size", runs, tmp_path)["clean"].unique().tolist() == [2, 5]
    assert table("noise", runs, tmp_path)["noise"].unique().tolist() == [0.2, 0.4]


def test_weight_shares_are_of_clean_and_of_wrong_examples_apart(runs: Path, tmp_path: Path) -> None:
    drawn = table("weights", runs, tmp_path, "--task", TASK, "--weighter", "l2rw")
    assert drawn.groupby("clean")["share"].sum().tolist() == pytest.approx([1, 1])
    wrong = drawn[~drawn["clean"] & (drawn["share"] > 0)]
    assert wrong["low"].tolist() == [0]


def test_separation_is_the_mean_over_seeds(runs: Path, tmp_path: Path) -> None:
    drawn = table("separation", runs, tmp_path, "--task", TASK, "--weighter", "l2rw")
    assert drawn["auroc"].tolist() == pytest.approx([0.6, 0.65])


def test_confusion_is_that_of_the_kept_predictions(runs: Path, tmp_path: Path) -> None:
    drawn = table("confusion", runs, tmp_path, "--task", TASK, "--weighter", "l2rw")
    assert drawn.groupby("true")["share"].sum().tolist() == pytest.approx([1, 1])
    right = drawn[drawn["true"] == drawn["predicted"]]["share"]
    assert right.mean() == pytest.approx(0.9, abs=0.05)


def test_the_same_records_give_the_same_files(runs: Path, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        assert plot("curves", runs, tmp_path / folder).exit_code == 0
    for form in ("svg", "png", "csv"):
        one, two = (tmp_path / folder / f"curves.{form}" for folder in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_nothing_to_draw_is_one_line(runs: Path, tmp_path: Path) -> None:
    done = plot("imbalance", runs, tmp_path, "--task", TASK)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: nothing to draw: no task")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_weighter_looks_the_same_in_every_panel_and_like_no_other() -> None:
    names = [f"weighter-{i:02}" for i in range(30)]
    rows = [("a", name, step, 0.5) for name in names for step in (1, 2)]
    rows += [("b", name, step, 0.5) for name in names[1:] for step in (1, 2)]
    table = pd.DataFrame(rows, columns=["task", "weighter", "step", "accuracy"])
    figure = curves(table)
    panels = []
    for axes in figure.axes:
        found: Any = axes.get_legend_handles_labels()
        handles, labels = found
        looks = [(h.lines[0].get_color(), h.lines[0].get_marker()) for h in handles]
        panels.append(dict(zip(labels, looks, strict=True)))
    assert len(set(panels[0].values())) == 30
    assert panels[1].items() <= panels[0].items()
