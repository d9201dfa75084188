"""Pictures of the page, made without a drawing library: a scatter's geometry, a matrix as PNG."""

from __future__ import annotations

import base64
import dataclasses
import math
import struct
import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, MARGIN = 720, 400, 56


@dataclasses.dataclass(frozen=True)
class Dot:
    """A weighter in the picture of skill against cost; x and y in pixels."""

    weighter: str
    cost: float
    skill: float
    x: float
    y: float
    y_low: float
    y_high: float
    best: bool
    left: bool


@dataclasses.dataclass(frozen=True)
class Scatter:
    """Skill against time, time on a logarithmic axis; ``front`` is the line through the best."""

    dots: tuple[Dot, ...]
    front: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    width: int = WIDTH
    height: int = HEIGHT
    margin: int = MARGIN


Point = tuple[str, float, float, float, float]  # weighter, cost, skill, its interval


def scatter(points: Sequence[Point]) -> Scatter | None:
    """The picture, None where there is nothing to show.

    On the front are those that nobody beats in both: no other has at most their cost and at least
    their skill, and one of them better.
    """
    if not points:
        return None
    x_ticks = _cost_ticks([cost for _, cost, *_ in points])
    bounds = [bound for *_, low, high in points for bound in (low, high)]
    y_ticks = _ticks(min(bounds), max(bounds))
    x = _scale(math.log(x_ticks[0]), math.log(x_ticks[-1]), MARGIN, WIDTH - MARGIN)
    y = _scale(y_ticks[0], y_ticks[-1], HEIGHT - MARGIN, MARGIN / 2)
    dots = [
        Dot(
            weighter, cost, skill, x(math.log(cost)), y(skill), y(low), y(high),
            _undominated(cost, skill, points), x(math.log(cost)) > WIDTH * 0.75,
        )
        for weighter, cost, skill, low, high in points
    ]  # fmt: skip
    best = sorted((dot for dot in dots if dot.best), key=lambda dot: (dot.cost, dot.skill))
    front = " ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in best)
    return Scatter(
        tuple(dots),
        front,
        tuple((x(math.log(tick)), f"{tick:g}x") for tick in x_ticks),
        tuple((y(tick), f"{tick:.10g}") for tick in y_ticks),
    )


def _undominated(cost: float, skill: float, points: Sequence[Point]) -> bool:
    return not any(c <= cost and s >= skill and (c < cost or s > skill) for _, c, s, *_ in points)


def _cost_ticks(costs: Sequence[float]) -> list[float]:
    low, high = math.floor(math.log2(min(costs))), math.ceil(math.log2(max(costs)))
    return [2.0**power for power in range(low, max(high, low + 1) + 1)]


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers around an interval, about five of them."""
    rough = max(high - low, 1e-9) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(i * step, 10) for i in range(first, max(last, first + 1) + 1)]


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """The linear map from [low, high] to [start, end]."""
    factor = (end - start) / (high - low)
    return lambda value: round(start + (value - low) * factor, 1)


def matrix_png(matrix: NDArray[np.float64]) -> str:
    """A matrix of shares, (K, K), as a ``data:`` URI of a grey PNG, a pixel an entry; 1 is black.

    The square root is drawn, so that a share of a hundredth still shows.
    """
    pixels = np.round(255 * (1 - np.sqrt(matrix.clip(0, 1)))).astype(np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    height, width = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = (("IHDR", header), ("IDAT", zlib.compress(rows, 9)), ("IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name.encode(), body) for name, body in chunks)
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
