"""Figures with a line for each weighter: against a parameter of tasks, or over the training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weightbench.registry import LOWER_ANCHOR, SUBJECT, UPPER_ANCHOR
from weightbench.report.figures.canvas import (
    Draw,
    Paper,
    Sizes,
    label_ends,
    line_style,
    panels,
    say_below,
    title,
)
from weightbench.report.looks import colour_of, look_of

COLUMNS = 4  # panels beside each other
MOST = 8  # lines in colour, where nobody was asked for by name
_SWEEP = Sizes(4.6, 3.1, left=0.62, right=1.5, below=0.72)
_CURVES = Sizes(2.3, 1.75, left=0.5, right=1.2, below=0.6)
_LARGE = Sizes(4.2, 2.6, left=0.55, right=1.3, below=0.65)
_LEAST_ERROR = 1e-4  # below it a bar on a logarithmic axis has no end
_SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def error_against(parameter: str, label: str) -> Draw:
    """Test error against odds of ``parameter``, both on logarithmic axes; Fig. 2."""

    def draw(table: pd.DataFrame, paper: Paper) -> Figure:
        odds = table[parameter] / (1 - table[parameter])
        error = {name: 1 - table[name] for name in ("accuracy", "low", "high")}
        made = table.assign(
            odds=odds, error=error["accuracy"], low=error["high"], high=error["low"]
        )
        figure, grid = _sweep(made, parameter, "odds", "error", paper)
        for axes in grid:
            _log_limits(axes, made["error"])
            axes.set_xscale("log")
            axes.set_yscale("log")
            _round_shares(axes)
            values = sorted(odds.unique())
            axes.set_xticks(values, [f"{value:.3g}:1" for value in values])
            axes.set_xticks([], minor=True)
            axes.set(xlabel=label, ylabel="test error")
        return _finished(figure, grid, made, "odds", "error", paper)

    return draw


def accuracy_against(parameter: str, label: str, log: bool = False) -> Draw:
    """Test accuracy against ``parameter``; Figs. 4 and 5."""

    def draw(table: pd.DataFrame, paper: Paper) -> Figure:
        figure, grid = _sweep(table, parameter, parameter, "accuracy", paper)
        ends = table[["accuracy", "low", "high"]].to_numpy()
        ends = ends[np.isfinite(ends)]
        for axes in grid:
            axes.set_ylim(ends.min() - 0.02, min(ends.max() + 0.02, 1.0))
            axes.set_xscale("log" if log else "linear")
            values = sorted(table[parameter].unique())
            axes.set_xticks(values, [f"{value:.3g}" for value in values])
            axes.set_xticks([], minor=True)
            axes.set(xlabel=label, ylabel="test accuracy")
        return _finished(figure, grid, table, parameter, "accuracy", paper)

    return draw


def curves(table: pd.DataFrame, paper: Paper) -> Figure:
    """Accuracy on the select split against steps."""
    return _over_steps(table, [("accuracy", "accuracy, select split", None)], paper)


def separation(table: pd.DataFrame, paper: Paper) -> Figure:
    """AUROC of weights in the upper rows, effective sample size in the lower, against steps."""
    kinds = [
        ("auroc", "AUROC, right labels", (-0.03, 1.05)),
        ("effective", "effective sample size", (-0.03, 1.05)),
    ]
    return _over_steps(table, kinds, paper)


def shown(names: Iterable[str], paper: Paper, best: Sequence[str]) -> list[str]:
    """Who is drawn in colour: those asked for; else plain training, oracle, the subject, the best.

    Args:
        names: all there are.
        paper: with those asked for.
        best: all there are, the best first.
    """
    names = list(dict.fromkeys(names))
    if paper.picked or len(names) <= MOST:
        return names
    first = [n for n in names if n in (LOWER_ANCHOR, UPPER_ANCHOR)]
    first += [n for n in names if n not in first and colour_of(n) == colour_of(SUBJECT)]
    return list(dict.fromkeys([*first, *best]))[:MOST]


def _sweep(
    table: pd.DataFrame, parameter: str, x: str, y: str, paper: Paper
) -> tuple[Figure, list[Axes]]:
    """A panel for each family of tasks, its lines drawn and its scales still to be set."""
    families = list(table["family"].unique())
    figure, grid = _panels(len(families), _SWEEP, paper)
    named = _named(table, y, paper)
    for axes, family in zip(grid, families, strict=True):
        here = table[table["family"] == family]
        for name in _in_order(here, named):
            one = here[here["weighter"] == name].sort_values(x)
            _bars(axes, one, x, y, name, paper, name in named)
        title(axes, family, paper, without=parameter)
    return figure, grid


def _finished(
    figure: Figure, grid: Sequence[Axes], table: pd.DataFrame, x: str, y: str, paper: Paper
) -> Figure:
    named = _named(table, y, paper)
    for axes, family in zip(grid, table["family"].unique(), strict=True):
        here = table[table["family"] == family]
        low, high = here[x].min(), here[x].max()
        log = axes.get_xscale() == "log"
        edge = (high / low) ** 0.04 if log else (high - low) * 0.04
        axes.set_xlim(low / edge if log else low - edge, high * edge if log else high + edge)
        label_ends(axes, _ends(here, x, y, named), paper)
    least, most = table["seeds"].min(), table["seeds"].max()
    seeds = f"{least}" if least == most else f"{least} to {most}"
    say_below(figure, f"mean and 95 % interval over {seeds} seeds{_grey(table, named)}", paper)
    return figure


def _over_steps(
    table: pd.DataFrame, kinds: Sequence[tuple[str, str, tuple[float, float] | None]], paper: Paper
) -> Figure:
    """Of each kind a panel for each task that has any, at most four beside each other."""
    with_any = [
        [task for task in table["task"].unique() if _any(table, task, kind)] for kind, _, _ in kinds
    ]
    rows = [
        (i, part)
        for i, tasks in enumerate(with_any)
        for part in (tasks[at : at + COLUMNS] for at in range(0, len(tasks), COLUMNS))
    ]
    sizes = _LARGE if sum(len(part) for _, part in rows) <= 2 else _CURVES
    figure, grid = panels([len(part) for _, part in rows], sizes, paper)
    named = _named(table, kinds[0][0], paper)
    for (i, tasks), line in zip(rows, grid, strict=True):
        kind, label, limits = kinds[i]
        for axes, task in zip(line, tasks, strict=True):
            here = table[(table["task"] == task) & table[kind].notna()]
            for name in _in_order(here, named):
                one = here[here["weighter"] == name].sort_values("step")
                _band(axes, one, kind, name, paper, name in named)
            axes.set(xlabel="step", ylabel=label if axes is line[0] else "")
            axes.set_xlim(0, here["step"].max())
            if limits:
                axes.set_ylim(limits)
            axes.margins(x=0)
            title(axes, task, paper)
            label_ends(axes, _ends(here, "step", kind, named), paper)
    say_below(figure, f"mean and 95 % interval over seeds{_grey(table, named)}", paper)
    return figure


def _any(table: pd.DataFrame, task: str, kind: str) -> bool:
    return bool(table.loc[table["task"] == task, kind].notna().any())


def _panels(count: int, sizes: Sizes, paper: Paper) -> tuple[Figure, list[Axes]]:
    full, rest = divmod(count, COLUMNS)
    figure, grid = panels([COLUMNS] * full + ([rest] if rest else []), sizes, paper)
    return figure, [axes for row in grid for axes in row]


def _named(table: pd.DataFrame, y: str, paper: Paper) -> list[str]:
    """Who is in colour, by the mean of all that is drawn; where less is better, the least."""
    means = table.groupby("weighter")[y].mean().sort_values(ascending=y == "error")
    return shown(table["weighter"], paper, [str(name) for name in means.index])


def _in_order(table: pd.DataFrame, named: Sequence[str]) -> list[str]:
    """Those in grey first, and dashes on top of solid lines, which are seen through them."""
    names = [str(name) for name in table["weighter"].unique()]
    return sorted(names, key=lambda n: (n in named, len(look_of(n).dash), n))


def _grey(table: pd.DataFrame, named: Sequence[str]) -> str:
    rest = table["weighter"].nunique() - len(named)
    return f"; {rest} more in grey: --weighter names some" if rest else ""


def _ends(table: pd.DataFrame, x: str, y: str, named: Sequence[str]) -> list[tuple[float, str]]:
    """Where the lines of those in colour end."""
    last = table.sort_values(x).groupby("weighter").tail(1)
    pairs = zip(last[y], last["weighter"], strict=True)
    return [(float(end), str(name)) for end, name in pairs if name in named]


def _bars(
    axes: Axes, one: pd.DataFrame, x: str, y: str, name: str, paper: Paper, named: bool
) -> None:
    """A line with a dot and an interval at each value."""
    look = look_of(name)
    colour = paper.colour(name) if named else paper.grey
    width = 2.0 if colour == paper.colour(SUBJECT) else 1.4
    axes.plot(
        one[x], one[y], color=colour, linewidth=width, linestyle=line_style(look), label=name,
        marker=look.marker, markersize=5, markeredgecolor=paper.ground, markeredgewidth=0.6,
    )  # fmt: skip
    known = one[np.isfinite(one["low"]) & np.isfinite(one["high"])]
    low = known["low"].clip(lower=_LEAST_ERROR) if y == "error" else known["low"]
    axes.vlines(known[x], low, known["high"], color=colour, linewidth=1.0, alpha=0.7)


def _band(axes: Axes, one: pd.DataFrame, y: str, name: str, paper: Paper, named: bool) -> None:
    """A line over steps with a band for its interval."""
    colour = paper.colour(name) if named else paper.grey
    width = 1.8 if colour == paper.colour(SUBJECT) else 1.2
    axes.plot(
        one["step"], one[y], color=colour, linewidth=width, linestyle=line_style(look_of(name)),
        label=name,
    )  # fmt: skip
    if named:
        low, high = one[f"{y}_low"].clip(0, 1), one[f"{y}_high"].clip(0, 1)
        axes.fill_between(one["step"], low, high, color=colour, alpha=0.13, linewidth=0)


def _log_limits(axes: Axes, values: pd.Series[float]) -> None:
    """Limits around means; intervals may go on beyond."""
    axes.set_ylim(max(float(values.min()), _LEAST_ERROR) / 1.8, float(values.max()) * 1.35)


def _round_shares(axes: Axes) -> None:
    low, high = axes.get_ylim()
    ticks = [share for share in _SHARES if low <= share <= high]
    axes.set_yticks(ticks, [f"{100 * share:g} %" for share in ticks])
    axes.set_yticks([], minor=True)
