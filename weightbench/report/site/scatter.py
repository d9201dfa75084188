"""Skill against cost: who is better, and who is cheaper.

Cost is in floating point operations, which are counted: the picture is the same on every machine.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence

from weightbench.report.looks import Look
from weightbench.report.site.labels import Box, place, width_of
from weightbench.report.site.numbers import TIMES, fixed, ratio
from weightbench.report.site.pictures import HEIGHT, MARGIN, WIDTH, scale, shortened, ticks
from weightbench.scoring import Interval

LOWEST = -0.25  # skill; what lies below is drawn as an arrow at the lower edge
_HIGHEST = 1.05
_LEAST_COST, _MOST_COST = -1.0, 2.0  # powers of two that are always on the axis
_RADIUS = 6
_NEAR = 10  # pixels from the middle of a dot to its name

Scale = Callable[[float], float]


@dataclasses.dataclass(frozen=True)
class Point:
    """A weighter: its number on the page, and its cost over plain training's.

    ``look`` is how it is drawn; ``named`` says whether its name is always shown.
    """

    number: int
    weighter: str
    cost: float
    skill: Interval
    look: Look
    named: bool = False


@dataclasses.dataclass(frozen=True)
class Spot:
    """A point in pixels.

    Attributes:
        point: what is drawn.
        best: whether nobody is both cheaper and better.
        below: whether its skill lies under the axis.
        words: for a reader who points at it.
        label: its name.
        label_x: left end of the name's base line; its right end where ``end``.
        shown: whether the name stands there without being asked for.
    """

    point: Point
    x: float
    y: float
    y_low: float
    y_high: float
    best: bool
    below: bool
    words: str
    label: str
    label_x: float
    label_y: float
    end: bool = False
    shown: bool = False


@dataclasses.dataclass(frozen=True)
class Scatter:
    """Cost on a logarithmic axis; ``front`` is the stair through the best."""

    spots: tuple[Spot, ...]
    front: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    right: float = WIDTH - 16
    width: int = WIDTH
    height: int = HEIGHT
    margin: int = MARGIN


def scatter(points: Sequence[Point]) -> Scatter | None:
    """The picture, None where there is nothing to show.

    On the front are those that nobody beats in both: no other has at most their cost and at least
    their skill, and one of them better. Their names are shown, and those of points that are named.
    """
    points = [point for point in points if point.cost > 0]
    if not points:
        return None
    costs = [math.log2(point.cost) for point in points]
    x_low, x_high = min(*costs, _LEAST_COST) - 0.25, max(*costs, _MOST_COST) + 0.25
    y_high = max(_HIGHEST, *(_ends(point.skill)[1] + 0.05 for point in points))
    x = scale(x_low, x_high, MARGIN, WIDTH - 16)
    y = scale(LOWEST, y_high, HEIGHT - MARGIN, 24)
    spots = [
        _spot(point, x(cost), y, y_high, _undominated(point, points))
        for point, cost in zip(points, costs, strict=True)
    ]
    best = sorted((s for s in spots if s.best), key=lambda s: (s.point.cost, s.point.skill.mean))
    front = " ".join(f"{spot.x},{spot.y}" for spot in best[:1])
    for before, spot in itertools.pairwise(best):
        front += f" {spot.x},{before.y} {spot.x},{spot.y}"
    powers = range(math.ceil(x_low), math.floor(x_high) + 1)
    return Scatter(
        tuple(_labelled(spots)),
        front,
        tuple((x(power), f"{2.0**power:g}{TIMES}") for power in powers),
        tuple((y(tick), fixed(tick, 2).rstrip("0").rstrip(".")) for tick in ticks(LOWEST, y_high)),
    )


def _spot(point: Point, x: float, y: Scale, y_high: float, best: bool) -> Spot:
    mean = point.skill.mean
    bottom, top = (y(min(max(end, LOWEST), y_high)) for end in _ends(point.skill))
    words = f"{point.weighter}: skill {fixed(mean, 2)} at {ratio(point.cost)}"
    right = x > WIDTH * 0.6
    middle = y(max(mean, LOWEST))
    return Spot(
        point, x, middle, bottom, top, best, mean < LOWEST, words,
        shortened(point.weighter), x - _NEAR if right else x + _NEAR, middle + 4, end=right,
    )  # fmt: skip


def _ends(skill: Interval) -> tuple[float, float]:
    """Of its interval; the mean itself where a single seed gives none."""
    return (skill.low, skill.high) if skill.is_known else (skill.mean, skill.mean)


def _labelled(spots: Sequence[Spot]) -> list[Spot]:
    """Names of the front and of those that are named; none covers a spot or another name."""
    room = Box(2, 2, WIDTH - 2, HEIGHT - MARGIN)
    marks = [Box.around(spot.x, spot.y, _RADIUS + 1) for spot in spots]
    errors = [Box(spot.x - 1, spot.y_high, spot.x + 1, spot.y_low) for spot in spots]
    chosen = sorted(
        (i for i, spot in enumerate(spots) if spot.best or spot.point.named),
        key=lambda i: (not spots[i].best, -spots[i].point.skill.mean),
    )
    found = place([(spots[i].x, spots[i].y, spots[i].label) for i in chosen], room, marks, errors)
    result = list(spots)
    for i, at in zip(chosen, found, strict=True):
        if at:
            # A name to the left ends at its dot, however wide its letters turn out to be.
            end = at[0] + width_of(spots[i].label) <= spots[i].x - _NEAR + 0.1
            x = spots[i].x - _NEAR if end else at[0]
            result[i] = dataclasses.replace(spots[i], label_x=x, label_y=at[1], end=end, shown=True)
    return result


def _undominated(point: Point, points: Sequence[Point]) -> bool:
    own = (point.cost, -point.skill.mean)
    others = [(other.cost, -other.skill.mean) for other in points]
    return not any(c <= own[0] and s <= own[1] and (c, s) != own for c, s in others)
