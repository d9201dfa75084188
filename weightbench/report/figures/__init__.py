"""The paper's figures from records: each a table, drawn from that table and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from weightbench.report.figures import drawing, tables
from weightbench.report.figures.tables import Source

FIGURES: dict[str, tuple[Callable[[Source], pd.DataFrame], Callable[[pd.DataFrame], Figure]]] = {
    "imbalance": (tables.by_parameter("ratio"), drawing.error_against("ratio", "imbalance")),
    "clean-size": (
        tables.by_parameter("clean"),
        drawing.accuracy_against("clean", "clean examples a class", log=True),
    ),
    "noise": (tables.by_parameter("noise"), drawing.accuracy_against("noise", "noise level")),
    "weights": (tables.weight_shares, drawing.weights),
    "separation": (tables.separation, drawing.separation),
    "confusion": (tables.confusion, drawing.confusion),
    "curves": (tables.curves, drawing.curves),
}
"""By name: how the table is made from records, and how it is drawn."""
