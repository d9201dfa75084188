"""The page in a real browser."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report.site.browser import AXE, Visit, launched
from tests.report.site.test_site import HOSTILE, TASK, scored, shown
from weightbench.report.site.numbers import ratio

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]  # one of them for all
TITLE = "Background flips"
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1440, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    yield from launched()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page as a file on disk."""
    path = tmp_path_factory.mktemp("site") / "index.html"
    path.write_text(shown(scored()), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Visit]:
    """A fresh visit."""
    opened = Visit(browser, address, viewport=DESK)
    yield opened
    opened.close()


def test_it_is_quiet_and_asks_for_nothing(visit: Visit, address: str) -> None:
    visit.sort("All tasks").click()
    visit.page.locator("button.dot:visible").first.click()
    visit.page.keyboard.press("Escape")
    visit.page.locator(".who a:visible").first.click()
    assert visit.said == []
    urls = {url.partition("#")[0] for url in visit.asked if not url.startswith("data:")}
    assert urls == {address}


@pytest.mark.parametrize("screen", [DESK, PHONE])
def test_the_first_screen_answers(browser: Any, address: str, screen: Any) -> None:
    visit = Visit(browser, address, viewport=screen)
    seen = visit.seen()
    visit.close()
    made = scored()
    best = next(row for row in made.rows if row.rank is not None)
    assert best.skill
    answers = {
        "what it is": "which training examples should count more?",
        "of how much": f"{len(made.rows) + 1} methods, {len(made.tasks) + 1} tasks",
        "who wins": f"Best: {best.weighter}, skill {best.skill.mean:.2f}",
        "how sure": f"[{best.skill.low:.2f}, {best.skill.high:.2f}]",
        "at what cost": "the compute of plain training",
        "when not": "worse than plain training",
    }
    assert {question for question, text in answers.items() if text not in seen} == set()


def test_columns_sort_best_first_then_worst_first_then_as_they_were(visit: Visit) -> None:
    button = visit.sort("Background flip")
    head, before = visit.page.locator("th[aria-sort]"), visit.names()
    button.click()
    assert visit.names()[0] == "l2rw"
    assert head.get_attribute("aria-sort") == "descending"
    button.click()
    assert visit.names()[:2] == ["lost", "below"]
    assert visit.names()[-1] == "oracle"  # a reference, wherever others go
    assert head.get_attribute("aria-sort") == "ascending"
    button.click()
    assert visit.names() == before
    assert head.count() == 0
    visit.sort("Cost").click()
    assert visit.names()[:3] == ["uniform", "l2rw", HOSTILE]  # the cheapest is the best
    visit.sort("Method").click()
    assert visit.names()[:-1] == sorted(visit.names()[:-1], key=str.lower)


def test_what_is_missing_sorts_last_both_ways(visit: Visit) -> None:
    button = visit.sort("Cost")
    for _ in range(2):
        button.click()
        assert set(visit.names()[:3]) == {"l2rw", "uniform", HOSTILE}


def test_the_filter_narrows_rows_and_dots_and_says_so(visit: Visit) -> None:
    everybody, dots = len(visit.names()), visit.page.locator("svg .spot:visible")
    assert dots.count() == 3
    visit.page.get_by_label("Find").first.fill("TWIN")
    assert visit.names() == ["twin-one", "twin-two"]
    assert dots.count() == 0
    assert visit.page.get_by_role("status").first.inner_text() == f"2 of {everybody} shown"
    visit.page.get_by_label("Find").first.fill("l2")
    assert dots.count() == 1
    visit.page.get_by_label("Find").first.fill("nobody is called so")
    assert visit.names() == []
    assert visit.page.get_by_text("Nothing matches").first.is_visible()
    visit.page.get_by_role("button", name="Show all").click()
    visit.page.get_by_label("references").first.uncheck()
    assert "oracle" not in visit.names()
    assert len(visit.names()) == everybody - 1


def test_a_hostile_name_is_shown_as_text(visit: Visit) -> None:
    assert HOSTILE in visit.names()
    visit.page.locator(".who a:visible", has_text="onerror").click()
    assert HOSTILE in visit.page.get_by_role("dialog").inner_text()
    assert visit.page.locator("img[src='x']").count() == 0
    assert visit.said == []


def test_a_cell_opens_by_keyboard_with_all_that_is_behind_it(visit: Visit) -> None:
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.textContent") == "Skip to the table"
    dot = visit.page.locator("button.dot:visible").first
    dot.focus()
    focused = "document.activeElement.getAttribute('aria-label')"
    for key, words in (("ArrowDown", "twin-"), ("ArrowRight", "elsewhere"), ("ArrowLeft", TITLE)):
        visit.page.keyboard.press(key)
        assert words in visit.page.evaluate(focused)
    visit.page.keyboard.press("ArrowUp")
    visit.page.keyboard.press("Enter")
    drawer = visit.page.get_by_role("dialog")
    text = drawer.inner_text()
    for words in ("l2rw", "over 8 seeds", "against plain training at the same seeds", "Skill"):
        assert words in text
    assert f"weightbench evaluate --task {TASK} --weighter l2rw --seeds 8" in text
    assert ratio(3.25) in text
    assert drawer.locator("svg circle.full").count() == 8
    assert drawer.locator("svg circle.hollow").count() == 8
    assert drawer.locator("svg polyline").count() == 2
    assert drawer.locator(".records li").count() == 8
    visit.page.keyboard.press("Escape")
    assert not drawer.is_visible()
    assert visit.page.evaluate("document.activeElement.className").startswith("dot")


