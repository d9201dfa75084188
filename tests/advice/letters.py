"""A table like the letters of UCI: 20,000 rows of 16 whole numbers, 26 classes alike in pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

D, K, CLUSTERS = 16, 26, 4


def letters(rows: int = 20_000, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Rows (n, 16) and true labels (n,)."""
    rng = np.random.default_rng(seed)
    pairs = rng.normal(size=(K // 2, CLUSTERS, D)) * 2.4
    centres = np.repeat(pairs, 2, 0) + rng.normal(size=(K, CLUSTERS, D)) * 1.1
    spread = np.eye(D) + 0.35 * rng.normal(size=(K, CLUSTERS, D, D))
    labels, cluster = rng.integers(K, size=rows), rng.integers(CLUSTERS, size=rows)
    noise = np.einsum("nij,nj->ni", spread[labels, cluster], rng.normal(size=(rows, D)))
    values = np.round(7.5 + 1.6 * (centres[labels, cluster] + noise)).clip(0, 15)
    return values.astype(np.float32), labels


def flipped(kind: str, labels: NDArray[np.int64], share: float, seed: int = 0) -> NDArray[Any]:
    """Labels of which a share is wrong: ``uniform``, any other; ``similar``, the alike one."""
    rng = np.random.default_rng(seed)
    other = (labels + rng.integers(1, K, len(labels))) % K if kind == "uniform" else labels ^ 1
    return np.where(rng.random(len(labels)) < share, other, labels)
