"""The board as one HTML page that opens from disk: no network, no other file."""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from weightbench.cards import Card
from weightbench.scoring import Board
from weightbench.site.view import page


def render(board: Board, cards: Mapping[str, Card]) -> str:
    """The page.

    Every text of a record is escaped. A content security policy in the page forbids all requests.

    Args:
        board: what to show.
        cards: of the tasks and weighters that are installed here, by name.
    """
    environment = Environment(
        loader=PackageLoader("weightbench.site", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    here = importlib.resources.files("weightbench.site")
    own = {name: Markup((here / name).read_text("utf-8")) for name in ("style.css", "script.js")}
    return environment.get_template("page.html").render(
        page=page(board, cards), style=own["style.css"], script=own["script.js"]
    )
