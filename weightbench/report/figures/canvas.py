"""What figures are drawn on: paper, panels in a grid, titles, labels at the ends of lines."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Callable, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weightbench.report.looks import Look, look_of
from weightbench.report.titles import task_title
from weightbench.texts import caption

_INCH = 72.0  # points
_BETWEEN = 1.3  # lines of text from one label to the next
SMALL, NORMAL = 7.5, 9.0  # points


@dataclasses.dataclass(frozen=True)
class Paper:
    """What is drawn on, light or dark; and who was asked for by name.

    Attributes:
        dark: whether ink is light.
        picked: weighters that a reader named, who are drawn in colour however many they are.
    """

    dark: bool = False
    picked: frozenset[str] = frozenset()

    @property
    def ground(self) -> str:
        """The paper itself."""
        return "#0f151b" if self.dark else "#ffffff"

    @property
    def ink(self) -> str:
        """Names and titles."""
        return "#e4e9ee" if self.dark else "#16202b"

    @property
    def soft(self) -> str:
        """Numbers on axes, and what is said beside."""
        return "#a1adb9" if self.dark else "#55616e"

    @property
    def faint(self) -> str:
        """Grids."""
        return "#2a343f" if self.dark else "#e3e7eb"

    @property
    def grey(self) -> str:
        """Lines of those who are there and not named."""
        return "#46525e" if self.dark else "#c3cad1"

    @property
    def wrong(self) -> str:
        """Bars of examples whose label is wrong; of no weighter's colour."""
        return "#ff8f85" if self.dark else "#b3261e"

    def colour(self, weighter: str) -> str:
        """Of a weighter, on this paper."""
        look = look_of(weighter)
        return look.dark if self.dark else look.colour


Draw = Callable[[pd.DataFrame, Paper], Figure]


@dataclasses.dataclass(frozen=True)
class Sizes:
    """A panel and what is kept free around it, in inches."""

    width: float
    height: float
    left: float = 0.5
    right: float = 0.15
    above: float = 0.48
    below: float = 0.45

    @property
    def across(self) -> float:
        """From one panel to the next."""
        return self.left + self.width + self.right

    @property
    def down(self) -> float:
        """From one row to the next."""
        return self.above + self.height + self.below


def sheet(width: float, height: float, paper: Paper) -> Figure:
    """An empty figure, in inches."""
    return Figure(figsize=(width, height), facecolor=paper.ground)


def panels(
    rows: Sequence[int], sizes: Sizes, paper: Paper, margin: float = 0.0
) -> tuple[Figure, list[list[Axes]]]:
    """Axes in rows, as many in each as asked for, and ``margin`` inches to the left of all."""
    figure = sheet(margin + max(rows) * sizes.across, len(rows) * sizes.down, paper)
    grid = [
        [panel(figure, sizes, paper, row, column, margin) for column in range(count)]
        for row, count in enumerate(rows)
    ]
    return figure, grid


