"""What the pictures of the page share: scales, ticks, short names; and a matrix as PNG."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, MARGIN = 640, 400, 52  # pixels; the margin is for ticks and names of axes


def shortened(name: str) -> str:
    """A name that fits beside a mark."""
    return name if len(name) <= 28 else f"{name[:27]}…"


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
