"""Which boards the records of a folder make: of suites that were run, and of other tasks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from weightbench.errors import WeightbenchError
from weightbench.registry import LOWER_ANCHOR, SUITES, UPPER_ANCHOR, Suite

_ANCHORS = frozenset((LOWER_ANCHOR, UPPER_ANCHOR))
Ran = Mapping[str, AbstractSet[str]]  # who left records, by task


@dataclasses.dataclass(frozen=True)
class Covered:
    """Tasks that stand on one board, and the weighters beside each other there.

    Attributes:
        title: the suite's name, or what the tasks are.
        about: the suite in words.
        tasks: by their full names, in the suite's order.
        members: weighters of the suite, by their full names.
        shown: weighters with records that belong on the board.
    """

    title: str
    about: str
    tasks: tuple[str, ...]
    members: frozenset[str]
    shown: frozenset[str]

    @property
    def ran(self) -> frozenset[str]:
        """Weighters of the suite that left something."""
        return self.members & self.shown

    def within(self, other: Covered) -> bool:
        """Whether all that it shows stands on the other board too."""
        return set(self.tasks) <= set(other.tasks) and self.shown <= other.shown


def of_suite(name: str, suite: Suite, ran: Ran) -> Covered:
    """A suite's tasks: its weighters, and others that ran on every one of them.

    Raises:
        BadSpec: a task or weighter of it cannot be made.
    """
    # They load torch, which a board of all tasks can do without.
    from weightbench.training.task import make_task
    from weightbench.training.weighter import make_weighter, spec_of

    tasks = tuple(make_task(task).name for task in suite.tasks)
    members = frozenset(str(spec_of(make_weighter(weighter))) for weighter in suite.weighters)
    on_any = frozenset().union(*(ran.get(task, ()) for task in tasks))
    shown = frozenset(
        weighter
        for weighter in on_any
        if weighter in members or all(weighter in ran.get(task, ()) for task in tasks)
    )
    return Covered(name, suite.about, tasks, members, shown)


def covered(ran: Ran) -> list[Covered]:
    """A board for each suite that was run, and others for tasks of none of these.

    A suite was run where anybody but the anchors left records on all its tasks; one that shows
    nothing that another does not is left out. Who would stand nowhere, having run on
    a part of a suite, is shown there without a place. Of the other tasks, those stand together that
    one weighter ran; where the anchors alone did, there is nothing to compare.
    """
    suites = _without_repetition(list(_suites_run(ran)))
    mine = {task for suite in suites for task in suite.tasks}
    others = list(_others({task: who for task, who in ran.items() if task not in mine}))
    somewhere = frozenset().union(*(one.shown for one in (*suites, *others)))
    boards = []
    for suite in suites:
        partly = frozenset().union(*(ran[task] for task in suite.tasks)) - somewhere
        boards.append(dataclasses.replace(suite, shown=suite.shown | partly))
    return [*boards, *others]


def _suites_run(ran: Ran) -> Iterator[Covered]:
    bases = {task.partition("[")[0] for task in ran}  # records hold any text for a name
    for name in SUITES.names():
        try:
            suite = SUITES.get(name)
            if bases.issuperset(task.partition("[")[0] for task in suite.tasks):
                found = of_suite(name, suite, ran)
                if any(_on_all(weighter, found.tasks, ran) for weighter in found.shown - _ANCHORS):
                    yield found
        except WeightbenchError:
            continue  # it brings what is not installed here


def _on_all(weighter: str, tasks: Sequence[str], ran: Ran) -> bool:
    return all(weighter in ran.get(task, ()) for task in tasks)


def _without_repetition(suites: Sequence[Covered]) -> list[Covered]:
    """Those that show something no other does; of two that show the same, what was meant."""

    def meant(suite: Covered) -> tuple[float, int]:
        return len(suite.ran) / len(suite.members), len(suite.members)

    kept: list[Covered] = []
    for suite in sorted(suites, key=meant, reverse=True):
        if not any(suite.within(other) for other in kept):
            kept = [other for other in kept if not other.within(suite)] + [suite]
    return sorted(kept, key=lambda suite: suites.index(suite))


def _others(ran: Ran) -> Iterator[Covered]:
    rest, number = dict(ran), 0
    while True:
        counts: dict[str, int] = {}
        for who in rest.values():
            for weighter in sorted(who - _ANCHORS):
                counts[weighter] = counts.get(weighter, 0) + 1
        if not counts:
            return
        widest = max(sorted(counts), key=lambda weighter: counts[weighter])
        tasks = tuple(sorted(task for task, who in rest.items() if widest in who))
        number += 1
        title = "other tasks" if number == 1 else f"other tasks {number}"
        shown = frozenset().union(*(rest.pop(task) for task in tasks))
        yield Covered(title, "of no suite that was run on all its tasks", tasks, frozenset(), shown)
