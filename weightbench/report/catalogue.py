"""What is installed, a line or two each, for a terminal."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from weightbench.errors import WeightbenchError
from weightbench.registry import SUITES, TASKS, WEIGHTERS, WRAPPERS, Registry
from weightbench.registry.sentences import said_of
from weightbench.registry.tracks import TRACKS
from weightbench.report.grid import Column, full_width
from weightbench.report.prose import without_markup
from weightbench.report.terminal import print_grid, print_line
from weightbench.texts import terminal

_LEAST = 40  # columns of a sentence beside a name; where there are fewer, it stands below


class _Entry(NamedTuple):
    name: str
    mark: str
    sentence: str


def print_catalogue(kind: str, console: Console) -> None:
    """Print every name of a kind with a sentence, and below what the marks mean.

    Args:
        kind: ``tasks``, ``weighters``, ``wrappers`` or ``suites``.
        console: where to.
    """
    head, entries, below = {
        "tasks": ("data", _tasks, _BELOW_TASKS),
        "weighters": ("track", lambda: _classes(WEIGHTERS), _BELOW_WEIGHTERS),
        "wrappers": ("track", lambda: _classes(WRAPPERS), _BELOW_WRAPPERS),
        "suites": ("tasks", _suites, _BELOW_SUITES),
    }[kind]
    found = list(entries())
    names = Column(kind[:-1], [Text(terminal(entry.name), "bold") for entry in found], left=True)
    marks = Column(head, [Text(terminal(entry.mark)) for entry in found], left=True)
    if full_width([names, marks]) + _LEAST <= console.width:
        texts = [Text(terminal(entry.sentence)) for entry in found]
        print_grid(console, [names, marks, Column("", texts, left=True, folds=True)])
    else:
        for entry in found:
            print_line(console, f"{entry.name}{f'  ({entry.mark})' if entry.mark else ''}")
            print_line(console, entry.sentence, "    ")
    print_line(console, "")
    for line in below:
        print_line(console, line, hang="  ")


_TRACKS = "; ".join(f"{track} {words}" for track, words in TRACKS.items())
_BELOW_TASKS = (
    "data: where nothing is said they come along. weightbench evaluate --download fetches others; "
    "docs/data.md says what it cannot fetch, and how to get that.",
    "weightbench show TASK says more, and what can stand in brackets: TASK[noise=0.2]",
)
_BELOW_WEIGHTERS = (
    f"track: given {_TRACKS}",
    "Wrappers go around them, as suffixes such as uniform+es+ft: weightbench list wrappers",
    "weightbench show WEIGHTER says more; path/to/file.py:Class is a weighter, too.",
)
_BELOW_WRAPPERS = (
    f"track: given {_TRACKS}",
    "A wrapper goes around a weighter, as a suffix: WEIGHTER+WRAPPER. weightbench show WRAPPER "
    "says more.",
)
_BELOW_SUITES = (
    "weightbench evaluate --suite SUITE runs one; weightbench show SUITE says what that is.",
)


def _classes(registry: Registry[Any]) -> Iterator[_Entry]:
    for name in registry.names():
        said = said_of(registry, name)
        shown = f"+{name}" if registry is WRAPPERS else name
        yield _Entry(shown, said.track, said.sentence or _of_docstring(registry, name))


def _of_docstring(registry: Registry[Any], name: str) -> str:
    """Its first line, for one that is said nothing of: this imports it."""
    try:
        text = inspect.getdoc(registry.get(name).cls) or "(no docstring)"
    except WeightbenchError as error:
        return f"({error})"
    return without_markup(" ".join(text.partition("\n\n")[0].split()))


def _tasks() -> Iterator[_Entry]:
    from weightbench.data.need import need_of
    from weightbench.training.task import make_task

    for name in TASKS.names():
        try:
            task = make_task(name)
        except WeightbenchError as error:
            yield _Entry(name, "", f"({error})")
            continue
        need = need_of(task.dataset, task.corruption)
        yield _Entry(name, ("at hand" if need.there else "download") * need.files, task.describe())


def _suites() -> Iterator[_Entry]:
    for name in SUITES.names():
        try:
            suite = SUITES.get(name)
        except WeightbenchError as error:
            yield _Entry(name, "", f"({error})")
            continue
        sentence = "; ".join(filter(None, [suite.title, suite.about]))
        yield _Entry(name, f"{len(suite.tasks)}", sentence)
