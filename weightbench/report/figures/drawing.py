"""Tables drawn with matplotlib, a panel for each task."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weightbench.texts import caption

Draw = Callable[[pd.DataFrame], Figure]
# Okabe and Ito's colours can be told apart by readers with any colour vision.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
_MARKERS = "osD^vPX"  # as many as not to repeat in step with the colours
_FEW = 8  # values of a parameter up to which each has a tick
_WRITTEN = 3  # classes up to which shares are written into a confusion matrix
Styles = Mapping[str, Mapping[str, Any]]
Grid = Sequence[Sequence[Axes]]


def error_against(parameter: str, label: str) -> Draw:
    """Test error with intervals against odds of ``parameter``, on a logarithmic axis; Fig. 2."""

    def draw(table: pd.DataFrame) -> Figure:
        table = table.assign(
            odds=table[parameter] / (1 - table[parameter]), error=1 - table["accuracy"]
        )
        spread = (table["high"] - table["accuracy"], table["accuracy"] - table["low"])
        return _lines(
            table.assign(above=spread[1], below=spread[0]),
            "family", "odds", "error", f"{label}, frequent to rare", "test error", log=True,
        )  # fmt: skip

    return draw


def accuracy_against(parameter: str, label: str, log: bool = False) -> Draw:
    """Test accuracy with intervals against ``parameter``; Figs. 4 and 5."""

    def draw(table: pd.DataFrame) -> Figure:
        spread = (table["accuracy"] - table["low"], table["high"] - table["accuracy"])
        return _lines(
            table.assign(below=spread[0], above=spread[1]),
            "family", parameter, "accuracy", label, "test accuracy", log=log,
        )  # fmt: skip

    return draw


def curves(table: pd.DataFrame) -> Figure:
    """Accuracy on the select split against steps."""
    return _lines(table, "task", "step", "accuracy", "step", "accuracy, select split")


def separation(table: pd.DataFrame) -> Figure:
    """AUROC above, effective sample size below, against steps."""
    tasks, styles = list(table["task"].unique()), _styles(table["weighter"])
    figure, grid = _grid(2, len(tasks), height=2.7)
    for column, task in enumerate(tasks):
        here = table[table["task"] == task]
        told = not here["auroc"].isna().all()  # else no wrong labels to tell from the right ones
        for row, (name, label) in enumerate(
            (("auroc", "AUROC of weight, clean"), ("effective", "effective sample size"))
        ):
            axes = grid[row][column]
            if row == 0 and not told:
                axes.set_axis_off()
                continue
            _plot(axes, here, "step", name, styles)
            axes.set(ylim=(-0.03, 1.05))
            axes.set_xlabel("step" if row else "")
            axes.set_ylabel("" if column else label)
            if row == 0 or not told:
                _title(axes, task)
    _legend(figure, grid)
    return figure


def weights(table: pd.DataFrame) -> Figure:
    """Histograms of the weights of clean and of wrong examples; Fig. 3."""
    rows, columns = table["weighter"].nunique(), table["task"].nunique()
    figure, grid = _grid(rows, columns, height=1.6, width=2.8)
    looks = (
        (True, "clean", {"color": _COLOURS[5], "alpha": 0.8}),
        (False, "wrong", {"facecolor": "none", "edgecolor": _COLOURS[1], "hatch": "////"}),
    )
    most = float(table["high"].max())
    for axes, here in _panels(table, grid, "weight, mean 1", "share"):
        for clean, label, look in looks:
            kind = here[here["clean"] == clean]
            if kind.empty:  # bars of nothing would spoil the legend
                continue
            wide = kind["high"] - kind["low"]
            axes.bar(kind["low"], kind["share"], wide, align="edge", label=label, **look)
        axes.set_xticks(range(int(most) + 1), [*map(str, range(int(most))), f"{most:.0f}+"])
    _legend(figure, grid)
    return figure


def confusion(table: pd.DataFrame) -> Figure:
    """Confusion matrices, rows true classes; Fig. 6."""
    rows, columns = table["weighter"].nunique(), table["task"].nunique()
    figure, grid = _grid(rows, columns, height=2.1, width=2.2)
    for axes, here in _panels(table, grid, "predicted", "true"):
        matrix = here.pivot(index="true", columns="predicted", values="share").to_numpy()
        axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1)
        axes.spines[:].set_visible(True)
        axes.grid(False)
        ticks = range(0, len(matrix), 1 + len(matrix) // 11)
        axes.set_xticks(ticks)
        axes.set_yticks(ticks)
        axes.tick_params(length=0, labelsize=7)
        if len(matrix) <= _WRITTEN:
            for (i, j), share in np.ndenumerate(matrix):
                colour = "white" if share > 0.5 else "black"
                axes.text(j, i, f"{share:.2f}", ha="center", va="center", color=colour)
    return figure


def _panels(
    table: pd.DataFrame, grid: Grid, x_label: str, y_label: str
) -> Iterator[tuple[Axes, pd.DataFrame]]:
    """A panel for each weighter (rows) and task (columns) that has something to show.

    Each comes with its part of the table, and is given its title and labels.
    """
    tasks, names = table["task"].unique(), table["weighter"].unique()
    for (row, name), (column, task) in itertools.product(enumerate(names), enumerate(tasks)):
        axes = grid[row][column]
        here = table[(table["task"] == task) & (table["weighter"] == name)]
        if row == 0:
            _title(axes, task)
        if here.empty:
            axes.set_axis_off()
            continue
        axes.set_xlabel(x_label if row == len(names) - 1 else "")
        axes.set_ylabel("" if column else f"{caption(name)}\n{y_label}")
        yield axes, here


def _lines(
    table: pd.DataFrame, panel: str, x: str, y: str, x_label: str, y_label: str, log: bool = False
) -> Figure:
    panels, styles = list(table[panel].unique()), _styles(table["weighter"])
    figure, grid = _grid(1, len(panels))
    for i, (axes, name) in enumerate(zip(grid[0], panels, strict=True)):
        _plot(axes, table[table[panel] == name], x, y, styles)
        _title(axes, name)
        axes.set(xlabel=x_label, ylabel="" if i else y_label)
        axes.set_xscale("log" if log else "linear")
        values = sorted(table[x].unique())
        if log or len(values) <= _FEW:
            axes.set_xticks(values, [f"{value:.3g}" for value in values])
            axes.set_xticks([], minor=True)
    _legend(figure, grid)
    return figure


def _styles(names: Iterable[str]) -> Styles:
    """A colour and a marker for each name, the same in every panel."""
    looks = zip(itertools.cycle(_COLOURS), itertools.cycle(_MARKERS), strict=False)
    return {
        name: {"color": colour, "marker": marker}
        for name, (colour, marker) in zip(sorted(set(names)), looks, strict=False)
    }


def _plot(axes: Axes, table: pd.DataFrame, x: str, y: str, styles: Styles) -> None:
    for name in sorted(table["weighter"].unique()):
        here = table[table["weighter"] == name].sort_values(x)
        errors = None
        if "below" in here:
            errors = here[["below", "above"]].to_numpy().T.clip(0)
        axes.errorbar(
            here[x], here[y], errors, label=caption(name), **styles[name], markersize=4.5,
            capsize=2, linewidth=1.3, elinewidth=1,
        )  # fmt: skip


def _title(axes: Axes, task: str) -> None:
    """The panel's task, its parameters in a second line."""
    axes.set_title(caption(task).replace("[", "\n[", 1), fontsize=8.5)


def _grid(rows: int, columns: int, height: float = 3.0, width: float = 3.4) -> tuple[Figure, Grid]:
    figure = Figure(figsize=(1.8 + width * columns, 0.6 + height * rows), layout="constrained")
    grid: Grid = figure.subplots(rows, columns, squeeze=False).tolist()
    for axes in itertools.chain.from_iterable(grid):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#e3e7eb", linewidth=0.7)
        axes.set_axisbelow(True)
    return figure, grid


def _legend(figure: Figure, grid: Grid) -> None:
    """One for all panels, to the right, with every name that occurs."""
    found: dict[str, Artist] = {}
    for axes in itertools.chain.from_iterable(grid):
        handles, labels = axes.get_legend_handles_labels()
        found.update(zip(labels, handles, strict=True))
    names = sorted(found)
    columns = 1 + len(names) // 25
    figure.legend(
        [found[name] for name in names], names, loc="outside right upper",
        frameon=False, fontsize=8.5, ncols=columns,
    )  # fmt: skip
