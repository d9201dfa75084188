"""Where the labels of a scatter go, so that none covers a mark or another label."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

_CHARACTER, _LINE, _GAP = 7.9, 15.0, 10.0  # pixels, of bold text of 13 pixels


@dataclasses.dataclass(frozen=True)
class Box:
    """A rectangle in pixels, y downwards."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, x: float, y: float, radius: float) -> Box:
        """A square with its middle at x, y."""
        return cls(x - radius, y - radius, x + radius, y + radius)

    def overlap(self, other: Box) -> float:
        """Area that both cover."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(wide, 0.0) * max(high, 0.0)

    def holds(self, other: Box) -> bool:
        """Whether ``other`` lies inside."""
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )


def width_of(text: str) -> float:
    """How wide a text is at most."""
    return _CHARACTER * len(text)


def place(
    texts: Sequence[tuple[float, float, str]],
    room: Box,
    marks: Iterable[Box],
    thin: Iterable[Box],
) -> list[tuple[float, float] | None]:
    """The left end of each text's base line; None where it would cover something.

    Args:
        texts: x and y of the mark it belongs to, and the text; who comes first chooses first.
        room: what no text leaves.
        marks: what no text may cover.
        thin: what a text covers only where there is no better place.
    """
    taken, thin = list(marks), list(thin)
    found: list[tuple[float, float] | None] = []
    for x, y, text in texts:
        free = [
            box
            for box in _candidates(x, y, width_of(text))
            if room.holds(box) and not any(box.overlap(other) for other in taken)
        ]
        chosen = min(free, key=lambda box: sum(map(box.overlap, thin)), default=None)
        if chosen:
            taken.append(chosen)
        found.append((round(chosen.left, 1), round(chosen.bottom - 4, 1)) if chosen else None)
    return found


def _candidates(x: float, y: float, width: float) -> Iterable[Box]:
    """Beside the mark, above, below and at its corners; the nicest first."""
    half = _LINE / 2
    for left, middle in (
        (x + _GAP, y), (x + _GAP, y - half), (x + _GAP, y + half),
        (x - _GAP - width, y), (x - _GAP - width, y - half), (x - _GAP - width, y + half),
        (x - width / 2, y - _GAP - half), (x - width / 2, y + _GAP + half),
        (x + _GAP, y - _LINE), (x + _GAP, y + _LINE),
        (x - _GAP - width, y - _LINE), (x - _GAP - width, y + _LINE),
    ):  # fmt: skip
        yield Box(left, middle - half, left + width, middle + half)
