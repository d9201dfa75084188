"""How a weighter is drawn: one colour, dash and marker, the same in every picture."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re

from weightbench.registry import LOWER_ANCHOR, SUBJECT, UPPER_ANCHOR, without_path

# Told apart with any colour vision when dash and marker help; each has a contrast of 3 or more on
# the white and on the dark paper of the page and of figures.
_BLUE, _GREY = "#0072b2", "#777777"
_COLOURS = ("#d55e00", "#009e73", "#c85a93", "#a07c00", "#8a63c9", "#0f93a5")
_DASHES = ("", "7 3", "7 2 1.5 2", "1.5 2.5")
MARKERS = ("s", "^", "D", "v", "P", "X", ">")
# Chosen so that no two methods of a built-in suite look alike, and a few have as many colours.
_SALT = 19475


@dataclasses.dataclass(frozen=True)
class Look:
    """How lines and dots of a weighter look.

    Attributes:
        colour: on white, ``#rrggbb``.
        dark: on dark paper.
        dash: lengths of strokes and gaps in widths of the line, as SVG takes them; "" is solid.
        marker: matplotlib's name of the dot.
    """

    colour: str
    dark: str
    dash: str
    marker: str

    @property
    def dashes(self) -> tuple[float, ...]:
        """The lengths as numbers; empty where the line is solid."""
        return tuple(map(float, self.dash.split()))


@functools.lru_cache(maxsize=4096)
def look_of(weighter: str) -> Look:
    """The look of a weighter, by its name alone: who else is in the picture changes nothing.

    Plain training is grey and dashed, the oracle as dark as text and dashed, the method that the
    others are held against and its forms blue. The others' looks are drawn from a hash of the name.

    Args:
        weighter: a spec, ``s-model+conf`` or ``path.py:Mine``; the folder of a file does not count.
    """
    name = without_path(weighter) or weighter
    digest = hashlib.sha256(f"{_SALT}{name}".encode()).digest()
    marker = MARKERS[digest[2] % len(MARKERS)]
    if name == LOWER_ANCHOR:
        return Look(_GREY, "#8f99a3", "5 3", "o")
    if name == UPPER_ANCHOR:
        return Look("#16202b", "#e4e9ee", "2.5 2", "h")
    if re.match(rf"{re.escape(SUBJECT)}(?![a-z0-9])", name):
        return Look(_BLUE, "#4a9fe0", "", "o" if "+" not in name else marker)
    colour = _COLOURS[digest[0] % len(_COLOURS)]
    return Look(colour, colour, _DASHES[digest[1] % len(_DASHES)], marker)


def colour_of(weighter: str, *, dark: bool = False) -> str:
    """The colour of :func:`look_of`, ``#rrggbb``, on white or on dark paper."""
    look = look_of(weighter)
    return look.dark if dark else look.colour
