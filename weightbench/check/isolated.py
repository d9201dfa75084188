"""Checking in a process of its own, for a plug-in may hang or take the interpreter with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from weightbench.check.rules import Finding
from weightbench.execution import Executor, Limits, Local
from weightbench.records.schema import Status, Trial
from weightbench.registry import TASKS, WEIGHTERS, WRAPPERS, is_file_spec
from weightbench.spec import parse_spec

SECONDS = 60.0  # a check that takes longer than this hangs
HERE = Local(Limits(workers=1, seconds=SECONDS, memory=4 * 2**30))

Kind = str  # "task", "weighter", or "" where only the file can tell


def check_isolated(
    things: Sequence[tuple[Kind, str]], executor: Executor = HERE
) -> Iterator[tuple[str, list[Finding]]]:
    """Check (kind, spec) pairs; yields the spec and what was found."""
    for (_, spec), findings in executor.run(things, _check, _lost, fresh=True):
        yield spec, findings


def not_built_in(trials: Iterable[Trial]) -> list[tuple[Kind, str]]:
    """The (kind, spec) pairs among what ``trials`` need that do not come with weightbench."""
    found: dict[tuple[Kind, str], None] = {}
    for trial in trials:
        if not TASKS.built_in(parse_spec(trial.task).name):
            found["task", trial.task] = None
        spec = parse_spec(trial.weighter)
        wrapped = all(WRAPPERS.built_in(wrapper.name) for wrapper in spec.wrappers)
        if not (WEIGHTERS.built_in(spec.name) and wrapped):
            found["weighter", trial.weighter] = None
    return list(found)


def _check(thing: tuple[Kind, str]) -> list[Finding]:
    from weightbench.check import check_task, check_weighter
    from weightbench.check.surroundings import Surroundings

    kind, spec = thing
    around = Surroundings()  # before the file is opened
    check = check_task if kind == "task" or _is_task(spec) else check_weighter
    return around.put_back() or check(spec)


def _is_task(spec: str) -> bool:
    from weightbench.errors import BadSpec
    from weightbench.registry import load_from_file
    from weightbench.training.task import Task

    name = parse_spec(spec).name
    if not is_file_spec(name):
        return False
    try:
        return isinstance(load_from_file(name), Task)
    except BadSpec:
        return False  # whatever it is, it cannot be loaded, which the check will say


def _lost(thing: tuple[Kind, str], status: Status, reason: str) -> list[Finding]:
    return [Finding("ends" if status == "timeout" else "survives", reason)]
