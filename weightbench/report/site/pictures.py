"""Pictures of the page, made without a drawing library: a scatter's geometry, a matrix as PNG."""

from __future__ import annotations

import base64
import dataclasses
import itertools
import math
import struct
import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from weightbench.report.site.labels import Box, place

WIDTH, HEIGHT, MARGIN = 760, 420, 52
_RADIUS = 6


@dataclasses.dataclass(frozen=True)
class Dot:
    """A weighter in the picture of skill against cost; x and y in pixels.

    ``label`` is empty where there is no room for one; ``label_x`` and ``label_y`` are the left end
    of its base line.
    """

    weighter: str
    cost: float
    skill: float
    x: float
    y: float
    y_low: float
    y_high: float
    best: bool
    label: str = ""
    label_x: float = 0.0
    label_y: float = 0.0


@dataclasses.dataclass(frozen=True)
class Scatter:
    """Skill against time, time on a logarithmic axis; ``front`` is the stair through the best."""

    dots: tuple[Dot, ...]
    front: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    width: int = WIDTH
    height: int = HEIGHT
    margin: int = MARGIN


CostAndSkill = tuple[str, float, float, float, float]  # weighter, cost, skill, its interval


def scatter(points: Sequence[CostAndSkill]) -> Scatter | None:
    """The picture, None where there is nothing to show.

    On the front are those that nobody beats in both: no other has at most their cost and at least
    their skill, and one of them better.
    """
    if not points:
        return None
    costs = [math.log2(cost) for _, cost, *_ in points]
    bounds = [0.0, *(bound for *_, low, high in points for bound in (low, high))]
    x_low, x_high = padded(min(costs), max(costs), 0.5)
    y_low, y_high = padded(min(bounds), max(bounds), 0.05)
    x = scale(x_low, x_high, MARGIN, WIDTH - MARGIN / 2)
    y = scale(y_low, y_high, HEIGHT - MARGIN, MARGIN / 2)
    dots = [
        Dot(
            weighter, cost, skill, x(math.log2(cost)), y(skill), y(low), y(high),
            _undominated(cost, skill, points),
        )
        for weighter, cost, skill, low, high in points
    ]  # fmt: skip
    best = sorted((dot for dot in dots if dot.best), key=lambda dot: (dot.cost, dot.skill))
    front = " ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in best[:1])
    for before, dot in itertools.pairwise(best):
        front += f" {dot.x:.1f},{before.y:.1f} {dot.x:.1f},{dot.y:.1f}"
    powers = range(math.ceil(x_low), math.floor(x_high) + 1)
    return Scatter(
        tuple(_labelled(dots)),
        front,
        tuple((x(power), f"{2.0**power:g}x") for power in powers),
        tuple((y(tick), f"{tick:.10g}") for tick in ticks(y_low, y_high)),
    )


def _labelled(dots: Sequence[Dot]) -> list[Dot]:
    """The dots with labels that cover neither dots nor each other; the front chooses first."""
    room = Box(2, 2, WIDTH - 2, HEIGHT - MARGIN)
    marks = [Box.around(dot.x, dot.y, _RADIUS + 1) for dot in dots]
    errors = [Box(dot.x - 1, dot.y_high, dot.x + 1, dot.y_low) for dot in dots]
    order = sorted(range(len(dots)), key=lambda i: (not dots[i].best, -dots[i].skill))
    names = [shortened(dots[i].weighter) for i in order]
    found = place(
        [(dots[i].x, dots[i].y, name) for i, name in zip(order, names, strict=True)],
        room, marks, errors,
    )  # fmt: skip
    result = list(dots)
    for i, name, at in zip(order, names, found, strict=True):
        if at:
            result[i] = dataclasses.replace(dots[i], label=name, label_x=at[0], label_y=at[1])
    return result


def shortened(name: str) -> str:
    """A name that fits beside a mark."""
    return name if len(name) <= 28 else f"{name[:27]}…"


def _undominated(cost: float, skill: float, points: Sequence[CostAndSkill]) -> bool:
    return not any(c <= cost and s >= skill and (c < cost or s > skill) for _, c, s, *_ in points)


def padded(low: float, high: float, least: float) -> tuple[float, float]:
    """A little more than an interval on both sides, so that nothing touches the frame."""
    more = max((high - low) * 0.08, least)
    return low - more, high + more


def ticks(low: float, high: float) -> list[float]:
    """Round numbers in an interval, four to eight of them."""
    rough = (high - low) / 8
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [round(i * step, 10) for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """The linear map from [low, high] to [start, end]."""
    factor = (end - start) / (high - low)
    return lambda value: round(start + (value - low) * factor, 1)


_WHITE, _BLUE = np.array([255, 255, 255]), np.array([11, 60, 125])


def matrix_png(matrix: NDArray[np.float64]) -> str:
    """A matrix of shares, (K, K), as a ``data:`` URI of a PNG, a pixel an entry; 1 is dark blue.

    The square root is drawn, so that a share of a hundredth still shows.
    """
    depth = np.sqrt(matrix.clip(0, 1))[..., None]
    pixels = np.round(_WHITE + depth * (_BLUE - _WHITE)).astype(np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    height, width = matrix.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (("IHDR", header), ("IDAT", zlib.compress(rows, 9)), ("IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name.encode(), body) for name, body in chunks)
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
