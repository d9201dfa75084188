"""The page of an advice: one file, no request to anywhere, everything escaped."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import resources
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from weightbench.advice.answer import Advice
from weightbench.advice.shortlist import PLAIN
from weightbench.advice.verdict import points
from weightbench.texts import page as shown

_SUSPECTS = 50


def page(advice: Advice, pictures: Mapping[str, str]) -> str:
    """The page.

    Args:
        advice: what was found.
        pictures: SVG by name, from :mod:`.pictures`.
    """
    text = resources.files("weightbench.advice").joinpath("page.html").read_text("utf-8")
    environment = Environment(autoescape=True, finalize=shown, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(text).render(
        advice=advice,
        rows=len(advice.data.rows),
        trusted=int(advice.data.rows.trusted.sum()),
        judged=len(advice.fitted.judged),
        methods=[_method(str(name), row) for name, row in advice.table.iterrows()],
        suspects=advice.suspects.head(_SUSPECTS).to_dict("records"),
        wrong=[(n, f"{share:.0%}") for n, share in _expected(advice)],
        groups=_groups(advice),
        pictures={name: Markup(svg) for name, svg in pictures.items()},
    )


def _expected(advice: Advice) -> list[tuple[int, float]]:
    score = advice.suspects["score"]
    return [(n, float(score.head(n).mean())) for n in (20, 100, 500, 2000) if n <= len(score)]


def _method(name: str, row: Any) -> dict[str, Any]:
    def number(value: float, form: str) -> str:
        return "" if value is None or math.isnan(value) else format(value, form)

    compared = not math.isnan(row["better"])
    return {
        "name": name,
        "words": row["words"],
        "failed": row["failed"],
        "accuracy": number(100 * row["accuracy"], ".1f"),
        "gain": points(row["gain"], False) if compared else "",
        "interval": f"{points(row['low'], False)} to {points(row['high'], False)}"
        if compared
        else "",
        "cost": number(row["cost"], ".1f"),
        "seconds": number(row["seconds"], ".1f"),
    }


def _groups(advice: Advice) -> list[dict[str, Any]]:
    """Each group's share of right answers, by plain training and by the method advised."""
    fitted, groups = advice.fitted, advice.data.rows.groups
    if groups is None or fitted.rows.test_labels is not None or not len(fitted.judged):
        return []
    mine, lines = groups[fitted.judged], []
    for number, name in enumerate(advice.data.group_names):
        members = mine == number
        if members.any():
            plain, advised = (
                float(fitted.right(method)[members].mean())
                for method in (PLAIN, advice.verdict.method)
            )
            lines.append(
                {
                    "name": name,
                    "rows": int(members.sum()),
                    "plain": f"{100 * plain:.1f}",
                    "advised": f"{100 * advised:.1f}",
                }
            )
    return lines