def test_a_row_says_whom_it_ties_with_and_by_how_much(visit: Visit) -> None:
    visit.page.locator(".who a:visible", has_text="twin-one").click()
    text = visit.page.get_by_role("dialog").inner_text()
    assert re.search(r"Place \d to \d of \d", text)
    assert "cannot be told from twin-two (0.00 [" in text
    rows = visit.page.get_by_role("dialog").locator("tbody tr")
    assert rows.count() == sum("twin-one" in (duel.one, duel.other) for duel in scored().duels)


def test_a_command_is_copied(browser: Any, address: str) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    visit = Visit(context, address)
    visit.page.locator("button.dot:visible").first.click()
    visit.page.get_by_role("button", name="copy").click()
    visit.page.get_by_text("copied").wait_for()
    assert "--weighter l2rw" in visit.page.evaluate("navigator.clipboard.readText()")
    context.close()


def test_the_address_holds_the_state(browser: Any, address: str, visit: Visit) -> None:
    visit.page.get_by_label("Find").first.fill("twin")
    visit.sort("Background flip").click()
    visit.page.locator(".swatch:visible").first.click()
    visit.page.locator("button.dot:visible").first.click()
    again = Visit(browser, address + visit.page.evaluate("location.hash"), viewport=DESK)
    assert again.names() == visit.names()
    assert again.page.locator("th[aria-sort]").count() == 1
    assert again.page.locator("tr.picked").count() == visit.page.locator("tr.picked").count() == 1
    assert (
        again.page.get_by_role("dialog").inner_text()
        == visit.page.get_by_role("dialog").inner_text()
    )
    again.close()
    visit.page.go_back()
    assert not visit.page.get_by_role("dialog").is_visible()
    assert "find=twin" in visit.hash()


def test_another_board_is_a_step_that_back_undoes(visit: Visit) -> None:
    visit.page.get_by_role("link", name="other").click()
    assert "resample" in visit.names()
    assert "board=other" in visit.hash()
    visit.page.go_back()
    assert "l2rw" in visit.names()


def test_a_finding_leads_to_its_row(visit: Visit) -> None:
    visit.page.get_by_label("Find").first.fill("twin")
    visit.page.get_by_role("link", name="Best: l2rw").click()
    row = visit.page.locator("tr:target")
    assert row.is_visible()
    assert row.locator("th a").inner_text() == "l2rw"


def test_rows_and_dots_point_at_each_other(visit: Visit) -> None:
    visit.page.locator(".who a:visible", has_text="l2rw").hover()
    assert visit.page.locator(".spot.near title").text_content().startswith("l2rw")
    visit.page.locator("svg .spot circle").first.scroll_into_view_if_needed()
    visit.page.locator("svg .spot circle").last.hover()
    assert visit.page.locator("tr.near").count() == 1


def test_the_board_that_is_shown_is_downloaded_as_csv(visit: Visit, tmp_path: Path) -> None:
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="CSV").click()
    download.value.save_as(tmp_path / "board.csv")
    with (tmp_path / "board.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows] == visit.names()
    best = next(row for row in scored().rows if row.rank is not None)
    assert float(rows[0][TASK]) == pytest.approx(best.cells[TASK].score.mean, rel=1e-3)
    assert visit.said == []


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


@pytest.mark.skipif(not AXE.exists(), reason="no axe-core: npm ci --prefix tests/report/site")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [DESK, PHONE])
def test_axe_finds_nothing(browser: Any, address: str, scheme: str, screen: Any) -> None:
    visit = Visit(browser, address, viewport=screen, color_scheme=scheme)
    visit.page.evaluate(AXE.read_text(encoding="utf-8"))
    for state in ("", "#board=other", "#open=l2rw", f"#open=l2rw&task={TASK}"):
        visit.page.evaluate("(hash) => { location.hash = hash; }", state)
        violations = visit.page.evaluate("axe.run().then((found) => found.violations)")
        assert [(state, one["id"], one["nodes"][0]["html"]) for one in violations] == []
    visit.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_whole_in_either_light(browser: Any, address: str, scheme: str) -> None:
    opened = Visit(browser, address, viewport=PHONE, color_scheme=scheme)
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert opened.page.evaluate(wider) <= 0
    paper = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    row = opened.page.locator("tr:visible", has_text="l2rw").first
    assert not row.locator("button.dot").first.is_visible()
    row.get_by_role("button", name="tasks of l2rw").click()
    assert row.locator("button.dot").first.is_visible()
    assert opened.page.evaluate(wider) <= 0
    opened.close()


def test_without_scripts_every_board_can_be_read(browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    opened = Visit(context, address)
    assert opened.page.locator(".entries:visible").count() == 2
    assert not opened.page.get_by_label("Find").first.is_visible()
    assert {"l2rw", "resample", "oracle"} <= set(opened.names())
    context.close()


def test_a_screenshot_is_not_blank(visit: Visit, tmp_path: Path) -> None:
    from matplotlib.image import imread

    path = tmp_path / "page.png"
    visit.page.screenshot(path=path)
    pixels = imread(path)[..., :3]
    assert pixels.shape[0] > 500
    assert 0.02 < (abs(pixels - pixels[0, 0]).max(2) > 0.1).mean() < 0.6


def test_paper_has_the_boards_alone(visit: Visit) -> None:
    visit.page.emulate_media(media="print")
    assert not visit.page.get_by_label("Find").first.is_visible()
    assert visit.page.locator(".entries:visible").count() == 2
    for part in ("tasks", "weighters", "provenance", "cite", "key"):
        assert not visit.page.locator(f"#{part}").is_visible()
    pages = len(re.findall(rb"/Type\s*/Page\b", visit.page.pdf(prefer_css_page_size=True)))
    assert pages == 1
