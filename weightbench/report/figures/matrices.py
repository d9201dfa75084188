"""Figures with a row of panels for each weighter and a column for each task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from weightbench.report.figures.canvas import (
    NORMAL,
    SMALL,
    Paper,
    Sizes,
    panel,
    say_below,
    sheet,
    title,
)
from weightbench.texts import caption

_WRITTEN = 3  # classes up to which shares are written into a confusion matrix
_MARGIN = 1.55  # inches, for the names of rows
_HEAD, _FOOT = 0.3, 0.55  # inches


def weights(table: pd.DataFrame, paper: Paper) -> Figure:
    """Histograms of the weights of right and of wrong examples; Fig. 3.

    A weighter all of whose weights are alike is named below, not drawn.
    """
    alike = [str(n) for n in table["weighter"].unique() if _is_alike(table[table.weighter == n])]
    drawn = table[~table["weighter"].isin(alike)]
    drawn = table if drawn.empty else drawn
    looks: tuple[tuple[bool, dict[str, Any]], ...] = (
        (True, {"color": paper.soft, "alpha": 0.65, "linewidth": 0}),
        (
            False,
            {"facecolor": "none", "edgecolor": paper.wrong, "hatch": "/////", "linewidth": 0.8},
        ),
    )
    highest = float(drawn["share"].max()) * 1.05
    most = float(table["high"].max())
    sizes = Sizes(1.75, 0.62, left=0.18, right=0.12, above=0.1, below=0.12)
    figure, cells = _cells(drawn, sizes, paper)
    for axes, here, is_first, is_last in cells:
        for clean, look in looks:
            kind = here[here["clean"] == clean]
            if not kind.empty:
                edges = [*kind["low"], kind["high"].iloc[-1]]
                axes.stairs(kind["share"], edges, fill=True, **look)
        axes.set(xlim=(0, most), ylim=(0, highest))
        ticks = range(int(most) + 1)
        axes.set_xticks(ticks, [*map(str, ticks[:-1]), f"{most:.0f}+"] if is_last else [])
        axes.set_yticks([0, 0.5], ["0", ".5"] if is_first else [])
    _legend(figure, paper)
    words = "weight of an example, 1 is the mean; height: share of the examples of that kind"
    left_out = (
        f"; all weights alike: {', '.join(alike)}" if alike and len(drawn) < len(table) else ""
    )
    say_below(figure, caption(words + left_out, 60 + int(figure.get_size_inches()[0] * 14)), paper)
    return figure


def _is_alike(table: pd.DataFrame) -> bool:
    """Whether whatever there is of a weighter lies in one bin."""
    filled = table[table["share"] > 0]
    return bool(filled.groupby("task")["low"].nunique().max() == 1)


def _legend(figure: Figure, paper: Paper) -> None:
    wide, high = figure.get_size_inches()
    handles = [
        Patch(color=paper.soft, alpha=0.65, linewidth=0, label="label right"),
        Patch(facecolor="none", edgecolor=paper.wrong, hatch="/////", label="label wrong"),
    ]
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.08 / wide, 1 - 0.1 / high),
        frameon=False, fontsize=SMALL, labelcolor=paper.ink, borderpad=0, borderaxespad=0,
    )  # fmt: skip


def confusion(table: pd.DataFrame, paper: Paper) -> Figure:
    """Confusion matrices, rows true classes; Fig. 6."""
    sizes = Sizes(1.2, 1.2, left=0.3, right=0.25, above=0.1, below=0.25)
    figure, cells = _cells(table, sizes, paper)
    for axes, here, _, _ in cells:
        matrix = here.pivot(index="true", columns="predicted", values="share").to_numpy()
        axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1)
        axes.spines[:].set_visible(True)
        axes.grid(False)
        ticks = range(0, len(matrix), 1 + len(matrix) // 11)
        axes.set_xticks(ticks)
        axes.set_yticks(ticks)
        axes.tick_params(length=0, labelsize=6)
        if len(matrix) <= _WRITTEN:
            for (i, j), share in np.ndenumerate(matrix):
                colour = "white" if share > 0.5 else "black"
                axes.text(j, i, f"{share:.2f}", ha="center", va="center", color=colour)
    say_below(figure, "rows: true class; columns: predicted; all seeds together", paper)
    return figure


def _cells(
    table: pd.DataFrame, sizes: Sizes, paper: Paper
) -> tuple[Figure, Iterator[tuple[Axes, pd.DataFrame, bool, bool]]]:
    """The figure, and a panel wherever a weighter has a task, with its part of the table.

    With each comes whether it is the first of its row and the last of its column. Rows are in the
    order of the table, each with its name in the margin.
    """
    tasks, names = list(table["task"].unique()), list(table["weighter"].unique())
    wide, head = _MARGIN + len(tasks) * sizes.across, _HEAD + sizes.above + 0.2
    figure = sheet(wide, head + len(names) * sizes.down + _FOOT, paper)
    return figure, _filled(figure, table, tasks, names, sizes, paper, head)


def _filled(
    figure: Figure,
    table: pd.DataFrame,
    tasks: Sequence[str],
    names: Sequence[str],
    sizes: Sizes,
    paper: Paper,
    head: float,
) -> Iterator[tuple[Axes, pd.DataFrame, bool, bool]]:
    wide, high = figure.get_size_inches()
    there = dict(iter(table.groupby(["weighter", "task"], sort=False)))
    for column, task in enumerate(tasks):
        rows = [row for row, name in enumerate(names) if (name, task) in there]
        for row in rows:
            axes = panel(figure, sizes, paper, row, column, _MARGIN)
            box = axes.get_position()
            axes.set_position((box.x0, box.y0 - head / high, box.width, box.height))
            if row == rows[0]:
                title(axes, task, paper)
            first = all((names[row], other) not in there for other in tasks[:column])
            yield axes, there[names[row], task], first, row == rows[-1]
    for row, name in enumerate(names):
        middle = head + row * sizes.down + sizes.above + sizes.height / 2
        figure.text(
            (_MARGIN - 0.12) / wide, 1 - middle / high, caption(name, 22), ha="right",
            va="center", fontsize=NORMAL, color=paper.colour(name),
        )  # fmt: skip
