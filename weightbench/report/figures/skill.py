"""One picture of a board: methods by tasks, skill with intervals, the best first."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weightbench.registry import LOWER_ANCHOR, SUBJECT, UPPER_ANCHOR
from weightbench.report.figures.canvas import NORMAL, SMALL, Paper, Sizes, panel, sheet, two_lines
from weightbench.report.looks import colour_of, look_of
from weightbench.report.titles import task_title
from weightbench.texts import caption

_WIDE = 9.4  # inches: 900 pixels of a page
_NAMES, _COSTS = 1.5, 1.25  # inches to the left and to the right of the panels
_ROW = 0.215  # inches
_LEAST, _MOST = -0.8, 1.5  # ends of every panel; beyond them an arrow and the number stand


def skill(table: pd.DataFrame, paper: Paper) -> Figure:
    """Rows are weighters, the first panel all tasks, each other one a task.

    0 is plain training, which is drawn as a line and is no row; 1 is the oracle.
    """
    names = [str(name) for name in table["weighter"].unique() if name != LOWER_ANCHOR]
    tasks = [str(task) for task in table["task"].unique()]
    low = max(_LEAST, min(-0.15, float(table["skill"].min()) - 0.12))
    high = min(_MOST, max(1.15, float(table["skill"].max()) + 0.12))
    across = (_WIDE - _NAMES - _COSTS) / len(tasks)
    sizes = Sizes(across - 0.16, _ROW * len(names), left=0.08, right=0.08, above=0.5, below=0.52)
    figure = sheet(_WIDE, sizes.down, paper)
    for column, task in enumerate(tasks):
        axes = panel(figure, sizes, paper, 0, column, _NAMES)
        _scale(axes, low, high, len(names), paper)
        here = table[table["task"] == task].set_index("weighter")
        for y, name in enumerate(names):
            if name in here.index:
                _dot(axes, here.loc[name], y, name, paper)
        heading, detail = ("All tasks", "mean skill") if task == "" else task_title(task)
        two_lines(axes, heading, detail, paper)
    _beside(figure, table, names, sizes, paper)
    _key(figure, paper)
    return figure


def _scale(axes: Axes, low: float, high: float, rows: int, paper: Paper) -> None:
    axes.set(xlim=(low, high), ylim=(rows - 0.5, -0.5), yticks=[])
    axes.set_xticks([0, 1], ["plain", "oracle"])
    axes.tick_params(axis="x", length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    for y in range(0, rows, 2):
        axes.axhspan(y - 0.5, y + 0.5, color=paper.faint, alpha=0.45, linewidth=0)
    for at, name in ((0, LOWER_ANCHOR), (1, UPPER_ANCHOR)):
        axes.axvline(at, color=paper.colour(name), linewidth=1.0, linestyle=(0, (4, 2)), zorder=1)


def _dot(axes: Axes, one: pd.Series[float], y: int, name: str, paper: Paper) -> None:
    """A dot with its interval; an arrow at the edge where it lies outside; the best has its number."""
    low, high = axes.get_xlim()
    colour, at = paper.colour(name), float(one["skill"])
    if not low <= at <= high:
        edge, mark = (low, "\N{BLACK LEFT-POINTING TRIANGLE}") if at < low else (high, "")
        edge, mark, side = (
            (low, f"\N{BLACK LEFT-POINTING SMALL TRIANGLE} {at:.1f}", "left")
            if at < low
            else (high, f"{at:.1f} \N{BLACK RIGHT-POINTING SMALL TRIANGLE}", "right")
        )
        axes.text(edge, y, mark, ha=side, va="center", fontsize=SMALL, color=colour)
        return
    if np.isfinite(one["low"]) and np.isfinite(one["high"]):
        axes.hlines(y, max(one["low"], low), min(one["high"], high), color=colour, linewidth=1.6)
    axes.plot(
        at, y, color=colour, marker=look_of(name).marker, markersize=6.5,
        markeredgecolor=paper.ground, markeredgewidth=0.7,
    )  # fmt: skip
    if one["best"]:
        right = max(at, float(one["high"])) if np.isfinite(one["high"]) else at
        axes.annotate(
            f"{at:.2f}", (min(right, high), y), (4, 0), textcoords="offset points", va="center_baseline",
            fontsize=SMALL, weight="bold", color=paper.ink, annotation_clip=False,
        )  # fmt: skip


def _beside(
    figure: Figure, table: pd.DataFrame, names: list[str], sizes: Sizes, paper: Paper
) -> None:
    """Names to the left; what a training costs and takes to the right."""
    wide, high = figure.get_size_inches()
    facts = table.drop_duplicates("weighter").set_index("weighter")
    cost, clean = (wide - _COSTS + 0.45) / wide, (wide - 0.35) / wide
    top = 1 - (sizes.above - 5 / 72) / high
    for x, heading in ((cost, "cost\n(FLOPs)"), (clean, "clean\ndata")):
        figure.text(x, top, heading, fontsize=SMALL, color=paper.soft, ha="center", va="bottom")
    for y, name in enumerate(names):
        at = 1 - (sizes.above + (y + 0.5) * _ROW) / high
        flops, is_subject = facts.loc[name, "flops"], colour_of(name) == colour_of(SUBJECT)
        figure.text(
            (_NAMES - 0.05) / wide, at, caption(name, 20), ha="right", va="center_baseline",
            fontsize=NORMAL, color=paper.colour(name), weight="bold" if is_subject else "normal",
        )  # fmt: skip
        words = ((cost, _times(flops)), (clean, "needed" if facts.loc[name, "holdout"] else "-"))
        for x, text in words:
            figure.text(
                x,
                at,
                text,
                ha="center",
                va="center_baseline",
                fontsize=SMALL + 0.5,
                color=paper.ink,
            )


def _times(flops: float) -> str:
    """Two digits of how many plain trainings a training costs."""
    if not np.isfinite(flops):
        return "?"
    return (
        f"{flops:.0f}\N{MULTIPLICATION SIGN}"
        if flops >= 10
        else f"{flops:.2g}\N{MULTIPLICATION SIGN}"
    )


def _key(figure: Figure, paper: Paper) -> None:
    wide, high = figure.get_size_inches()
    words = (
        "Skill: 0 is plain training, 1 an oracle that knows the right labels. Bars: 95 % interval "
        "over seeds. Bold number: the best of its column."
    )
    figure.text(0.1 / wide, 0.09 / high, words, fontsize=SMALL, color=paper.soft, va="bottom")
