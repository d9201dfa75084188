"""Which tasks are one task but for a single number."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping

from weightbench.spec import Value, parse_spec


@dataclasses.dataclass(frozen=True)
class Moving:
    """Tasks that differ in one number: its name, and each task's value of it, ascending."""

    parameter: str
    values: Mapping[str, float]


def families(values: Mapping[str, Value], parameter: str) -> dict[str, Moving]:
    """Groups of tasks that differ in ``parameter`` alone, by what the tasks of a group share.

    Args:
        values: each task's value of it, by the task's canonical spec; what is no number is left
            out.
        parameter: its name.
    """
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for task, value in values.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[_without(task, parameter)][task] = value
    return {
        family: Moving(parameter, dict(sorted(numbers.items(), key=lambda item: item[1])))
        for family, numbers in found.items()
        if len(set(numbers.values())) > 1
    }


def moving(parameters: Mapping[str, Mapping[str, Value]]) -> Moving | None:
    """The parameter that moves over some tasks, by task all its parameters; None where none does.

    It has a number of its own for each task, and all else is the same.
    """
    for name in next(iter(parameters.values()), {}):
        values = {task: own.get(name) for task, own in parameters.items()}
        for found in families(values, name).values():
            if len(set(found.values.values())) == len(parameters):
                return found
    return None


def _without(task: str, parameter: str) -> str:
    spec = parse_spec(task)
    kept = tuple((name, value) for name, value in spec.params if name != parameter)
    return str(dataclasses.replace(spec, params=kept))
