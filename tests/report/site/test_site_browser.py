"""The page in a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report.site.test_site import HOSTILE, scored
from weightbench.report.cards import cards_of
from weightbench.report.site import render

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed here")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium; root needs its sandbox off."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page as a file on disk."""
    made = scored()
    path = tmp_path_factory.mktemp("site") / "index.html"
    path.write_text(render([made], cards_of(made.tasks, [row.weighter for row in made.rows])))
    return path.as_uri()


class Visit:
    """An open page, and all it said and asked for."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.page = browser.new_page(**options)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)

    def names(self) -> list[str]:
        """Weighters that are shown, in order."""
        links = self.page.locator(".entries tbody tr:visible th a")
        return [str(text) for text in links.all_inner_texts()]


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Visit]:
    """A fresh visit."""
    opened = Visit(browser, address)
    yield opened
    opened.page.close()


def test_it_is_quiet_and_asks_for_nothing(visit: Visit, address: str) -> None:
    visit.page.get_by_role("button", name="skill").click()
    assert visit.said == []
    assert {url for url in visit.asked if not url.startswith("data:")} == {address}


def test_columns_sort_both_ways(visit: Visit) -> None:
    button = visit.page.get_by_role("button", name="skill")
    head = visit.page.locator("th[aria-sort]")
    button.click()
    assert visit.names()[-1] == "oracle"
    assert head.get_attribute("aria-sort") == "ascending"
    button.click()
    assert visit.names()[0] == "oracle"
    assert head.get_attribute("aria-sort") == "descending"
    visit.page.get_by_role("button", name="weighter").click()
    assert visit.names() == sorted(visit.names(), key=str.lower)
    assert head.count() == 1


def test_what_is_missing_sorts_last_both_ways(visit: Visit) -> None:
    button = visit.page.get_by_role("button", name="time")
    for _ in range(2):
        button.click()
        assert set(visit.names()[:3]) == {"l2rw", "uniform", HOSTILE}


def test_the_filter_narrows_and_says_how_many_are_left(visit: Visit) -> None:
    everybody = len(visit.names())
    visit.page.get_by_label("Weighter contains").fill("TWIN")
    assert visit.names() == ["twin-one", "twin-two"]
    assert visit.page.get_by_role("status").inner_text() == f"2 of {everybody} shown"
    visit.page.get_by_label("Weighter contains").fill("")
    visit.page.get_by_label("privileged").uncheck()
    assert "oracle" not in visit.names()
    assert len(visit.names()) == everybody - 1


def test_a_hostile_name_is_shown_as_text(visit: Visit) -> None:
    assert HOSTILE in visit.names()
    assert visit.page.locator("img[src='x']").count() == 0
    assert visit.said == []


def test_the_keyboard_is_enough(visit: Visit) -> None:
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.textContent") == "Skip to the table"
    button = visit.page.get_by_role("button", name="skill")
    button.focus()
    visit.page.keyboard.press("Enter")
    assert visit.page.locator("th[aria-sort=ascending]").inner_text().strip().startswith("skill")


def test_the_accessibility_tree_names_every_control(visit: Visit) -> None:
    session = visit.page.context.new_cdp_session(visit.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    controls = {"button", "checkbox", "textbox", "searchbox", "link", "image", "table", "region"}
    found = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node.get("ignored") and node["role"]["value"] in controls
    ]
    assert {"button", "checkbox", "searchbox", "link"} <= {role for role, _ in found}
    assert [role for role, name in found if not name.strip()] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_whole_in_either_light(browser: Any, address: str, scheme: str) -> None:
    opened = Visit(browser, address, viewport={"width": 390, "height": 800}, color_scheme=scheme)
    try:
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert opened.page.evaluate(wider) <= 0
        paper = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    finally:
        opened.page.close()


def test_a_screenshot_is_not_blank(visit: Visit, tmp_path: Path) -> None:
    from matplotlib.image import imread

    path = tmp_path / "page.png"
    visit.page.screenshot(path=path)
    pixels = imread(path)[..., :3]
    assert pixels.shape[0] > 500
    assert 0.02 < (abs(pixels - pixels[0, 0]).max(2) > 0.1).mean() < 0.6


def test_it_prints_without_its_controls(visit: Visit) -> None:
    visit.page.emulate_media(media="print")
    assert not visit.page.get_by_label("Weighter contains").is_visible()
    assert visit.page.locator(".entries").is_visible()
