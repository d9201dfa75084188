"""Named random streams, so that two weighters at one seed share everything but their own draws."""

from __future__ import annotations

import hashlib

import numpy as np


def stream_seed(task: str, role: str, seed: int, weighter: str = "") -> int:
    """The seed of one stream: the first 63 bits of sha256 over task, role, seed and weighter."""
    text = "\0".join((task, role, str(seed), weighter))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_stream(task: str, role: str, seed: int) -> np.random.Generator:
    """A NumPy generator for splits and corruption."""
    return np.random.default_rng(stream_seed(task, role, seed))
