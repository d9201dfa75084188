"""Exact tests of paired differences, and what remains of them when there are many."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from weightbench.scoring.results import Vector

ENOUGH_SEEDS = 6  # with 5, the smallest two-sided p is 2 / 2^5 = .0625
LEVEL = 0.05
EXACT_UP_TO = 28  # pairs; 2^14 sums a half


def sign_flip(parts: Vector) -> float:
    """Two-sided p that the sum of ``parts``, (n,), is as far from 0 when each sign is a fair coin.

    The test of paired differences (Fisher 1935, Pitman 1937): where two weighters are the same,
    each difference is as likely to have the other sign. Up to 28 parts all 2^n sign patterns
    are counted; beyond, the tail is Lugannani and Rice's saddlepoint approximation (1980) to the
    same distribution, a few hundredths off where p is above 1e-4.
    """
    total = float(np.abs(parts.sum()))
    slack = 1e-9 * float(np.abs(parts).sum())
    if total <= slack:
        return 1.0
    parts = np.abs(parts[parts != 0])
    if len(parts) <= EXACT_UP_TO:
        return _counted(parts, total - slack)
    if total >= float(parts.sum()) - slack:  # all of one sign: this pattern and its opposite
        return float(0.5 ** (len(parts) - 1))
    return _saddlepoint(parts, total)


def _counted(parts: Vector, at_least: float) -> float:
    """Share of the 2^n signed sums that reach ``at_least`` in size: each is a half plus a half."""
    half = len(parts) // 2
    left, right = _signed_sums(parts[:half]), np.sort(_signed_sums(parts[half:]))
    above = len(right) - np.searchsorted(right, at_least - left)
    return float(2 * above.sum() / 2 ** len(parts))


def _signed_sums(parts: Vector) -> Vector:
    sums = np.zeros(1)
    for part in parts:
        sums = np.concatenate([sums - part, sums + part])
    return sums


def _saddlepoint(parts: Vector, total: float) -> float:
    """2 P(sum >= total), from the cumulant function K(u) = sum log cosh(u part)."""
    parts, total = parts / parts.max(), total / float(parts.max())
    u = _saddlepoint_of(parts, total)
    log_cosh = np.logaddexp(u * parts, -u * parts) - np.log(2)
    w = math.sqrt(max(2 * (u * total - float(log_cosh.sum())), 0.0))
    v = u * math.sqrt(float((parts**2 * (1 - np.tanh(u * parts) ** 2)).sum()))
    if w < 1e-4 or v < 1e-4:  # the centre of the distribution, where the formula is 0 / 0
        return float(2 * _upper_tail(w))
    density = math.exp(-(w**2) / 2) / math.sqrt(2 * math.pi)
    tail = _upper_tail(w) + density * (1 / v - 1 / w)
    return float(np.clip(2 * tail, 0.5 ** (len(parts) - 1), 1))


def _saddlepoint_of(parts: Vector, total: float) -> float:
    """The u with K'(u) = total, by bisection; K' rises from 0 to sum(parts)."""
    low, high = 0.0, 1.0
    while float((parts * np.tanh(high * parts)).sum()) < total:
        low, high = high, 2 * high
    for _ in range(50):
        middle = (low + high) / 2
        below = float((parts * np.tanh(middle * parts)).sum()) < total
        low, high = (middle, high) if below else (low, middle)
    return (low + high) / 2


def _upper_tail(w: float) -> float:
    """P(a standard normal is above w)."""
    return math.erfc(w / math.sqrt(2)) / 2


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p values: below a level, the family-wise error is held at it."""
    adjusted, least = [0.0] * len(p_values), 0.0
    for place, i in enumerate(np.argsort(p_values, kind="stable")):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[i]))
        adjusted[i] = least
    return adjusted
