"""Tables drawn with matplotlib, a panel for each task."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Draw = Callable[[pd.DataFrame], Figure]
# Okabe and Ito's colours can be told apart by readers with any colour vision.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
_MARKERS = "osD^vP*X"


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


def accuracy_against(parameter: str, label: str) -> Draw:
    """Test accuracy with intervals against ``parameter``; Figs. 4 and 5."""

    def draw(table: pd.DataFrame) -> Figure:
        spread = (table["accuracy"] - table["low"], table["high"] - table["accuracy"])
        return _lines(
            table.assign(below=spread[0], above=spread[1]),
            "family", parameter, "accuracy", label, "test accuracy",
        )  # fmt: skip

    return draw


def curves(table: pd.DataFrame) -> Figure:
    """Accuracy on the select split against steps."""
    return _lines(table, "task", "step", "accuracy", "step", "accuracy, select split")


def separation(table: pd.DataFrame) -> Figure:
    """AUROC above, effective sample size below, against steps."""
    tasks = list(table["task"].unique())
    figure, grid = _grid(2, len(tasks))
    for column, task in enumerate(tasks):
        here = table[table["task"] == task]
        for row, (name, label) in enumerate(
            (("auroc", "AUROC of weight, clean"), ("effective", "effective sample size"))
        ):
            axes = grid[row][column]
            if here[name].isna().all():  # no wrong labels to tell from the right ones
                axes.set_axis_off()
                continue
            _plot(axes, here, "step", name)
            axes.set_title(task if row == 0 else "", fontsize=9)
            axes.set(xlabel="step", ylim=(0, 1.05))
            axes.set_ylabel(label)
    _legend(figure, grid)
    return figure


def weights(table: pd.DataFrame) -> Figure:
    """Histograms of the weights of clean and of wrong examples; Fig. 3."""
    tasks, names = list(table["task"].unique()), list(table["weighter"].unique())
    figure, grid = _grid(len(names), len(tasks), height=1.9)
    for (row, name), (column, task) in itertools.product(enumerate(names), enumerate(tasks)):
        axes = grid[row][column]
        here = table[(table["task"] == task) & (table["weighter"] == name)]
        for clean, colour, label in ((True, _COLOURS[0], "clean"), (False, _COLOURS[1], "wrong")):
            kind = here[here["clean"] == clean]
            if kind.empty:
                continue
            axes.bar(
                kind["low"], kind["share"], (kind["high"] - kind["low"]), align="edge",
                alpha=0.6, color=colour, label=label, hatch="" if clean else "//",
            )  # fmt: skip
        axes.set_title(task if row == 0 else "", fontsize=9)
        axes.set_xlabel("weight, mean 1" if row == len(names) - 1 else "")
        axes.set_ylabel(name if column == 0 else "")
    _legend(figure, grid)
    return figure


def confusion(table: pd.DataFrame) -> Figure:
    """Confusion matrices, rows true classes; Fig. 6."""
    tasks, names = list(table["task"].unique()), list(table["weighter"].unique())
    figure, grid = _grid(len(names), len(tasks), height=2.4)
    for (row, name), (column, task) in itertools.product(enumerate(names), enumerate(tasks)):
        axes = grid[row][column]
        here = table[(table["task"] == task) & (table["weighter"] == name)]
        if here.empty:
            axes.set_axis_off()
            continue
        matrix = here.pivot(index="true", columns="predicted", values="share").to_numpy()
        axes.imshow(matrix, cmap="Greys", vmin=0, vmax=1)
        axes.set_title(task if row == 0 else "", fontsize=9)
        axes.set_xlabel("predicted" if row == len(names) - 1 else "")
        axes.set_ylabel(f"{name}\ntrue" if column == 0 else "")
    return figure


def _lines(
    table: pd.DataFrame, panel: str, x: str, y: str, x_label: str, y_label: str, log: bool = False
) -> Figure:
    panels = list(table[panel].unique())
    figure, grid = _grid(1, len(panels))
    for axes, name in zip(grid[0], panels, strict=True):
        _plot(axes, table[table[panel] == name], x, y)
        axes.set_title(name, fontsize=9)
        axes.set(xlabel=x_label, ylabel=y_label)
        if log:
            axes.set_xscale("log")
            values = sorted(table[x].unique())
            axes.set_xticks(values, [f"{value:.3g}" for value in values])
            axes.set_xticks([], minor=True)
    _legend(figure, grid)
    return figure


def _plot(axes: Axes, table: pd.DataFrame, x: str, y: str) -> None:
    names = sorted(table["weighter"].unique())
    for name, colour, marker in zip(
        names, itertools.cycle(_COLOURS), itertools.cycle(_MARKERS), strict=False
    ):
        here = table[table["weighter"] == name].sort_values(x)
        errors = None
        if "below" in here:
            errors = here[["below", "above"]].to_numpy().T.clip(0)
        axes.errorbar(
            here[x], here[y], errors, label=name, color=colour, marker=marker, markersize=4,
            capsize=2, linewidth=1.2,
        )  # fmt: skip


def _grid(rows: int, columns: int, height: float = 3.2) -> tuple[Figure, Sequence[Sequence[Axes]]]:
    figure = Figure(figsize=(1.5 + 3.6 * columns, 0.6 + height * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False).tolist()


def _legend(figure: Figure, grid: Sequence[Sequence[Axes]]) -> None:
    """One for all panels, to the right, with every name that occurs."""
    found: dict[str, Artist] = {}
    for axes in itertools.chain.from_iterable(grid):
        handles, labels = axes.get_legend_handles_labels()
        found.update(zip(labels, handles, strict=True))
    figure.legend(list(found.values()), list(found), loc="outside right upper")
