"""Numbers as the page prints them: per cent, proper signs, two digits of a ratio."""

from __future__ import annotations

import re

from weightbench.registry.metrics import METRICS
from weightbench.scoring import Interval
from weightbench.scoring.wording import two_digits

MINUS, DASH, TIMES = "\N{MINUS SIGN}", "\N{EN DASH}", "\N{MULTIPLICATION SIGN}"


def fixed(value: float, digits: int) -> str:
    """So many digits after the point, a minus sign that is one, and none before a zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", MINUS)


def proper(text: str) -> str:
    """A sentence with the signs that a keyboard lacks: minus, times, plus or minus."""
    text = re.sub(r"(?<![\w-])(\d+(?:\.\d+)?)x(?!\w)", rf"\1{TIMES}", text)
    return re.sub(r"(?<![\w-])-(?=\.?\d)", MINUS, text.replace("+-", "\N{PLUS-MINUS SIGN}"))


def signed(value: float, digits: int) -> str:
    """The same with a plus before what is above zero."""
    text = fixed(value, digits)
    return text if text.startswith(MINUS) or not float(text) else f"+{text}"


def ratio(value: float | None) -> str:
    """A cost over plain training's, two significant digits: ``4.9x``; a dash where unknown."""
    return DASH if value is None else f"{two_digits(value)}{TIMES}"


def is_share(metric: str) -> bool:
    """Whether a metric is a share of test rows, which is told in per cent."""
    return metric in METRICS and METRICS[metric].skill


def score(value: float, metric: str) -> str:
    """A score in its metric: ``92.2`` per cent of a share, ``0.412`` of anything else."""
    return fixed(100 * value, 1) if is_share(metric) else fixed(value, 3)


def brackets(interval: Interval, digits: int, factor: float = 1) -> str:
    """``[0.70, 0.83]``; nothing where a single seed gives no interval."""
    if not interval.is_known:
        return ""
    return f"[{fixed(factor * interval.low, digits)}, {fixed(factor * interval.high, digits)}]"


def score_brackets(interval: Interval, metric: str) -> str:
    """The same of a score in its metric."""
    return brackets(interval, 1, 100) if is_share(metric) else brackets(interval, 3)
