"""The picture of a sweep: accuracy where one parameter of a task moves, a line for a weighter."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from weightbench.report.site.pictures import HEIGHT, MARGIN, WIDTH, padded, scale, shortened, ticks
from weightbench.report.sweeps import Moving
from weightbench.scoring import Cell, Row

_LOOKS = 8  # colours in style.css; a longer list goes round
_LABELS = 200  # pixels kept free to the right, for names
_LINE = 15.0  # pixels from one name to the next
_APART = 5.0  # pixels between the intervals of two weighters at one value, where there is room


@dataclasses.dataclass(frozen=True)
class Point:
    """A weighter at one value; x and y in pixels, ``words`` for a reader who points at it."""

    x: float
    y: float
    y_low: float
    y_high: float
    words: str


@dataclasses.dataclass(frozen=True)
class Curve:
    """A weighter over the values; its name stands at ``label_y``."""

    weighter: str
    look: int
    points: tuple[Point, ...]
    label_y: float

    @property
    def line(self) -> str:
        """Its points as SVG takes them."""
        return " ".join(f"{point.x},{point.y}" for point in self.points)


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Accuracy against a parameter, its values at equal distances."""

    parameter: str
    curves: tuple[Curve, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    right: float  # where the frame ends and the names begin
    width: int = WIDTH
    height: int = HEIGHT
    margin: int = MARGIN


def sweep(rows: Sequence[Row], swept: Moving) -> Sweep | None:
    """The picture; None where no row has two of the tasks."""
    shown = [row for row in rows if sum(task in row.cells for task in swept.values) > 1]
    if not shown:
        return None
    seen = [row.cells[task].score for row in shown for task in swept.values if task in row.cells]
    low, high = padded(min(a.low for a in seen), max(a.high for a in seen), 0.01)
    y = scale(low, high, HEIGHT - MARGIN, MARGIN / 2)
    right = WIDTH - _LABELS
    # What stands at one value takes at most 60 % of the way to the next.
    apart = min(_APART, 0.6 * (right - MARGIN) / (len(shown) * len(swept.values)))
    edge = 20 + apart * len(shown) / 2
    x = scale(0, len(swept.values) - 1, MARGIN + edge, right - edge)
    curves = []
    for i, row in enumerate(shown):
        aside = (i - (len(shown) - 1) / 2) * apart
        points = tuple(
            _point(row.cells[task], f"{swept.parameter}={value:g}", x(at) + aside, y)
            for at, (task, value) in enumerate(swept.values.items())
            if task in row.cells
        )
        curves.append(Curve(shortened(row.weighter), i % _LOOKS, points, points[-1].y))
    return Sweep(
        swept.parameter,
        tuple(_apart(curves)),
        tuple((x(at), f"{value:g}") for at, value in enumerate(swept.values.values())),
        tuple((y(tick), f"{tick:.10g}") for tick in ticks(low, high)),
        right,
    )


def _point(cell: Cell, where: str, x: float, y: Callable[[float], float]) -> Point:
    a = cell.score
    words = f"{where}: {a.mean:.3f} [{a.low:.3f}, {a.high:.3f}], {cell.seeds} seeds"
    return Point(round(x, 1), y(a.mean), y(a.low), y(a.high), words)


def _apart(curves: Sequence[Curve]) -> list[Curve]:
    """The curves from top to bottom, their names a line apart and inside the frame."""
    order = sorted(curves, key=lambda curve: curve.label_y)
    top, bottom = MARGIN / 2, HEIGHT - MARGIN
    line = min(_LINE, (bottom - top) / max(len(order) - 1, 1))
    places: list[float] = []
    for i, curve in enumerate(order):
        lowest = bottom - line * (len(order) - 1 - i)  # leaves room for those below
        after = places[-1] + line if places else top
        places.append(round(min(max(curve.label_y, after), lowest), 1))
    return [dataclasses.replace(curve, label_y=at) for curve, at in zip(order, places, strict=True)]
