"""The page's structure: whole, self-contained, named, and deaf to hostile text."""

from __future__ import annotations

import itertools
import re
import struct
import zlib
from base64 import b64decode
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.generated import anchored, cost, record, records, spread
from weightbench.report.cards import cards_of
from weightbench.report.site import render
from weightbench.report.site.pictures import matrix_png, scatter
from weightbench.report.site.sweep import sweep
from weightbench.report.sweeps import moving
from weightbench.scoring import Board, board
from weightbench.training.task import make_task

HOSTILE = '<img src=x onerror="alert(1)"></script><script>alert(2)</script>{{7*7}}'
TASK = "digits-background-flip-v0"
VOID = {"meta", "input", "img", "br", "wbr", "link"}


class Document(HTMLParser):
    """Elements in order, each with its text, and what was closed wrongly."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.open: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.wrong: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = (tag, dict(attrs), [""])
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), [""]))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1][0] != tag:
            self.wrong.append(tag)
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element[2][0] += data

    def all(self, *tags: str) -> list[tuple[str, dict[str, str | None], str]]:
        return [(tag, attrs, text[0]) for tag, attrs, text in self.elements if tag in tags]


def scored() -> Board:
    table = anchored(tasks=(TASK, "elsewhere-v0"))
    for task in table:
        table[task]["l2rw"] = spread(0.85, 8, 7)
        table[task][HOSTILE] = spread(0.7, 8, 8)
        table[task]["twin-one"] = table[task]["twin-two"] = spread(0.75, 8, 9)
    lost = [record(TASK, "lost", seed, None, status="timeout") for seed in range(8)]
    costs = [cost(TASK, "l2rw", 3.25), cost(TASK, "uniform", 1), cost(TASK, HOSTILE, 4)]
    return board([*records(table), *lost], costs)


@pytest.fixture(scope="module")
def page() -> str:
    """The page of a board with everything on it."""
    made = scored()
    return render([made], cards_of(made.tasks, [row.weighter for row in made.rows]))


@pytest.fixture(scope="module")
def document(page: str) -> Document:
    """The same, taken apart."""
    return Document(page)


def test_tags_are_closed_in_order(document: Document) -> None:
    assert document.wrong == []
    assert document.open == []


def test_ids_are_unique_and_links_lead_somewhere(document: Document) -> None:
    ids = [attrs["id"] for _, attrs, _ in document.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = [attrs["href"] for _, attrs, _ in document.all("a")]
    assert targets
    assert {str(target)[1:] for target in targets} <= set(map(str, ids))
    named = [
        name
        for _, attrs, _ in document.elements
        for name in str(attrs.get("aria-labelledby", "")).split()
    ]
    assert set(named) <= set(map(str, ids))


def test_nothing_is_loaded_from_elsewhere(document: Document, page: str) -> None:
    for tag, attrs, _ in document.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        for name in ("src", "href", "action", "poster", "srcset"):
            assert str(attrs.get(name, "#")).startswith(("#", "data:image/png;base64,"))
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|https?://", page)
    policy = next(a["content"] for _, a, _ in document.all("meta") if "http-equiv" in a)
    assert str(policy).startswith("default-src 'none'")


def test_hostile_names_are_text(document: Document, page: str) -> None:
    assert len(document.all("script")) == 1
    assert all(not name.startswith("on") for _, attrs, _ in document.elements for name in attrs)
    assert any(HOSTILE in text for _, _, text in document.all("th"))
    assert HOSTILE not in page


def test_every_control_and_picture_has_a_name(document: Document) -> None:
    labels = [(attrs, text) for _, attrs, text in document.all("label")]
    assert all(text.strip() for _, text in labels)
    inputs = [attrs for _, attrs, _ in document.all("input")]
    assert len(inputs) == len(labels)  # each input stands in its label
    assert all(text.strip() for _, _, text in document.all("summary", "caption", "a"))
    assert all(attrs.get("alt") for _, attrs, _ in document.all("img"))
    assert all("aria-labelledby" in attrs for _, attrs, _ in document.all("svg"))
    assert len(document.all("table")) == len(document.all("caption"))
    assert all("scope" in attrs for _, attrs, _ in document.all("th"))


def test_headings_skip_no_level(document: Document) -> None:
    levels = [int(tag[1]) for tag, _, _ in document.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_it_is_made_for_phones_dark_rooms_and_paper(page: str) -> None:
    for rule in ('name="viewport"', "prefers-color-scheme: dark", "@media print", "max-width"):
        assert rule in page


def test_cards_failures_ties_and_records_are_there(page: str, document: Document) -> None:
    texts = [text for _, _, text in document.all("dd", "li", "td", "code")]
    assert any("digits, 1797 examples" in text for text in texts)
    assert any("small_mlp" in text for text in texts)
    assert any("timeout: it failed" in text for text in texts)
    assert any(text == "twin-two" or "twin-two" in text for text in texts)
    keys = {r.trial.key for r in scored().records}
    assert keys <= {text for text in texts if len(text) == 32}
    assert "Transition matrix at seed 0, 10 by 10" in page


def test_identical_weighters_share_their_places() -> None:
    places = {row.weighter: (row.rank, row.rank_last) for row in scored().rows}
    assert places["twin-one"] == places["twin-two"]


def test_an_empty_board_is_a_page_too() -> None:
    assert "<h1>" in render([board([])], {})


def test_the_front_holds_those_that_nobody_beats_in_both() -> None:
    points = [
        ("cheap", 1.0, 0.2, 0.1, 0.3),
        ("good", 3.0, 0.8, 0.7, 0.9),
        ("worse", 3.5, 0.7, 0.6, 0.8),
        ("dear", 1.5, 0.2, 0.1, 0.3),
    ]
    made = scatter(points)
    assert made is not None
    assert {dot.weighter for dot in made.dots if dot.best} == {"cheap", "good"}
    assert all(0 <= dot.x <= made.width and 0 <= dot.y <= made.height for dot in made.dots)
    assert scatter([]) is None


RATIOS = tuple(f"digits49-imbalance-v0[ratio={ratio}]" for ratio in (0.98, 0.9)) + (
    "digits49-imbalance-v0",  # its own ratio is .97
)


def test_tasks_that_differ_in_a_number_are_drawn_against_it() -> None:
    table = anchored(tasks=RATIOS)
    for task in table:
        table[task][HOSTILE] = spread(0.7, 8, 8)
    table[RATIOS[0]]["partly"] = table[RATIOS[2]]["partly"] = spread(0.8, 8, 9)
    table[RATIOS[0]]["once"] = spread(0.8, 8, 9)
    page = render([board(records(table))], cards_of(RATIOS, []))
    document = Document(page)
    assert not document.wrong
    assert "Accuracy against ratio" in [text for _, _, text in document.all("h3")]
    assert [text for _, _, text in document.all("text")][:3] == ["0.9", "0.97", "0.98"]
    curves = [attrs["points"] or "" for _, attrs, _ in document.all("polyline")]
    assert sorted(len(points.split()) for points in curves) == [2, 3, 3, 3]
    for points in curves:
        xs = [float(point.partition(",")[0]) for point in points.split()]
        assert xs == sorted(xs)
    shown = [text for tag, attrs, text in document.all("text") if "class" not in attrs]
    assert sorted(shown) == sorted(["oracle", "partly", "uniform", HOSTILE[:27] + "…"])
    assert "<script>alert" not in page
    assert "ratio=0.9: 0." in page


def test_many_names_stay_inside_the_picture_of_a_sweep() -> None:
    table = anchored(tasks=RATIOS)
    for task, i in itertools.product(table, range(60)):
        table[task][f"one-{i:02}"] = spread(0.9, 8, i)
    swept = moving({task: make_task(task).parameters() for task in RATIOS})
    assert swept is not None
    made = sweep(board(records(table)).rows, swept)
    assert made is not None
    places = [curve.label_y for curve in made.curves]
    assert places == sorted(places)
    assert 0 < places[0] <= places[-1] < made.height
    at_values = list(zip(*(curve.points for curve in made.curves), strict=True))
    for here, after in itertools.pairwise(at_values):
        assert max(point.x for point in here) < min(point.x for point in after)


def test_a_matrix_is_a_picture_of_its_shares() -> None:
    uri = matrix_png(np.array([[1.0, 0.0], [0.25, 0.75]]))
    png = b64decode(uri.partition(",")[2])
    assert struct.unpack(">II", png[16:24]) == (2, 2)
    start = png.index(b"IDAT") + 4
    pixels = zlib.decompress(png[start : png.index(b"IEND") - 8])
    white, half, most, blue = [255, 255, 255], [133, 158, 190], [44, 86, 142], [11, 60, 125]
    assert list(pixels) == [0, *blue, *white, 0, *half, *most]
