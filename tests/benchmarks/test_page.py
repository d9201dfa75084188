"""How large the published page is, and how soon a reader can use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.conftest import report
from tests.report.site.browser import Visit, launched

PAGE = Path(__file__).parents[2] / "leaderboard" / "index.html"
INTERACTIVE = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    yield from launched()


def test_the_published_page_is_soon_there(benchmark: Any, browser: Any) -> None:
    def measure() -> float:
        visit = Visit(browser, PAGE.as_uri(), viewport={"width": 1440, "height": 900})
        done = float(visit.page.evaluate(INTERACTIVE))  # scripts have run by then
        visit.close()
        return done

    benchmark.pedantic(measure, rounds=1)
    soonest = min(measure() for _ in range(5))
    size = PAGE.stat().st_size
    report("published page", f"{size / 1000:.0f} kB, interactive after {soonest:.0f} ms")
    assert size < 1_000_000
    assert soonest < 1000
