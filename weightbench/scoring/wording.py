"""How findings put numbers into words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from weightbench.scoring.entries import Row

NAMED = 3  # rows or tasks that a sentence names; of more it says how many there are


def skill_text(row: Row) -> str:
    """Its skill with the interval; it has one."""
    assert row.skill is not None
    return f"{row.skill.mean:.2f} [{row.skill.low:.2f}, {row.skill.high:.2f}]"


def short_text(row: Row) -> str:
    """Its skill; it has one."""
    assert row.skill is not None
    return f"{row.skill.mean:.2f}"


def cost_text(row: Row) -> str:
    """What a training costs, as the end of a phrase."""
    if row.cost is None or row.cost.flops is None:
        return "at a cost that was not measured"
    return f"at {two_digits(row.cost.flops)}x the compute of plain training"


def two_digits(value: float) -> str:
    """A ratio with two significant digits: ``0.18``, ``1.0``, ``4.9``, ``12``, ``120``."""
    rounded = float(f"{value:.1e}")
    return f"{rounded:.{max(0, 1 - math.floor(math.log10(rounded)))}f}" if rounded > 0 else "0"


def listed(names: Sequence[str]) -> str:
    """At least one name, at most three of them by name."""
    shown = list(names[:NAMED])
    if len(names) > NAMED:
        shown.append(f"{len(names) - NAMED} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]


def sentence(parts: Sequence[str]) -> str:
    """Those parts that are not empty, as one."""
    text = "; ".join(part for part in parts if part)
    return f"{text[:1].upper()}{text[1:]}."
