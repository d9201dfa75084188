"""Plain words for tasks and suites, until there is one place for them."""

from __future__ import annotations

from weightbench.errors import BadSpec
from weightbench.spec import parse_spec


def task_title(task: str) -> tuple[str, str]:
    """What is wrong with its data, and which data with which parameters."""
    try:
        spec = parse_spec(task)
    except BadSpec:
        return task, ""
    data, _, rest = spec.name.partition("-")
    wrong = rest.rsplit("-v", 1)[0].replace("-", " ")
    told = ", ".join([data, *(f"{name} {value}" for name, value in spec.params)])
    return (wrong[:1].upper() + wrong[1:], told) if wrong else (task, "")


def suite_title(suite: str) -> str:
    """A suite as a reader would call it."""
    return suite


def upper_words(task: str) -> str:
    """What the oracle, skill 1, trains on in a task."""
    return "right labels"


SUBJECT = "l2rw"


class Look:
    """How a weighter is drawn."""

    def __init__(self, colour: str, dark: str, dash: str, marker: str) -> None:
        self.colour, self.dark, self.dash, self.marker = colour, dark, dash, marker


_OTHERS = ("#d55e00", "#009e73", "#c85a93", "#a07c00", "#8a63c9", "#0f93a5")


def look_of(weighter: str) -> Look:
    """By its name alone."""
    if weighter == "uniform":
        return Look("#777777", "#8f99a3", "5 3", "o")
    if weighter == "oracle":
        return Look("#16202b", "#e4e9ee", "2.5 2", "*")
    if weighter.startswith(SUBJECT):
        return Look("#0072b2", "#4a9fe0", "", "o")
    number = sum(map(ord, weighter))
    colour = _OTHERS[number % 6]
    dash = ("", "7 3", "7 2 1.5 2", "1.5 2.5")[number % 4]
    return Look(colour, colour, dash, ("s", "^", "D", "v", "P", "X", ">")[number % 7])
