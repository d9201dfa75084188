"""A browser for the tests of the page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"


def launched() -> Iterator[Any]:
    """A headless Chromium; root needs its sandbox off."""
    if BROWSER is None:
        pytest.skip("no Chromium is installed here")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=arguments)
        yield browser
        browser.close()


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
        """Methods that are shown, in order."""
        links = self.page.locator(".entries:visible tbody tr:visible th a")
        return [str(text) for text in links.all_inner_texts()]

    def sort(self, column: str) -> Any:
        """The button at the head of a column."""
        return self.page.locator(".entries:visible thead button", has_text=column)

    def seen(self) -> str:
        """All texts that lie on the screen as it is, whole or in part."""
        return str(self.page.evaluate(_SEEN))

    def hash(self) -> str:
        """What the address says of the state."""
        return str(self.page.evaluate("decodeURIComponent(location.hash)"))

    def close(self) -> None:
        """Leave."""
        self.page.close()


# Lines of text count where they lie: what is cut off or below the screen is not seen.
_SEEN = r"""() => {
  const found = [];
  const inside = (at, size) => at >= 0 && at <= size;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode, holder = text.parentElement;
    if (!holder.checkVisibility() || holder.closest(".hidden")) continue;
    const clip = holder.closest(".said p")?.getBoundingClientRect();
    const range = document.createRange();
    for (const match of text.data.matchAll(/\S+/g)) {
      range.setStart(text, match.index);
      range.setEnd(text, match.index + match[0].length);
      const { left, right, top, bottom } = range.getBoundingClientRect();
      const [x, y] = [(left + right) / 2, (top + bottom) / 2];
      if (!inside(x, innerWidth) || !inside(y, innerHeight) || (clip && y > clip.bottom)) continue;
      found.push(match[0]);
    }
  }
  return found.join(" ");
}"""
