"""One picture of a board: methods by tasks, skill with intervals, the best first."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weightbench.registry import LOWER_ANCHOR, SUBJECT, UPPER_ANCHOR
from weightbench.report.figures.canvas import (
    NORMAL,
    SMALL,
    Paper,
    Sizes,
    heading_height,
    panel,
    say_below,
    sheet,
    two_lines,
)
from weightbench.report.looks import colour_of
from weightbench.report.titles import task_title, upper_words
from weightbench.scoring.wording import two_digits
from weightbench.texts import caption

_WIDE = 9.4  # inches: 900 pixels of a page
_NAMES, _COSTS = 2.0, 1.3  # inches to the left and to the right of the panels
_ROW, _NARROWEST = 0.215, 1.2  # inches
ROWS = 12  # of a longer board, and who is best on a task, where nobody was asked for by name
_LEAST, _MOST = -0.5, 1.5  # ends of every panel; beyond them an arrow and the number stand


def skill(table: pd.DataFrame, paper: Paper) -> Figure:
    """Rows are weighters, the first panel all tasks, each other one a task.

    0 is plain training, which is drawn as a line and is no row; 1 is the oracle.
    """
    every = [str(name) for name in table["weighter"].unique() if name != LOWER_ANCHOR]
    best = set(table.loc[table["best"], "weighter"])
    names = [n for i, n in enumerate(every) if paper.picked or i < ROWS or n in best]
    tasks = [str(task) for task in table["task"].unique()]
    tasks = tasks[1:] if len(tasks) == 2 else tasks  # all tasks are that one
    titles = [task_title(task) if task else ("All tasks", "mean skill") for task in tasks]
    drawn = table.loc[table["weighter"].isin(names), "skill"]
    low = max(_LEAST, min(-0.15, float(drawn.min()) - 0.12))
    high = min(_MOST, max(1.15, float(drawn.max()) + 0.12))
    across = max((_WIDE - _NAMES - _COSTS) / len(tasks), _NARROWEST)
    letters = int((across - 0.16) * 13)
    above = 0.1 + max(heading_height(*title, letters) for title in titles)
    sizes = Sizes(across - 0.16, _ROW * len(names), left=0.08, right=0.08, above=above, below=0.66)
    figure = sheet(_NAMES + across * len(tasks) + _COSTS, sizes.down, paper)
    for column, task in enumerate(tasks):
        axes = panel(figure, sizes, paper, 0, column, _NAMES)
        _scale(axes, low, high, len(names), paper)
        here = table[table["task"] == task].set_index("weighter")
        for y, name in enumerate(names):
            if name in here.index:
                _dot(axes, here.loc[name], y, name, paper)
        two_lines(axes, *titles[column], paper, letters, above - 0.06)
    _beside(figure, table, names, sizes, paper)
    _key(figure, tasks, len(every) - len(names), paper)
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
    """A dot with its interval, or an arrow at the edge beyond which it lies."""
    low, high = axes.get_xlim()
    colour, at = paper.colour(name), float(one["skill"])
    if not low <= at <= high:
        left, right = (
            "\N{BLACK LEFT-POINTING SMALL TRIANGLE}",
            "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}",
        )
        text = f"{left} {at:.1f}" if at < low else f"{at:.1f} {right}"
        x, side = (low, "left") if at < low else (high, "right")
        axes.text(x, y, text, ha=side, va="center_baseline", fontsize=SMALL, color=colour)
        return
    if np.isfinite(one["low"]) and np.isfinite(one["high"]):
        axes.hlines(y, max(one["low"], low), min(one["high"], high), color=colour, linewidth=1.6)
    axes.plot(
        at, y, color=colour, marker="o", markersize=5.5,
        markeredgecolor=paper.ground, markeredgewidth=0.7,
    )  # fmt: skip
    if one["best"]:
        ends = [at, *(float(one[end]) for end in ("low", "high") if np.isfinite(one[end]))]
        on_the_left = at > (low + high) / 2
        axes.annotate(
            f"{at:.2f}", (max(low, min(ends)) if on_the_left else max(ends), y),
            (-5 if on_the_left else 5, 0), textcoords="offset points", va="center_baseline",
            ha="right" if on_the_left else "left", fontsize=SMALL, weight="bold", color=paper.ink,
        )  # fmt: skip


def _beside(
    figure: Figure, table: pd.DataFrame, names: list[str], sizes: Sizes, paper: Paper
) -> None:
    """Places and names to the left; what a training costs and takes to the right."""
    wide, high = figure.get_size_inches()
    facts = table.drop_duplicates("weighter").set_index("weighter")
    cost, clean = (wide - _COSTS + 0.4) / wide, (wide - 0.36) / wide
    top = 1 - 0.06 / high
    place = 0.3 / wide
    for x, heading in ((place, "place"), (cost, "cost\n(FLOPs)"), (clean, "needs\nclean data")):
        figure.text(x, top, heading, fontsize=SMALL, color=paper.soft, ha="center", va="top")
    for y, name in enumerate(names):
        at = 1 - (sizes.above + (y + 0.5) * _ROW) / high
        flops, is_subject = facts.loc[name, "flops"], colour_of(name) == colour_of(SUBJECT)
        figure.text(
            (_NAMES - 0.05) / wide, at, caption(name, 20), ha="right", va="center_baseline",
            fontsize=NORMAL, color=paper.colour(name), weight="bold" if is_subject else "normal",
        )  # fmt: skip
        words = (
            (place, facts.loc[name, "place"]),
            (cost, _times(flops)),
            (clean, "yes" if facts.loc[name, "holdout"] else "-"),
        )
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
    """How many plain trainings a training costs."""
    return f"{two_digits(flops)}\N{MULTIPLICATION SIGN}" if np.isfinite(flops) else "?"


def _key(figure: Figure, tasks: list[str], left_out: int, paper: Paper) -> None:
    upper = " or ".join(dict.fromkeys(upper_words(task) for task in tasks if task))
    words = (
        f"Skill: 0 is plain training, 1 plain training with {upper} (oracle). Bars: 95 % intervals "
        "over seeds. Bold: best of its column.\n"
        "Place 2-4: beyond chance, one is better and all but four are worse."
    )
    rest = f" {left_out} more weighters are not shown." if left_out else ""
    say_below(figure, words + rest, paper)
