"""Skill, intervals and who beats whom, from records. Loads no torch; knows the anchors alone."""

from __future__ import annotations

from weightbench.scoring.anchors import (
    Anchor,
    freeze,
    published_anchors,
    read_anchors,
)
from weightbench.scoring.board import board
from weightbench.scoring.comparison import Comparison, Difference, compare
from weightbench.scoring.entries import Board, Cell, CostRatios, Duel, Finding, Interval, Row

__all__ = [
    "Anchor",
    "Board",
    "Cell",
    "Comparison",
    "CostRatios",
    "Difference",
    "Duel",
    "Finding",
    "Interval",
    "Row",
    "board",
    "compare",
    "freeze",
    "published_anchors",
    "read_anchors",
]
