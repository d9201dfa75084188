"""The pictures of an advice, as SVG that stands in its page."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.figure import Figure

from weightbench.advice.answer import Advice
from weightbench.texts import caption

_INK, _GREY, _GOOD = "#1f3a5f", "#9aa5b1", "#2a7f4f"
_MOST = 30  # classes of a picture


def pictures(advice: Advice) -> dict[str, str]:
    """Gains, suspects and confusions, each as SVG without a header."""
    drawn = {"suspects": _suspects(advice), "confusions": _confusions(advice)}
    if len(advice.fitted.judged):
        drawn = {"gains": _gains(advice), **drawn}
    return {name: _svg(figure) for name, figure in drawn.items()}


def _gains(advice: Advice) -> Figure:
    """Differences to plain training with their intervals."""
    table = advice.table.dropna(subset=["better"]).iloc[::-1]
    figure = Figure(figsize=(6.4, 0.6 + 0.32 * max(len(table), 2)), layout="constrained")
    axes = figure.subplots()
    for place, (name, row) in enumerate(table.iterrows()):
        color = _GOOD if name == advice.verdict.method else _INK if row["low"] > 0 else _GREY
        axes.plot([100 * row["low"], 100 * row["high"]], [place, place], color=color, lw=2)
        axes.plot(100 * row["gain"], place, "o", color=color)
    axes.axvline(0, color="black", lw=0.8)
    axes.set_ylim(-0.6, max(len(table), 1) - 0.4)
    axes.set_yticks(range(len(table)), [caption(str(name), 32) for name in table.index])
    axes.set_xlabel("points more than plain training gets right (95 %, all together)")
    return figure


def _suspects(advice: Advice) -> Figure:
    """The chance of being wrong, by rank."""
    scores = advice.suspects["score"].to_numpy()
    ranks = np.arange(1, len(scores) + 1)
    some = np.unique(np.linspace(0, len(scores), 400, endpoint=False).astype(np.int64))
    some = some[some < len(scores)]
    figure = Figure(figsize=(6.4, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(ranks[some], scores[some], color=_INK)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("rank of the suspect")
    axes.set_ylabel("chance that its label is wrong")
    return figure


def _confusions(advice: Advice) -> Figure:
    """How often a label is thought to stand for another, the classes most concerned."""
    labels, found = advice.data.labels, advice.found
    score = np.nan_to_num(found.score)
    score[advice.data.rows.trusted] = 0
    classes = len(labels.classes)
    counts = np.zeros((classes, classes))
    np.add.at(counts, (found.likelier, labels.given), score)
    concerned = np.sort(np.argsort(-(counts.sum(0) + counts.sum(1)), kind="stable")[:_MOST])
    shown = counts[np.ix_(concerned, concerned)]
    names = [caption(str(labels.classes[i]), 12) for i in concerned]
    side = 1.6 + 0.16 * len(concerned)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shown, cmap="Blues", aspect="auto")
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_xlabel("label given")
    axes.set_ylabel("likelier label")
    figure.colorbar(image, label="rows, about")
    return figure


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
