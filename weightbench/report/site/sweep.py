"""The picture of a sweep: error where one parameter of a task moves, a line for a weighter."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

from weightbench.report.looks import look_of
from weightbench.report.site.index import PageIndex
from weightbench.report.site.numbers import fixed, is_share
from weightbench.report.site.pictures import HEIGHT, MARGIN, WIDTH, scale, shortened
from weightbench.report.sweeps import Moving
from weightbench.scoring import Cell, Row

_LABELS = 170  # pixels kept free to the right, for names
_LINE = 19.0  # pixels from one name to the next
_LEAST = 0.002  # error; what is less is drawn there, for zero has no logarithm
_STEPS = (1, 2, 5)  # in a power of ten, that get a tick
# A dot of each marker, as an SVG path around 0, 0.
MARKERS = {
    "o": "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0",
    "s": "M-3.5,-3.5h7v7h-7z",
    "^": "M0,-4.5L4.5,3.5H-4.5z",
    "v": "M0,4.5L4.5,-3.5H-4.5z",
    "D": "M0,-4.8L4.8,0L0,4.8L-4.8,0z",
    ">": "M4.5,0L-3.5,4.5V-4.5z",
    "P": "M-1.5,-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
    "X": "M-4,-2L-2,-4L0,-2L2,-4L4,-2L2,0L4,2L2,4L0,2L-2,4L-4,2L-2,0z",
    "h": "M0,-4.6L4,-2.3V2.3L0,4.6L-4,2.3V-2.3z",
}


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

    number: int
    weighter: str
    colour: str
    dark: str
    coloured: bool
    dash: str
    marker: str
    points: tuple[Point, ...]
    label_y: float

    @property
    def line(self) -> str:
        """Its points as SVG takes them."""
        return " ".join(f"{point.x},{point.y}" for point in self.points)


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Error on a logarithmic axis against a parameter, its values at equal distances."""

    parameter: str
    measure: str
    curves: tuple[Curve, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    right: float  # where the frame ends and the names begin
    width: int = WIDTH
    height: int = HEIGHT
    margin: int = MARGIN


def sweep(
    rows: Sequence[Row], swept: Moving, coloured: Callable[[str], bool], index: PageIndex
) -> Sweep | None:
    """The picture; None where no row has two of the tasks, or errors are no shares."""
    shown = [row for row in rows if sum(task in row.cells for task in swept.values) > 1]
    cells = [row.cells[task] for row in shown for task in swept.values if task in row.cells]
    if not cells or not all(is_share(cell.metric) for cell in cells):
        return None
    errors = [error for cell in cells for error in _errors(cell)]
    low, high = math.log10(min(errors)) - 0.05, math.log10(max(errors)) + 0.05
    y = scale(low, high, HEIGHT - MARGIN, 24)
    right = WIDTH - _LABELS
    x = scale(0, len(swept.values) - 1, MARGIN + 24, right - 24)
    curves = []
    for row in shown:
        look = look_of(row.weighter)
        points = tuple(
            _point(row.cells[task], value_words(swept.parameter, value), x(at), y)
            for at, (task, value) in enumerate(swept.values.items())
            if task in row.cells
        )
        curves.append(
            Curve(
                index.weighters[row.weighter], shortened(row.weighter), look.colour, look.dark,
                coloured(row.weighter), look.dash, MARKERS[look.marker], points,
                points[-1].y,
            )
        )  # fmt: skip
    metric = cells[0].metric
    return Sweep(
        parameter_words(swept.parameter),
        "test error, %" if metric == "accuracy" else f"100 % less {metric.replace('_', ' ')}",
        tuple(_apart(curves)),
        tuple(
            (x(at), value_words(swept.parameter, v)) for at, v in enumerate(swept.values.values())
        ),
        tuple(
            (y(math.log10(tick)), fixed(100 * tick, 1).removesuffix(".0"))
            for tick in _ticks(low, high)
        ),
        right,
    )


def parameter_words(parameter: str) -> str:
    """What moves, as a reader would say it."""
    return "class ratio" if parameter == "ratio" else parameter.replace("_", " ")


def value_words(parameter: str, value: float) -> str:
    """A value of it; the share of the frequent of two classes is told as a ratio, ``199:1``."""
    if parameter == "ratio" and 0.5 <= value < 1:
        return f"{value / (1 - value):.3g}:1"
    return f"{value:g}"


def _errors(cell: Cell) -> list[float]:
    """Mean, and the ends of the interval where there is one; never zero."""
    a = cell.score
    return [
        max(1 - accuracy, _LEAST)
        for accuracy in ([a.mean, a.high, a.low] if a.is_known else [a.mean])
    ]


def _ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(low), math.ceil(high) + 1)
    every = [step * 10.0**power for power in powers for step in _STEPS]
    return [tick for tick in every if low <= math.log10(tick) <= high]


def _point(cell: Cell, where: str, x: float, y: Callable[[float], float]) -> Point:
    mean, *ends = _errors(cell)
    least, most = ends or (mean, mean)
    words = f"{where}: error {fixed(100 * mean, 1)} %"
    if ends:
        words += f" [{fixed(100 * least, 1)}, {fixed(100 * most, 1)}]"
    at, low, high = (y(math.log10(error)) for error in (mean, least, most))
    return Point(round(x, 1), at, low, high, f"{words}, {cell.seeds} seeds")


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
