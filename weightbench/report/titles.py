"""What tasks, suites and the ends of the skill scale are called, in words instead of ids."""

from __future__ import annotations

import functools

from weightbench.data.corruption import Imbalance
from weightbench.data.long_tail import LongTail
from weightbench.errors import WeightbenchError
from weightbench.registry import SUITES, is_file_spec, without_path
from weightbench.training.splits import HoldoutPerGroup
from weightbench.training.task import Task, make_task
from weightbench.training.wording import changed, mentioned, worded

# Corruptions after which every label is right and there are too few of a class.
_UNBALANCED = (Imbalance, LongTail)
# Parameters that many tasks have and few titles speak of.
_PARAMETERS = {
    "clean": "{clean:,} clean",
    "holdout_noise": "{holdout_noise:%} of the clean labels wrong",
    "holdout_shift": "hold-out {holdout_shift:%} shifted",
    "noise": "noise {noise:%}",
    "steps": "{steps:,} steps",
    "lr": "rate {lr:g}",
}


@functools.lru_cache(maxsize=4096)
def task_title(name: str, without: str | None = None) -> tuple[str, str]:
    """What is wrong in a task, and its detail: ("Background flips", "digits, 40 % to one class").

    Args:
        name: the task's id with parameters, as records have it.
        without: a parameter that is not spoken of, for it moves over several tasks.

    Returns:
        The heading, and what tells tasks of one heading apart: the data and the parameters as they
        are. Where the task is not installed here, has no title or lies in a file, which is not run:
        its name, without the folder, and "".
    """
    task = _installed(name)
    if task is None or not task.title[0]:
        return without_path(name) or name, ""
    heading, detail = task.title
    parts = detail.split(", ")
    others = [p for p in changed(task.name) if p not in mentioned(heading, detail)]
    parts += [_PARAMETERS.get(p, f"{p} {{{p}}}") for p in others]
    said = [worded(part, task.parameters()) for part in parts if without not in mentioned(part)]
    return worded(heading, task.parameters()), ", ".join(filter(None, said))


def suite_title(name: str) -> str:
    """What a suite's board is headed with; its id where it is not installed or has no title."""
    try:
        return SUITES.get(name).title or name
    except WeightbenchError:
        return name


@functools.lru_cache(maxsize=4096)
def upper_words(name: str) -> str:
    """What the oracle, skill 1, trains on in a task: ``right labels`` and the like.

    The oracle drops wrong labels and has each class, and each class of each group, count alike.

    Args:
        name: the task's id; where it is not installed here or lies in a file, labels are spoken of.
    """
    task = _installed(name)
    if task is not None and isinstance(task.holdout, HoldoutPerGroup):
        return "right labels and groups alike"
    if task is not None and isinstance(task.corruption, _UNBALANCED):
        return "true class balance"
    return "right labels"


def _installed(name: str) -> Task | None:
    try:
        return None if is_file_spec(name) else make_task(name)
    except WeightbenchError:
        return None
