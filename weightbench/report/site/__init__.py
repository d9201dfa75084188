"""Boards as one HTML page that opens from disk: no network, no other file."""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from weightbench.report.cards import Card
from weightbench.report.cells import fixed
from weightbench.report.site.view import page
from weightbench.scoring import Board
from weightbench.texts import page as shown
from weightbench.texts import plain


def render(boards: Sequence[Board], cards: Mapping[str, Card]) -> str:
    """The page.

    Every text is escaped, without what cannot be seen or is piled. A content security policy in the
    page forbids all requests.

    Args:
        boards: what to show, each with a table of its own.
        cards: of the tasks and weighters that something is known about, by name.
    """
    environment = Environment(
        loader=PackageLoader("weightbench.report.site", "."),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"breakable": _breakable, "fixed": fixed}
    here = importlib.resources.files("weightbench.report.site")
    own = {name: Markup((here / name).read_text("utf-8")) for name in ("style.css", "script.js")}
    return environment.get_template("page.html").render(
        page=page(boards, cards), style=own["style.css"], script=own["script.js"]
    )


def _breakable(name: str) -> Markup:
    """A name that a narrow column breaks where a reader would."""
    text = str(escape(plain(name)))
    for mark in ("[", ",", "+", ".py:"):
        text = text.replace(mark, f"<wbr>{mark}" if mark in "[+" else f"{mark}<wbr>")
    return Markup(text)
