"""Boards as one HTML page that opens from disk: no network, no other file."""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from weightbench.report.cards import Card
from weightbench.report.cells import PLACES
from weightbench.report.site.beside import Beside
from weightbench.report.site.view import page
from weightbench.scoring import Board
from weightbench.texts import page as shown
from weightbench.texts import plain

__all__ = ["Beside", "render"]

_STYLES = ("style.css", "table.css", "parts.css", "print.css")
_SCRIPTS = ("state.js", "table.js", "charts.js", "drawer.js", "start.js")


def render(boards: Sequence[Board], cards: Mapping[str, Card], beside: Beside | None = None) -> str:
    """The page.

    Every text is escaped, without what cannot be seen or is piled. A content security policy in the
    page forbids all requests.

    Args:
        boards: what to show, each with a table of its own.
        cards: of the tasks and weighters that something is known about, by name.
        beside: what lies beside the page, for its links; nothing where not given.
    """
    environment = Environment(
        loader=PackageLoader("weightbench.report.site", "."),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"breakable": _breakable}
    return environment.get_template("page.html").render(
        page=page(boards, cards),
        beside=beside or Beside(),
        places=PLACES,
        style=_own(_STYLES),
        script=_own(_SCRIPTS),
    )


def _own(names: Sequence[str]) -> Markup:
    """Files of this folder, one after the other."""
    here = importlib.resources.files("weightbench.report.site")
    return Markup("".join((here / name).read_text("utf-8") for name in names))


def _breakable(name: str) -> Markup:
    """A name that a narrow column breaks where a reader would."""
    text = str(escape(plain(name)))
    for mark in ("[", ",", "+", ".py:"):
        text = text.replace(mark, f"<wbr>{mark}" if mark in "[+" else f"{mark}<wbr>")
    return Markup(text)
