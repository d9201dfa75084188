"""Skill against cost, and error against a parameter."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.generated import anchored, records, spread
from tests.report.site.test_site import HOSTILE, Document
from weightbench.report import looks
from weightbench.report.cards import cards_of
from weightbench.report.looks import look_of
from weightbench.report.site import render
from weightbench.report.site.index import PageIndex
from weightbench.report.site.labels import Box, place
from weightbench.report.site.numbers import MINUS, TIMES
from weightbench.report.site.scatter import Point, Scatter, scatter
from weightbench.report.site.sweep import MARKERS, Sweep, sweep, value_words
from weightbench.report.sweeps import moving
from weightbench.scoring import Interval, board
from weightbench.training.task import make_task

ROOM = Box(0, 0, 760, 400)
RATIOS = tuple(f"digits49-imbalance-v0[ratio={ratio}]" for ratio in (0.98, 0.9)) + (
    "digits49-imbalance-v0",  # its own ratio is .97
)


def drawn(points: list[tuple[str, float, float]], named: bool = False) -> Scatter | None:
    return scatter(
        [
            Point(i, name, c, Interval(s, s - 0.1, s + 0.1), look_of(name), named)
            for i, (name, c, s) in enumerate(points)
        ]
    )


def test_a_lone_label_stands_right_of_its_mark() -> None:
    (found,) = place([(100, 200, "l2rw")], ROOM, [Box.around(100, 200, 7)], [])
    assert found is not None
    assert found[0] > 107
    assert abs(found[1] - 200) < 10


def test_a_label_without_room_is_left_out() -> None:
    wall = [Box(0, 0, 760, 400)]
    assert place([(100, 200, "l2rw")], ROOM, wall, []) == [None]


POINT = st.tuples(st.floats(0.1, 50), st.floats(-3, 1.2))


@given(st.lists(POINT, min_size=1, max_size=40))
def test_names_that_are_shown_cover_neither_dots_nor_each_other(
    points: list[tuple[float, float]],
) -> None:
    made = drawn([(f"weighter-{i}", c, s) for i, (c, s) in enumerate(points)], named=True)
    assert made is not None
    wide = [(s, 7 * len(s.label)) for s in made.spots if s.shown]
    lefts = [(s, s.label_x - width if s.end else s.label_x, width) for s, width in wide]
    labels = [Box(x, s.label_y - 11, x + width, s.label_y + 3) for s, x, width in lefts]
    assert all(one.overlap(other) == 0 for one, other in itertools.combinations(labels, 2))
    marks = [Box.around(spot.x, spot.y, 5) for spot in made.spots]
    assert all(label.overlap(mark) == 0 for label in labels for mark in marks)
    assert all(0 <= s.x <= made.width and 0 <= s.y <= made.height for s in made.spots)
    assert all(s.below == (s.point.skill.mean < -0.25) for s in made.spots)


def test_the_front_holds_those_that_nobody_beats_in_both() -> None:
    made = drawn([("cheap", 1.0, 0.2), ("good", 3.0, 0.8), ("worse", 3.5, 0.7), ("dear", 1.5, 0.2)])
    assert made is not None
    assert {spot.point.weighter for spot in made.spots if spot.best} == {"cheap", "good"}
    assert {spot.label for spot in made.spots if spot.shown} == {"cheap", "good"}
    assert f"0.5{TIMES}" in [text for _, text in made.x_ticks]  # something cheaper has room
    assert scatter([]) is None


def test_outliers_do_not_squeeze_the_others() -> None:
    made = drawn([("good", 1, 0.9), ("bad", 1, 0.1), ("awful", 2, -5.0)])
    assert made is not None
    good, bad, awful = made.spots
    assert bad.y - good.y > made.height / 3
    assert awful.below
    assert awful.y == made.height - made.margin
    assert f"{MINUS}5.00" in awful.words


def test_tasks_that_differ_in_a_number_are_drawn_against_it() -> None:
    table = anchored(tasks=RATIOS)
    for task in table:
        table[task][HOSTILE] = spread(0.7, 8, 8)
    table[RATIOS[0]]["partly"] = table[RATIOS[2]]["partly"] = spread(0.8, 8, 9)
    table[RATIOS[0]]["once"] = spread(0.8, 8, 9)
    page = render([board(records(table))], cards_of(RATIOS, []))
    document = Document(page)
    assert not document.wrong
    assert "Test error against class ratio" in [text for _, _, text in document.all("h3")]
    ticks = [text for _, attrs, text in document.all("text") if attrs.get("class") == "tick"]
    assert [text for text in ticks if ":" in text] == ["9:1", "32.3:1", "49:1"]
    assert {"10", "20"} <= {*ticks}  # per cent of error, on a logarithmic axis
    curves = [attrs["points"] or "" for _, attrs, _ in document.all("polyline")]
    assert sorted(len(points.split()) for points in curves) == [2, 3, 3, 3]
    shown = [text for _, attrs, text in document.all("text") if "class" not in attrs]
    assert sorted(shown) == sorted(["oracle", "partly", "uniform", HOSTILE[:27] + "…"])
    assert "<script>alert" not in page
    assert "9:1: error " in page


def test_lines_of_a_sweep_are_told_apart_without_colour() -> None:
    table = anchored(tasks=RATIOS)
    for task in table:
        table[task]["l2rw"] = spread(0.85, 8, 8)
    made = drawn_sweep(table)
    looks = {curve.weighter: (curve.dash, curve.marker) for curve in made.curves}
    assert len(set(looks.values())) == len(looks) == 3


def drawn_sweep(table: dict[str, dict[str, list[float]]]) -> Sweep:
    scored = board(records(table))
    swept = moving({task: make_task(task).parameters() for task in RATIOS})
    assert swept is not None
    made = sweep(scored.rows, swept, lambda name: name == "l2rw", PageIndex([scored], {}))
    assert made is not None
    return made


def test_many_names_stay_inside_the_picture_of_a_sweep() -> None:
    table = anchored(tasks=RATIOS)
    for task, i in itertools.product(table, range(60)):
        table[task][f"one-{i:02}"] = spread(0.9, 8, i)
    made = drawn_sweep(table)
    places = [curve.label_y for curve in made.curves]
    assert places == sorted(places)
    assert 0 < places[0] <= places[-1] < made.height


def test_an_error_of_zero_is_drawn_too() -> None:
    table = anchored(tasks=RATIOS)
    for task in table:
        table[task]["perfect"] = [1.0] * 8
    made = drawn_sweep(table)
    assert all(math.isfinite(p.y) and p.y <= made.height for c in made.curves for p in c.points)


@pytest.mark.parametrize(
    ("parameter", "value", "words"),
    [("ratio", 0.995, "199:1"), ("ratio", 0.9, "9:1"), ("noise", 0.4, "0.4"), ("ratio", 3, "3")],
)
def test_shares_of_a_class_are_told_as_ratios(parameter: str, value: float, words: str) -> None:
    assert value_words(parameter, value) == words


def test_every_marker_has_a_path() -> None:
    anchors = {look_of(name).marker for name in ("uniform", "oracle", "l2rw")}
    assert set(looks.MARKERS) | anchors == set(MARKERS)
