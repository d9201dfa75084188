"""Figures from records: each a table, drawn from that table and nothing else.

A name loads nothing; matplotlib and pandas come with the first figure that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from weightbench.report.figures.canvas import Paper
    from weightbench.report.figures.tables import Source

    Parts = tuple[Callable[[Source], pd.DataFrame], Callable[[pd.DataFrame, Paper], Figure]]


def _imbalance() -> Parts:
    from weightbench.report.figures import lines, tables

    draw = lines.error_against("ratio", "examples of the frequent class for one of the rare")
    return tables.by_parameter("ratio", above=0, below=1), draw


def _weights() -> Parts:
    from weightbench.report.figures import matrices, tables

    return tables.weight_shares, matrices.weights


def _separation() -> Parts:
    from weightbench.report.figures import lines, tables

    return tables.separation, lines.separation


def _clean_size() -> Parts:
    from weightbench.report.figures import lines, tables

    draw = lines.accuracy_against("clean", "clean examples a class", log=True)
    return tables.by_parameter("clean", above=0), draw


def _noise() -> Parts:
    from weightbench.report.figures import lines, tables

    return tables.by_parameter("noise"), lines.accuracy_against("noise", "noise level")


def _confusion() -> Parts:
    from weightbench.report.figures import matrices, tables

    return tables.confusion, matrices.confusion


def _curves() -> Parts:
    from weightbench.report.figures import lines, tables

    return tables.curves, lines.curves


def _skill() -> Parts:
    from weightbench.report.figures import skill, tables

    return tables.skill, skill.skill


FIGURES: dict[str, Callable[[], Parts]] = {
    "skill": _skill,
    "imbalance": _imbalance,
    "weights": _weights,
    "separation": _separation,
    "clean-size": _clean_size,
    "noise": _noise,
    "confusion": _confusion,
    "curves": _curves,
}
"""By name: how the table is made from records, and how it is drawn."""