def panel(
    figure: Figure, sizes: Sizes, paper: Paper, row: int, column: int, margin: float = 0.0
) -> Axes:
    """The axes in that cell of a grid."""
    wide, high = figure.get_size_inches()
    left = margin + column * sizes.across + sizes.left
    top = row * sizes.down + sizes.above
    axes = figure.add_axes(
        (left / wide, 1 - (top + sizes.height) / high, sizes.width / wide, sizes.height / high),
        facecolor=paper.ground,
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(paper.soft)
    axes.tick_params(colors=paper.soft, labelsize=SMALL, length=2.5)
    axes.grid(color=paper.faint, linewidth=0.7)
    axes.set_axisbelow(True)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set(color=paper.soft, fontsize=SMALL + 0.5)
    return axes


def title(axes: Axes, task: str, paper: Paper, without: str | None = None) -> None:
    """The panel's task in words: what is wrong, and below it with what data."""
    heading, detail = task_title(task, without)
    two_lines(axes, heading, detail, paper)


def two_lines(
    axes: Axes, heading: str, detail: str, paper: Paper, wrapped: int = 44, top: float | None = None
) -> None:
    """A heading above a panel and a softer line under it.

    Args:
        axes: the panel.
        heading: what is wrong.
        detail: with what data.
        paper: what is drawn on.
        wrapped: letters that fit a line; a detail is broken where it has commas, if that does.
        top: inches above the panel where the heading begins; where not given, both end there.
    """
    parts = caption(detail).split(", ")
    whole = ", ".join(
        p.replace(" ", "\N{NO-BREAK SPACE}") if len(p) < wrapped else p for p in parts
    )
    texts = [
        ("\n".join(textwrap.wrap(text, wrapped)), size, colour, weight)
        for text, size, colour, weight in (
            (caption(heading), NORMAL - 0.5, paper.ink, "bold"),
            (whole, SMALL, paper.soft, "normal"),
        )
        if text
    ]
    heights = [(text.count("\n") + 1) * size * _BETWEEN for text, size, _, _ in texts]
    above = 4.0 + sum(heights) if top is None else top * _INCH
    for (text, size, colour, weight), height in zip(texts, heights, strict=True):
        axes.annotate(
            text, (0, 1), (0, above), "axes fraction", textcoords="offset points", va="top",
            fontsize=size, color=colour, weight=weight, annotation_clip=False, linespacing=1.15,
        )  # fmt: skip
        above -= height


def say_below(figure: Figure, text: str, paper: Paper) -> None:
    """A line in the lower left corner: what bars and bands are."""
    wide, high = figure.get_size_inches()
    figure.text(0.08 / wide, 0.06 / high, text, fontsize=SMALL, color=paper.soft, va="bottom")


def label_ends(axes: Axes, ends: Sequence[tuple[float, str]], paper: Paper) -> None:
    """Names to the right of a panel, at the heights where their lines end, none on another.

    Args:
        axes: with its limits set.
        ends: where the line of a weighter ends on the y axis, and the weighter.
        paper: what is drawn on.
    """
    order = sorted(ends)
    height = axes.bbox.height / axes.figure.dpi * _INCH
    scale, (low, high) = axes.yaxis.get_transform(), axes.get_ylim()
    bottom, top = scale.transform([low, high])
    wanted = [float((scale.transform([y])[0] - bottom) / (top - bottom)) for y, _ in order]
    places = spread(wanted, SMALL * _BETWEEN / height)
    for (_, name), at, end in zip(order, places, wanted, strict=True):
        colour = paper.colour(name)
        axes.plot(
            [1.0, 1.05], [end, at], transform=axes.transAxes, clip_on=False, color=colour,
            linewidth=0.7,
        )  # fmt: skip
        axes.text(
            1.07, at, caption(name, 22), transform=axes.transAxes, va="center_baseline",
            fontsize=SMALL, color=colour, clip_on=False,
        )  # fmt: skip


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Places at least ``gap`` apart, in order, as near to ascending ``wanted`` as that allows.

    They lie in [0, 1] where there is room. Neighbours that are too near are moved apart around
    their middle, and so on with those they come too near to.
    """
    groups: list[list[float]] = []
    for place in wanted:
        groups.append([place])
        while len(groups) > 1 and _first(groups[-1], gap) < _last(groups[-2], gap) + gap:
            last = groups.pop()
            groups[-1] += last
    found = [_first(group, gap) + gap * i for group in groups for i in range(len(group))]
    for i in reversed(range(len(found))):
        found[i] = min(found[i], 1 - gap * (len(found) - 1 - i))
    if found and found[0] < 0:
        for i in range(len(found)):
            found[i] = max(found[i], gap * i)
    return found


def _first(group: Sequence[float], gap: float) -> float:
    return sum(group) / len(group) - gap * (len(group) - 1) / 2


def _last(group: Sequence[float], gap: float) -> float:
    return _first(group, gap) + gap * (len(group) - 1)


def line_style(look: Look) -> tuple[float, tuple[float, ...] | None]:
    """A look's dashes as matplotlib takes them, in widths of the line."""
    return 0.0, look.dashes or None
