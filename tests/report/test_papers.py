"""What papers report beside what is measured: of today's records, and where orders differ."""

from __future__ import annotations

from pathlib import Path

from weightbench.leaderboard.papers import BEGIN, END, Report, Reported, read, tables

import weightbench as wb
from tests.generated import records, spread
from weightbench.records.store import Store
from weightbench.report.export import between_markers
from weightbench.submission.boards import load

ROOT = Path(__file__).parents[2]
TASK = "digits-uniform-flip-v0"


def reported(**accuracy: float) -> list[Reported]:
    report = Report(
        source="A paper, Table 1", network="ResNet-32", schedule="100 epochs", clean="1,000",
        accuracy={name.replace("_", "-"): value for name, value in accuracy.items()},
    )  # fmt: skip
    return [Reported(task=TASK, network="MLP", clean="30", reports=[report])]


def measured(**levels: float) -> dict[str, list[float]]:
    return {name: spread(level, 6, seed=i) for i, (name, level) in enumerate(levels.items())}


def test_the_published_tables_are_those_of_the_records() -> None:
    page = (ROOT / "leaderboard" / "README.md").read_text(encoding="utf-8")
    made = tables(load(Store(ROOT / "leaderboard")).records, read())
    assert between_markers(page, made, BEGIN, END) == page


def test_every_reported_task_and_method_is_one_of_ours() -> None:
    for one in read():
        wb.make_task(one["task"])
        for report in one["reports"]:
            assert report["accuracy"]
            for weighter, value in report["accuracy"].items():
                wb.make_weighter(weighter)
                assert 10 < value < 100, "per cent"


def test_both_stand_side_by_side_each_with_its_training() -> None:
    text = tables(records({TASK: measured(uniform=0.7, gce=0.8, elr=0.75)}), reported(gce=91.04))
    assert "| network | MLP | ResNet-32 |" in text
    assert "| schedule | 400 steps of 100, the last one | 100 epochs |" in text
    assert "| clean images | 30 | 1,000 |" in text
    (row,) = (line for line in text.splitlines() if line.startswith("| gce |"))
    assert row.startswith("| gce | 80.") or row.startswith("| gce | 79.")
    assert row.endswith("] | 91.0 |")
    assert "| elr |" not in text, "nobody reports it"


def test_an_order_that_is_the_other_way_round_is_said_with_its_interval() -> None:
    made = records({TASK: measured(uniform=0.7, gce=0.8)})
    (said,) = (x for x in tables(made, reported(uniform=90, gce=85.5)).splitlines() if x[:1] == "-")
    assert said.startswith(
        "- A paper, Table 1: uniform is ahead of gce by 4.5 points; here it is behind by "
    )
    assert said.endswith("].")


def test_the_same_order_and_one_that_is_open_are_no_news() -> None:
    for theirs in ({"uniform": 85.5, "gce": 90.0}, {"gce": 90.0, "elr": 85.0}):
        made = records({TASK: measured(uniform=0.7, gce=0.8, elr=0.801)})
        assert "ahead" not in tables(made, reported(**theirs))


def test_what_was_not_measured_has_no_table() -> None:
    assert tables([], reported(uniform=90)) == ""
    made = records({TASK: measured(uniform=0.7)})
    assert "| gce |" not in tables(made, reported(uniform=90, gce=95))
