"""Docstrings as lines for a terminal: paragraphs in one line each, without their markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_ROLE = re.compile(r":\w+(?::\w+)*:`~?([^`<]+?)(?: <[^`>]*>)?`")
_ITEM = re.compile(r"[\w*][\w*, ./\[\]-]*: ")


class Line(NamedTuple):
    """A line with what stands before it, and before those that it goes on in.

    Where ``hang`` is None, these are as far in as its own text.
    """

    lead: str
    text: str
    hang: str | None = None


def without_markup(text: str) -> str:
    """A sentence without the marks of reStructuredText: double backticks, roles."""
    return _ROLE.sub(lambda found: found[1].rpartition(".")[2], text).replace("``", "")


def lines_of(docstring: str, indent: int = 0) -> Iterator[Line]:
    """Each paragraph, item of a section and blank line of a docstring that begins at the margin.

    Args:
        docstring: as ``inspect.getdoc`` gives it.
        indent: blanks before every line.
    """
    held: list[str] = []
    at = 0

    def whole() -> Iterator[Line]:
        if held:
            lead = " " * (indent + at)
            is_item = at > 0 and _ITEM.match(held[0])
            hang = lead + "    " if is_item else lead
            yield Line(lead, without_markup(" ".join(held)), hang)
            held.clear()

    for line in docstring.splitlines():
        depth = len(line) - len(line.lstrip())
        starts = not held or depth < at or (depth == at and at > 0 and _ITEM.match(line.lstrip()))
        ended = bool(held) and held[-1].endswith(":") and depth > at
        if not line.strip():
            yield from whole()
            yield Line("", "")
            continue
        if starts or ended:
            yield from whole()
            at = depth
        held.append(line.strip())
    yield from whole()
