"""The page's structure: whole, self-contained, named, and deaf to hostile text."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import struct
import zlib
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.generated import anchored, cost, record, records, spread
from weightbench.report.cards import Card, cards_of
from weightbench.report.site import Beside, render
from weightbench.report.site.pictures import matrix_png
from weightbench.scoring import Board, board

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
    below = [record(TASK, "below", seed, 0.3) for seed in range(8)]
    below += [record("elsewhere-v0", "below", seed, 0.3) for seed in range(8)]
    costs = [cost(TASK, "l2rw", 3.25), cost(TASK, "uniform", 1), cost(TASK, HOSTILE, 4)]
    return board([*records(table), *lost, *below], costs)


def small() -> Board:
    """Another board, of a suite."""
    table = anchored(tasks=("digits-uniform-flip-v0",))
    table["digits-uniform-flip-v0"]["resample"] = spread(0.8, 8, 3)
    made = board(records(table))
    return dataclasses.replace(made, title="other", about="one task")


def shown(made: Board, beside: Beside | None = None) -> str:
    """The page of a board, and of another one."""
    return render(
        [made, small()], cards_of(made.tasks, [row.weighter for row in made.rows]), beside
    )


@pytest.fixture(scope="module")
def page() -> str:
    """The page of a board with everything on it."""
    return shown(scored())


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
    targets = [str(attrs["href"]) for _, attrs, _ in document.all("a")]
    assert {target[1:] for target in targets if target[0] == "#"} <= set(map(str, ids))
    assert [target for target in targets if target[0] != "#"] == [
        "https://arxiv.org/abs/1803.09050"
    ]
    named = [
        name
        for _, attrs, _ in document.elements
        for name in str(attrs.get("aria-labelledby", "")).split()
        if name != "drawer-title"  # is made when the drawer opens
    ]
    assert set(named) <= set(map(str, ids))


def test_it_links_what_lies_beside_it(tmp_path: Path) -> None:
    for path in ("docs/leaderboard.md", "board/board.json", "board/records/x.json"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    page = tmp_path / "board" / "index.html"
    found = Beside.of(page, tmp_path / "board")
    assert found == Beside(records="records/", board="board.json", home="../")
    links = [attrs.get("href") for _, attrs, _ in Document(shown(scored(), found)).all("a")]
    assert {"board.json", "../docs/leaderboard.md", "../README.md", "../docs/submit.md"} <= {*links}
    assert Beside.of(tmp_path / "out.html", tmp_path / "board").records == "board/records/"
    assert Beside.of(None, tmp_path / "board") == Beside()
    assert Beside.of(Path("/elsewhere.html"), Path("/nothing")) == Beside()


def test_nothing_is_loaded_from_elsewhere(document: Document, page: str) -> None:
    for tag, attrs, _ in document.elements:
        assert tag not in ("iframe", "object", "embed", "base")
        assert tag != "link" or attrs["rel"] == "icon"
        for name in ("src", "href", "action", "poster", "srcset"):
            if tag != "a":
                assert str(attrs.get(name, "#")).startswith(("#", "data:image/"))
    assert not re.search(
        r"url\(|@import|fetch\(|XMLHttpRequest|import\(|http://(?!www.w3.org)", page
    )
    policy = next(a["content"] for _, a, _ in document.all("meta") if "http-equiv" in a)
    assert str(policy).startswith("default-src 'none'")


def test_hostile_names_are_text(document: Document, page: str) -> None:
    assert [attrs.get("type") for _, attrs, _ in document.all("script")] == [
        "application/json",
        None,
    ]
    assert all(not name.startswith("on") for _, attrs, _ in document.elements for name in attrs)
    assert any(HOSTILE in text for _, _, text in document.all("th"))
    assert HOSTILE not in page
    assert HOSTILE in [weighter["name"] for weighter in details(document)["weighters"]]


def test_every_control_and_picture_has_a_name(document: Document) -> None:
    labels = [(attrs, text) for _, attrs, text in document.all("label")]
    assert all(text.strip() for _, text in labels)
    inputs = [attrs for _, attrs, _ in document.all("input")]
    selects = document.all("select")
    assert len(inputs) + len(selects) == len(labels)  # each stands in its label
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


def details(document: Document) -> Any:
    """What opens on demand."""
    return json.loads(next(text for _, a, text in document.all("script") if a.get("type")))


def test_cards_failures_and_records_are_there(page: str, document: Document) -> None:
    texts = [text for _, _, text in document.all("dd", "li", "td", "code")]
    assert any("digits, 1797 examples" in text for text in texts)
    assert any("small_mlp" in text for text in texts)
    assert any("timeout: it failed" in text for text in texts)
    found = {key for cell in details(document)["cells"].values() for key in cell["keys"]}
    assert {r.trial.key for r in scored().records} <= found
    assert "Transition matrix at seed 0, 10 by 10" in page


def test_a_cell_has_its_seeds_and_what_they_are_paired_with(document: Document) -> None:
    found = details(document)
    task = [task["name"] for task in found["tasks"]].index(TASK)
    names = [weighter["name"] for weighter in found["weighters"]]
    cell = found["cells"][f"{names.index('l2rw')}.{task}"]
    plain = found["cells"][f"{found['plain']}.{task}"]
    assert names[found["plain"]] == "uniform"
    assert cell["seeds"] == plain["seeds"] == list(range(8))
    gain = np.subtract(cell["values"], plain["values"]).mean()
    assert cell["gain"][0] == pytest.approx(gain, abs=1e-3)
    assert cell["curve"] == [[200, 400], [pytest.approx(425, abs=9), pytest.approx(850, abs=18)]]
    lost = found["cells"][f"{names.index('lost')}.{task}"]
    assert lost["failed"][0] == [0, "timeout", "it failed"]
    assert lost["values"] == [None] * 8


def test_a_pair_is_compared_once_with_what_was_tested(document: Document) -> None:
    made, found = scored(), details(document)
    names = [weighter["name"] for weighter in found["weighters"]]
    duels = {(names[one], names[two]): p for one, two, _, _, _, p in found["boards"][0]["duels"]}
    assert len(duels) == len(made.duels) > 0
    assert duels == {(d.one, d.other): float(f"{d.holm:.2g}") for d in made.duels}


def test_the_winner_stands_first_and_the_oracle_last(document: Document) -> None:
    rows = [attrs for tag, attrs, _ in document.elements if tag == "tr" and "data-w" in attrs]
    names = [weighter["name"] for weighter in details(document)["weighters"]]
    ours = [names[int(str(a["data-w"]))] for a in rows if str(a["id"]).startswith("row-0-")]
    assert ours[0] == "l2rw"
    assert ours[-1] == "oracle"


def test_what_is_best_level_or_worse_is_marked_beyond_colour(page: str) -> None:
    marked = re.findall(
        r'<button type="button" class="dot([ a-z]*)"[^>]*aria-label="([^"]*)"', page
    )
    kinds = {said.partition(": ")[2].partition(" on ")[0]: kind.split() for kind, said in marked}
    assert kinds["l2rw"] == ["best"]
    assert kinds["below"] == ["worse", "off"]
    assert kinds["twin-one"] == []
    assert all("worse than plain training" in said for kind, said in marked if "worse" in kind)
    assert page.count("data-beyond=") >= 2  # skill -1 lies beyond the axis, and says so


def test_findings_are_sentences_with_links_to_their_rows(document: Document) -> None:
    made = scored()
    assert made.findings
    titles = [text for _, _, text in document.all("h3")]
    assert {finding.title for finding in made.findings} <= {*titles}
    assert not any(TASK in text for _, _, text in document.all("h3", "p") if "Best" in text)


def test_a_task_is_told_from_others_by_as_little_as_does() -> None:
    tasks = tuple(f"digits-uniform-flip-v0[noise={noise}]" for noise in (0.2, 0.3))
    table = anchored(tasks=tasks)
    for task in table:
        table[task]["l2rw"] = spread(0.85, 8, 8)
        table[task]["worst"] = spread(0.4, 8, 9)
    text = render([board(records(table))], cards_of(tasks, []))
    assert "on random wrong labels (20 % wrong), worst" in text
    assert "random wrong labels (digits, 20 %" not in text


def test_a_single_seed_has_no_interval() -> None:
    table = {t: {w: v[:1] for w, v in of.items()} for t, of in anchored(tasks=(TASK,)).items()}
    table[TASK]["l2rw"] = [0.85]
    document = Document(render([board(records(table))], {}))
    cells = details(document)["cells"].values()
    assert all(cell["score"][1:] == [None, None] for cell in cells)
    row = next(text for _, _, text in document.all("tr") if "l2rw" in text)
    assert "[" not in row
    assert "85.0" in row


def test_what_is_not_known_is_a_dash_or_a_reason(document: Document) -> None:
    cells = [text.strip() for _, _, text in document.all("td", "dd")]
    assert all(cells)


def test_submissions_have_their_badge_and_links_to_paper_and_code() -> None:
    made = dataclasses.replace(scored(), badges={"l2rw": "reproduced"})
    text = {"paper": "https://example.org/paper", "code": "https://example.org/code"}
    document = Document(render([made], {"l2rw": Card("l2rw", "A rule.", text)}))
    assert "reproduced" in [text for _, _, text in document.all("span")]
    assert set(text.values()) <= {attrs.get("href") for _, attrs, _ in document.all("a")}
    assert details(document)["boards"][0]["submitted"] == [
        [weighter["name"] for weighter in details(document)["weighters"]].index("l2rw")
    ]


def test_it_says_when_it_was_made_and_how_to_cite_it(document: Document, page: str) -> None:
    lede = next(text for _, a, text in document.all("p") if a.get("class") == "lede")
    for word in ("methods", "tasks", "trainings", "1 January 2026", "version"):
        assert word in lede
    assert "@misc{weightbench2026" in page
    metas = {
        a.get("name") or a.get("property"): a.get("content") for _, a, _ in document.all("meta")
    }
    assert metas["description"] == metas["og:description"]
    assert str(metas["description"]).startswith("Best: l2rw")


def test_an_empty_board_is_a_page_too() -> None:
    assert "<h1>" in render([board([])], {})


def test_a_matrix_is_a_picture_of_its_shares() -> None:
    uri = matrix_png(np.array([[1.0, 0.0], [0.25, 0.75]]))
    png = b64decode(uri.partition(",")[2])
    assert struct.unpack(">II", png[16:24]) == (2, 2)
    start = png.index(b"IDAT") + 4
    pixels = zlib.decompress(png[start : png.index(b"IEND") - 8])
    white, half, most, blue = [255, 255, 255], [133, 158, 190], [44, 86, 142], [11, 60, 125]
    assert list(pixels) == [0, *blue, *white, 0, *half, *most]
