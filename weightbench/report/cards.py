"""What there is to know about one task, weighter, wrapper or suite."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from weightbench.data import SPLITS
from weightbench.errors import (
    BadSpec,
    DataUnavailable,
    UnknownName,
    WeightbenchError,
    describe_error,
)
from weightbench.registry import (
    SUITES,
    TASKS,
    WEIGHTERS,
    WRAPPERS,
    Suite,
    is_file_spec,
    load_from_file,
)
from weightbench.registry.sentences import said_of
from weightbench.registry.tracks import TRACKS, Track
from weightbench.report.prose import Line, lines_of
from weightbench.scoring.anchors import describe, published_anchors
from weightbench.spec import Value, defaults_of, parse_spec, suggest
from weightbench.training.splits import Splits
from weightbench.training.task import Task, make_task
from weightbench.training.weighter import layers_of, make_weighter

_WIDEST = 12  # classes of a table in the terminal


@dataclasses.dataclass(frozen=True, eq=False)
class Card:
    """A name, a paragraph, facts by label; for a task also parameters, transitions at seed 0."""

    name: str
    about: str
    facts: Mapping[str, str]
    parameters: Mapping[str, Value] = dataclasses.field(default_factory=dict)
    transition: NDArray[np.float64] | None = None

    def __str__(self) -> str:
        return "\n".join(line.lead + line.text for line in self.lines())

    def lines(self) -> Iterator[Line]:
        """What a terminal shows of it, however wide that is."""
        yield Line("", self.name)
        width = max(map(len, self.facts), default=0) + 2
        about = list(lines_of(self.about, indent=2))
        yield from about
        if len(about) > 1:
            yield Line("", "")
        for label, fact in self.facts.items():
            yield Line(f"  {label:{width}}", fact)
        for row in [] if self.transition is None else _table(self.transition):
            yield Line(row, "")


def _table(transition: NDArray[np.float64]) -> list[str]:
    """Shares of given classes by true class, where labels are wrong and fit a line."""
    if len(transition) > _WIDEST or np.array_equal(transition, np.eye(len(transition))):
        return []
    classes = range(len(transition))
    rows = [f"  {true:>4}" + "".join(f"{s:6.0%}" for s in transition[true]) for true in classes]
    return [
        "",
        "  true class, and how it is labelled",
        " " * 6 + "".join(f"{c:6}" for c in classes),
        *rows,
    ]


def card(text: str) -> Card:
    """The card of whatever ``text`` names.

    Raises:
        BadSpec: nothing has that name, or it cannot be made.
        BadData: a task cannot be split as it asks.
    """
    name = parse_spec(text).name
    if name in TASKS.names():
        return task_card(make_task(text))
    if name in SUITES.names():
        return suite_card(name, SUITES.get(name))
    if name in WRAPPERS.names():
        cls, _ = WRAPPERS.get(name)
        return _class_card(f"+{name}", cls, skip=1, sentence=said_of(WRAPPERS, name).sentence)
    if is_file_spec(name) and isinstance(load_from_file(name), Task):
        return task_card(make_task(text))
    if name in WEIGHTERS.names() or is_file_spec(name):
        return weighter_card(text)
    known = [*TASKS.names(), *WEIGHTERS.names(), *WRAPPERS.names(), *SUITES.names()]
    raise UnknownName(f"nothing is called {name!r}.{suggest(name, known)}")


def cards_of(tasks: Iterable[str], weighters: Iterable[str]) -> dict[str, Card]:
    """The cards of those that are installed here, by name; files are not run."""
    cards = {}
    for name in (*tasks, *weighters):
        try:
            if not is_file_spec(name):
                cards[name] = task_card(make_task(name)) if name in tasks else weighter_card(name)
        except WeightbenchError:
            continue  # from another installation: its records speak for it
    return cards


def task_card(task: Task) -> Card:
    """Data, corruption, split sizes as realised at seed 0, model, recipe and parameters.

    Raises:
        BadSpec: its data set or network cannot be made.
        BadData: the data set is too small for its splits.
    """
    facts = {
        "corruption": str(task.corruption),
        "hold-out": repr(task.holdout),
        "recipe": ", ".join(
            f"{field.name.replace('_', ' ')} {getattr(task.recipe, field.name)}"
            for field in dataclasses.fields(task.recipe)
        ),
        "parameters": _params(task.parameters()),
    }
    transition = None
    try:
        splits = task.split(0)
        realised = _realised(task, splits)
        transition = splits.corrupted.transition if task.data.truth_known else None
    except DataUnavailable as error:
        realised = {"data": f"not at hand; docs/data.md says how to get it: {error}"}
    except WeightbenchError:
        raise
    except Exception as error:
        raise BadSpec(f"{task.name} cannot be made: {describe_error(error)}") from error
    return Card(task.name, task.describe(), realised | facts, task.parameters(), transition)


def _realised(task: Task, splits: Splits) -> dict[str, str]:
    """What a task comes to on its data."""
    data = task.data
    count = sum(p.numel() for p in task.build_model(0).parameters())
    sizes = {part: len(getattr(splits, part)) for part in SPLITS}
    facts = {
        "data": f"{data.name}, {len(data.labels)} examples of shape {data.shape}, "
        f"{data.num_classes} classes",
        "splits": ", ".join(f"{part} {size}" for part, size in sizes.items()),
        "wrong": f"{splits.corrupted.rate:.1%} of the training labels (seed 0)"
        if data.truth_known
        else f"nobody knows; {0 if data.trusted is None else len(data.trusted)} labels are known "
        "to be right",
        **_shares(task, splits),
        "model": f"{getattr(task.model, '__name__', 'model')}, {count:,} parameters",
        "checksums": f"data {data.sha256[:16]}, labels of seed 0 {splits.corrupted.sha256[:16]}",
        "tracks": ", ".join(f"{letter} ({TRACKS[letter]})" for letter in _tracks(task)),
        **_anchors(task),
    }
    said = {"licence": data.licence, "citation": data.citation}
    return facts | {label: text for label, text in said.items() if text}


def _anchors(task: Task) -> dict[str, str]:
    """Whether it tells methods apart, where the published anchors are of this very task."""
    anchor = published_anchors().get(task.name)
    if anchor is None or anchor.fingerprint != task.fingerprint:
        return {}
    counts = "" if anchor.is_informative else f"; counts for no skill: {describe(anchor)}"
    clean = "" if anchor.clean is None else f", clean-only {anchor.clean:.3f}"
    means = f"uniform {anchor.lower:.3f}, oracle {anchor.upper:.3f}{clean}"
    return {"anchors": f"{means} in {anchor.metric}, over {anchor.seeds} seeds{counts}"}


def _shares(task: Task, splits: Splits) -> dict[str, str]:
    """How many labels there are of each class, and of each class in each group."""
    data, given = task.data, splits.given
    counts = np.bincount(given, minlength=data.num_classes)
    facts = {}
    if data.num_classes <= _WIDEST:
        facts["classes"] = ", ".join(map(str, counts)) + " training labels (seed 0)"
    if data.groups is not None:
        groups = data.groups[splits.train]
        facts["groups"] = "; ".join(
            f"group {group}: "
            + ", ".join(map(str, np.bincount(given[groups == group], minlength=data.num_classes)))
            for group in np.unique(groups)
        )
    return facts


def _tracks(task: Task) -> list[Track]:
    """The tracks of weighters that the task has something for."""
    return ["A", "B", *(("C", "D") if task.data.groups is not None else ()), "E"]


def weighter_card(name: str) -> Card:
    """Docstring, parameters and source file of a weighter, and what is wrapped around it."""
    *_, innermost = layers_of(make_weighter(name))
    spec = parse_spec(name)
    said = said_of(WEIGHTERS, spec.name).sentence
    made = _class_card(name, type(innermost), skip=0, sentence=said)
    around = "".join(f"+{wrapper.name}" for wrapper in spec.wrappers)
    return dataclasses.replace(made, facts={**made.facts, **({"around": around} if around else {})})


def suite_card(name: str, suite: Suite) -> Card:
    """What a suite runs."""
    facts = {
        "seeds": str(suite.seeds),
        "tasks": ", ".join(suite.tasks),
        "weighters": ", ".join(suite.weighters),
    }
    return Card(name, suite.about, facts)


def _class_card(name: str, cls: type, skip: int, sentence: str) -> Card:
    source = inspect.getsourcefile(cls)
    facts = {
        "parameters": _params(defaults_of(cls, skip=skip)),
        "source": Path(source).name if source else "unknown",
    }
    about = [sentence, inspect.getdoc(cls) or "(no docstring)" * (not sentence)]
    return Card(name, "\n\n".join(filter(None, about)), facts)


def _params(params: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in params.items()) or "none"
