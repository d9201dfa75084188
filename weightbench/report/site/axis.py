"""The axis of skill, the same on every board: what lies beyond its ends is told, not clipped."""

from __future__ import annotations

import dataclasses

from weightbench.report.site.numbers import fixed
from weightbench.scoring import Interval

LOW, HIGH = -0.5, 1.5  # so that plain training is at a quarter and the oracle at three


@dataclasses.dataclass(frozen=True)
class Mark:
    """Where a skill lies; in per cent of the axis.

    Attributes:
        at: its mean.
        left: the low end of its interval.
        width: of the interval; 0 where there is none, or none of it on the axis.
        beyond: an arrow and the mean where that is not on the axis, else empty.
    """

    at: float
    left: float
    width: float
    beyond: str


def mark(skill: Interval) -> Mark:
    """Its place on the axis."""
    left, width = 0.0, 0.0
    if skill.is_known:
        left = _percent(skill.low)
        width = round(_percent(skill.high) - left, 1)
    return Mark(_percent(skill.mean), left, width, _beyond(skill.mean))


def _percent(value: float) -> float:
    return round(100 * (min(max(value, LOW), HIGH) - LOW) / (HIGH - LOW), 1)


def _beyond(value: float) -> str:
    if value < LOW:
        return f"◀ {fixed(value, 1)}"
    return f"{fixed(value, 1)} ▶" if value > HIGH else ""
