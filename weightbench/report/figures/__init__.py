"""The paper's figures from records: each a table, drawn from that table and nothing else.

A name loads nothing; matplotlib and pandas come with the first figure that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from weightbench.report.figures.tables import Source

    Parts = tuple[Callable[[Source], pd.DataFrame], Callable[[pd.DataFrame], Figure]]


def _imbalance() -> Parts:
    from weightbench.report.figures import drawing, tables

    return tables.by_parameter("ratio", above=0, below=1), drawing.error_against(
        "ratio", "imbalance"
    )


def _weights() -> Parts:
    from weightbench.report.figures import drawing, tables

    return tables.weight_shares, drawing.weights


def _separation() -> Parts:
    from weightbench.report.figures import drawing, tables

    return tables.separation, drawing.separation


def _clean_size() -> Parts:
    from weightbench.report.figures import drawing, tables

    draw = drawing.accuracy_against("clean", "clean examples a class", log=True)
    return tables.by_parameter("clean", above=0), draw


def _noise() -> Parts:
    from weightbench.report.figures import drawing, tables

    return tables.by_parameter("noise"), drawing.accuracy_against("noise", "noise level")


def _confusion() -> Parts:
    from weightbench.report.figures import drawing, tables

    return tables.confusion, drawing.confusion


def _curves() -> Parts:
    from weightbench.report.figures import drawing, tables

    return tables.curves, drawing.curves


FIGURES: dict[str, Callable[[], Parts]] = {
    "imbalance": _imbalance,
    "weights": _weights,
    "separation": _separation,
    "clean-size": _clean_size,
    "noise": _noise,
    "confusion": _confusion,
    "curves": _curves,
}
"""By name: how the table is made from records, and how it is drawn."""
