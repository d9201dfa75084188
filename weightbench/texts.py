"""Text that somebody else wrote, as it may be shown: one function for each medium.

Names of files, records, exceptions and plug-ins are all such text. Shown as they are, they could
steer a terminal, hide what they hold, be run by a spreadsheet, or give orders to a build server
that reads a log line by line.
"""

from __future__ import annotations

import functools
import html
import re
import unicodedata
from typing import TypeVar

T = TypeVar("T")

_PILE = 2  # marks that one letter may carry: Vietnamese, Thai and Arabic need so many
# Printable for Python, and nothing to see: fillers, selectors of variants, blanks.
_NOTHING_TO_SEE = (
    (0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2800, 0x2800),
    (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0x13441, 0x13442), (0x16FE4, 0x16FE4),
    (0x1BC9D, 0x1BC9E), (0x1D159, 0x1D159), (0xE0100, 0xE01EF),
)  # fmt: skip
# Vowels and finals of Korean syllables in parts: a cell's width takes any number of them.
_KOREAN_PARTS = ((0x1160, 0x11FF), (0xD7B0, 0xD7FF))
# What GitHub (::error::, ##[error]) and Azure (##vso[...]) take for a command in a log.
_COMMAND = re.compile(r"(?<!\w):{2,}|:{2,}(?=[\w-][^:]*::)|(?<!#)#{2,}(?=[\w-]*\[)")
# What a spreadsheet takes for a formula, at the start of a cell and of what it may split off; a
# place that is none is a hyphen.
_FORMULA = re.compile("(^(?!-$)|;)(?=\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20])")
_BLOCK = re.compile(r"^(\d*)([#+=.)-])")  # a heading, an item of a list, a rule
_MARKED_UP = re.compile(r"([\\`*_\[\]|~])")
_LINKED = re.compile(r":(?=//)|(?<=www)\.|[@$]|:(?=[a-z0-9_+-]+:)", re.IGNORECASE)


def is_plain(text: str) -> bool:
    """Whether every character of ``text`` is seen in one line, and no letter carries a pile."""
    return (text.isascii() and text.isprintable()) or _seen(text) == text


def plain(text: str) -> str:
    """``text`` in one line that a reader sees whole and that no terminal and no server obeys.

    What cannot be seen, and what is piled onto a letter, stands as one ``?``.
    """
    seen = text if is_plain(text) else _seen(text)
    return _COMMAND.sub(lambda found: " ".join(found[0]), seen)


def terminal(text: object) -> str:
    """Anything as one line for a terminal or a log."""
    return plain(str(text))


def csv_cell(value: T) -> T | str:
    """A value for a CSV file: a text that a spreadsheet does not take for a formula."""
    return _FORMULA.sub(r"\1'", plain(str(value))) if isinstance(value, str) else value


def markdown(text: str) -> str:
    """A text that Markdown shows as it is, inside a line or a cell of a table."""
    escaped = _MARKED_UP.sub(r"\\\1", html.escape(plain(text)))
    unlinked = _LINKED.sub(lambda found: f"&#{ord(found[0])};", escaped)
    return _BLOCK.sub(r"\1\\\2", unlinked)


def page(value: T) -> T | str:
    """A value for the page, where templates escape it; texts marked as markup stay as they are."""
    return plain(str(value)) if type(value) is str else value


def caption(text: str, longest: int = 60) -> str:
    """A text for a picture, where there is little room."""
    shown = plain(text)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}\N{HORIZONTAL ELLIPSIS}"


def _seen(text: str) -> str:
    """``text`` with a ``?`` for each character that is not seen, and one for each pile."""
    found: list[str] = []
    carried = _PILE  # at the start of a text, and after a blank, nothing can carry a mark
    for character in text:
        kind = _kind(character)
        if kind == "mark":
            carried += 1
            if carried > _PILE:
                found += ["?"] * (carried == _PILE + 1)
                continue
        else:
            carried = _PILE if character == " " else 0
        found.append("?" if kind == "unseen" else character)
    return "".join(found)


@functools.lru_cache(maxsize=4096)
def _kind(character: str) -> str:
    """``mark`` where it stands upon the letter before it, ``unseen``, or ``letter``."""
    code = ord(character)
    if not character.isprintable() or _within(code, _NOTHING_TO_SEE):
        return "unseen"
    if unicodedata.category(character) in ("Mn", "Me") or _within(code, _KOREAN_PARTS):
        return "mark"
    return "letter"


def _within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= code <= last for first, last in ranges)
