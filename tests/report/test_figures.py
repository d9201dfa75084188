"""Figures from records: the table says what is drawn, and both are written."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.image import imread

from tests.generated import digest, record
from weightbench.cli import main
from weightbench.records.predictions import Predictions, checksum
from weightbench.records.schema import Record, WeightSummary
from weightbench.records.store import Store
from weightbench.records.weights import Weights
from weightbench.report.figures import lines, matrices
from weightbench.report.figures import skill as dots
from weightbench.report.figures.canvas import Paper, spread
from weightbench.report.looks import colour_of
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
        ran = (("uniform", 0.5), ("l2rw", 0.9), (HOSTILE, 0.8), ("oracle", 0.95))
        for weighter, accuracy in ran:
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
    "name", ["skill", "imbalance", "clean-size", "noise", "weights", "separation", "curves"]
)
def test_every_figure_is_a_picture_a_drawing_and_a_table(
    name: str, runs: Path, tmp_path: Path
) -> None:
    done = plot(name, runs, tmp_path)
    assert done.exit_code == 0, done.output
    files = {tmp_path / f"{name}{end}" for end in (".svg", "-dark.svg", ".png")}
    assert set(done.stdout.split()) == set(map(str, files))
    grounds = []
    for end in (".svg", "-dark.svg"):
        root = ElementTree.parse(tmp_path / f"{name}{end}").getroot()
        assert root.tag.endswith("svg")
        grounds.append(re.findall(r"fill: (#\w+)", (tmp_path / f"{name}{end}").read_text())[0])
    assert grounds == [Paper(dark=False).ground, Paper(dark=True).ground]
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


def test_skill_is_that_of_the_board_and_its_best_is_marked(runs: Path, tmp_path: Path) -> None:
    drawn = table("skill", runs, tmp_path, "--task", TASK).fillna({"task": ""})
    assert drawn["weighter"].unique().tolist() == ["l2rw", HOSTILE, "uniform", "lost"]
    first = drawn[drawn["weighter"] == "l2rw"]
    assert first["task"].tolist() == ["", TASK]
    assert first["best"].all()
    assert not drawn.loc[drawn["weighter"] != "l2rw", "best"].any()
    truth = (0.9 - 0.5) / (0.95 - 0.5)
    assert first["skill"].tolist() == pytest.approx([truth, truth], abs=0.02)
    one = table("skill", runs, tmp_path, "--task", TASK, "--weighter", HOSTILE)
    assert set(one["weighter"]) == {HOSTILE}
    assert one["best"].all(), "of those that are drawn"


def test_the_skill_of_a_suite_is_of_its_tasks(runs: Path, tmp_path: Path) -> None:
    done = plot("skill", runs, tmp_path, "--suite", "quick")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1].startswith("error: nothing to draw: nobody")
    assert plot("skill", runs, tmp_path, "--suite", "nope").exit_code == 2


def test_intervals_over_seeds_stand_beside_means(runs: Path, tmp_path: Path) -> None:
    drawn = table("separation", runs, tmp_path, "--task", TASK, "--weighter", "l2rw")
    last = drawn.iloc[-1]
    half = 12.706 * 0.1 / 2  # t of one degree of freedom; 0.6 and 0.7
    assert (last["auroc_low"], last["auroc_high"]) == pytest.approx(
        (0.65 - half, 0.65 + half), abs=1e-3
    )


def lines_of(names: Sequence[str], tasks: Sequence[str] = ("a",)) -> pd.DataFrame:
    rows = [
        (task, name, step, 0.5 + i / 100, 0.4, 0.6)
        for task in tasks
        for i, name in enumerate(names)
        for step in (1, 2)
    ]
    columns = ["task", "weighter", "step", "accuracy", "accuracy_low", "accuracy_high"]
    made: pd.DataFrame = pd.DataFrame(rows, columns=columns)
    return made


def colours(figure: Figure) -> list[dict[str, Any]]:
    """The colour of each line with a name, by panel."""
    return [
        {
            str(line.get_label()): line.get_color()
            for line in axes.lines
            if "_" not in str(line.get_label())
        }
        for axes in figure.axes
    ]


def test_a_weighter_has_the_colour_it_has_everywhere_in_every_panel() -> None:
    names = ["uniform", "oracle", "l2rw", "resample", "random"]
    figure = lines.curves(lines_of(names, ["a", "b"]), Paper())
    expected = {name: colour_of(name) for name in names}
    assert colours(figure) == [expected, expected]
    written = {text.get_text(): text.get_color() for text in figure.axes[0].texts}
    assert expected.items() <= written.items(), "each line has its name at its end"


@pytest.mark.parametrize("dark", [False, True])
def test_many_lines_are_grey_but_for_the_few_that_matter(dark: bool) -> None:
    names = [f"weighter-{i:02}" for i in range(20)] + ["uniform", "oracle", "l2rw"]
    (found,) = colours(lines.curves(lines_of(names), Paper(dark)))
    named = [name for name, colour in found.items() if colour != Paper(dark).grey]
    assert len(named) == lines.MOST
    assert {"uniform", "oracle", "l2rw", "weighter-19"} <= set(named)
    picked = Paper(dark, frozenset(names))
    (found,) = colours(lines.curves(lines_of(names), picked))
    assert Paper(dark).grey not in found.values(), "a reader who names them sees them all"


def test_panels_are_at_most_four_in_a_row_and_none_is_empty() -> None:
    tasks = [f"task-{i}" for i in range(6)]
    table = lines_of(["uniform", "l2rw"], tasks).rename(
        columns=lambda c: c.replace("accuracy", "auroc")
    )
    table = table.assign(
        **{f"effective{end}": table[f"auroc{end}"] for end in ("", "_low", "_high")}
    )
    table.loc[table["task"] == "task-0", ["auroc", "auroc_low", "auroc_high"]] = np.nan
    figure = lines.separation(table, Paper())
    assert len(figure.axes) == 5 + 6
    assert len({round(axes.get_position().x0, 3) for axes in figure.axes}) == 4
    assert all(axes.lines for axes in figure.axes)


def test_the_error_of_an_imbalance_is_on_logarithmic_axes_with_class_ratios() -> None:
    rows = [
        ("mnist49-imbalance-v0", ratio, name, 1 - error, 1 - 2 * error, 1.0, 6)
        for ratio, error in ((0.9, 0.01), (0.98, 0.02), (0.995, 0.5))
        for name in ("uniform", "l2rw-auto")
    ]
    columns = ["family", "ratio", "weighter", "accuracy", "low", "high", "seeds"]
    figure = lines.error_against("ratio", "x")(pd.DataFrame(rows, columns=columns), Paper())
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["9:1", "49:1", "199:1"]
    assert {"1 %", "10 %"} <= {label.get_text() for label in axes.get_yticklabels()}
    assert "Imbalance" in {text.get_text() for text in axes.texts}
    assert not any("199 to 1" in text.get_text() for text in axes.texts), "the ratio moves"


def test_every_row_of_weights_has_its_name_and_those_all_alike_are_told_below() -> None:
    edges = [(0.0, 1.0), (1.0, 2.0)]
    rows = [
        (task, name, clean, low, high, share)
        for task, name, shares in (
            ("a", "l2rw", (0.7, 0.3)), ("b", "resample", (0.5, 0.5)), ("b", "uniform", (0, 1)),
        )
        for clean in (True, False)
        for (low, high), share in zip(edges, shares, strict=True)
    ]  # fmt: skip
    columns = ["task", "weighter", "clean", "low", "high", "share"]
    figure = matrices.weights(pd.DataFrame(rows, columns=columns), Paper())
    said = [text.get_text() for text in figure.texts]
    assert {"l2rw", "resample"} <= set(said), "who is not on the first task has a name too"
    assert "uniform" not in said
    assert any(text.endswith("all weights alike: uniform") for text in said)
    assert len(figure.axes) == 2
    assert len({axes.get_ylim() for axes in figure.axes}) == 1


def test_who_lies_beyond_the_edge_is_an_arrow_with_a_number() -> None:
    rows = [
        (name, task, skill, skill - 0.1, skill + 0.1, flops, name == "l2rw", name == "l2rw")
        for name, skill, flops in (("l2rw", 0.7, 3.0), ("hard-mining", -3.9, np.nan))
        for task in ("", "digits-uniform-flip-v0")
    ]
    columns = ["weighter", "task", "skill", "low", "high", "flops", "holdout", "best"]
    figure = dots.skill(pd.DataFrame(rows, columns=columns), Paper())
    for axes in figure.axes:
        said = " ".join(text.get_text() for text in axes.texts)
        assert "\N{BLACK LEFT-POINTING SMALL TRIANGLE} -3.9" in said
        assert "0.70" in said
    beside = {text.get_text() for text in figure.texts}
    assert beside >= {"l2rw", "hard-mining", "3.0\N{MULTIPLICATION SIGN}", "?", "needed", "-"}


@given(st.lists(st.floats(0, 1), max_size=12).map(sorted), st.floats(0.001, 0.3))
def test_labels_keep_their_order_and_distance(wanted: list[float], gap: float) -> None:
    places = spread(wanted, gap)
    assert all(b - a >= gap - 1e-9 for a, b in itertools.pairwise(places))
    if gap * (len(wanted) - 1) <= 1:
        assert all(-1e-9 <= place <= 1 + 1e-9 for place in places)
    if all(b - a >= gap for a, b in itertools.pairwise(wanted)):
        assert places == pytest.approx(wanted)
