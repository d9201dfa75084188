"""What there is to know about one task, weighter, wrapper or suite, in words."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path

from weightbench.errors import UnknownName
from weightbench.registry import SUITES, TASKS, WEIGHTERS, WRAPPERS, Suite
from weightbench.spec import defaults_of, parse, suggest
from weightbench.task import Task, make_task
from weightbench.weighter import Weighter, make_weighter


def card(text: str) -> str:
    """The card of whatever ``text`` names.

    Raises:
        BadSpec: nothing has that name.
    """
    name = parse(text).name
    if name in TASKS.names():
        return task_card(make_task(text))
    if name in SUITES.names():
        return suite_card(name, SUITES.get(name))
    if name in WRAPPERS.names():
        cls, _ = WRAPPERS.get(name)
        return _class_card(f"+{name}", cls, defaults_of(cls, skip=1))
    if name in WEIGHTERS.names() or ".py:" in name:
        return weighter_card(text, make_weighter(text))
    known = [*TASKS.names(), *WEIGHTERS.names(), *WRAPPERS.names(), *SUITES.names()]
    raise UnknownName(f"nothing is called {name!r}.{suggest(name, known)}")


def task_card(task: Task) -> str:
    """Data, corruption, split sizes as realised at seed 0, model, recipe and parameters."""
    splits, data = task.split(0), task.data
    model = task.build_model(0)
    count = sum(p.numel() for p in model.parameters())
    sizes = {part: len(getattr(splits, part)) for part in ("train", "holdout", "select", "test")}
    lines = [
        task.name,
        f"  {task.about}",
        f"  data        {data.name}, {len(data.labels)} examples of shape "
        f"{data.inputs.shape[1:]}, {data.num_classes} classes",
        f"  splits      {', '.join(f'{part} {size}' for part, size in sizes.items())}",
        f"  corruption  {task.corruption!r}",
        f"  wrong       {splits.corrupted.rate:.1%} of the training labels (seed 0)",
        f"  model       {getattr(task.model, '__name__', 'model')}, {count:,} parameters",
        f"  recipe      {task.recipe!r}",
        f"  parameters  {_params(task.parameters())}",
    ]
    return "\n".join(lines)


def weighter_card(name: str, weighter: Weighter) -> str:
    """Docstring, parameters and source file."""
    cls = type(weighter)
    inner = 1 if hasattr(weighter, "inner") else 0
    return _class_card(name, cls, defaults_of(cls, skip=inner))


def suite_card(name: str, suite: Suite) -> str:
    """What a suite runs."""
    lines = [name, f"  {suite.about}", f"  seeds      {suite.seeds}"]
    lines += [
        f"  tasks      {', '.join(suite.tasks)}",
        f"  weighters  {', '.join(suite.weighters)}",
    ]
    return "\n".join(lines)


def _class_card(name: str, cls: type, params: Mapping[str, object]) -> str:
    document = inspect.getdoc(cls) or "(no docstring)"
    source = inspect.getsourcefile(cls)
    lines = [name, *("  " + line if line else "" for line in document.splitlines()), ""]
    lines.append(f"  parameters  {_params(params)}")
    lines.append(f"  source      {Path(source).name if source else 'unknown'}")
    return "\n".join(lines)


def _params(params: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in params.items()) or "none"
