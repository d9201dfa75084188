"""Sentences about a task with the values of its parameters in them."""

from __future__ import annotations

import math
import string
from collections.abc import Iterable, Mapping
from typing import Any

from weightbench.errors import BadSpec
from weightbench.spec import parse_spec


class _Words(string.Formatter):
    """Formats of Python, and two of shares: 0.4 is ``40 %``, 0.995 is ``199 to 1``."""

    def get_field(self, field_name: str, args: Any, kwargs: Mapping[str, Any]) -> tuple[Any, str]:
        return kwargs[field_name], field_name  # by name alone: no attributes, no positions

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec == "%":
            return f"{100 * value:.10g} %"
        if format_spec == "odds":
            odds = value / (1 - value) if value < 1 else math.inf
            return f"{odds:.0f} to 1" if odds >= 10 else f"{odds:.2g} to 1"
        return str(super().format_field(value, format_spec))


def worded(template: str, values: Mapping[str, Any]) -> str:
    """A sentence with values in it; one that is no template stays as it is.

    Args:
        template: ``{name}`` is a value; ``{name:%}`` one of a share in per cent, ``{name:odds}`` as
            odds, ``{name:,}`` and the like as Python formats it.
        values: by name.
    """
    try:
        return _Words().vformat(template, (), values)
    except (ValueError, LookupError, TypeError):
        return template


def mentioned(*templates: str) -> set[str]:
    """The names whose values are in sentences."""
    try:
        parsed = [part for text in templates for part in string.Formatter().parse(text)]
    except ValueError:
        return set()
    return {field for _, field, _, _ in parsed if field}


def with_rest(template: str, values: Mapping[str, Any], unsaid: Iterable[str]) -> str:
    """As :func:`worded`, followed by those of ``unsaid`` that are not in the sentence."""
    text, said = worded(template, values), mentioned(template)
    said = set() if text == template else said
    rest = [f"{name}={values[name]}" for name in unsaid if name in values and name not in said]
    return "; ".join(filter(None, [text, ", ".join(rest)]))


def changed(name: str) -> list[str]:
    """The parameters that a task's name gives in brackets."""
    try:
        return [parameter for parameter, _ in parse_spec(name).params]
    except BadSpec:  # of a task that was given any name
        return []
