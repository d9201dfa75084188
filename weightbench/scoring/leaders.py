"""Who is best on a task, and who cannot be told from the best there."""

from __future__ import annotations

from collections.abc import Sequence

from weightbench.registry.metrics import METRICS
from weightbench.scoring.inference import of_pair
from weightbench.scoring.results import Samples


def leaders(by_name: Samples, tasks: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """By task: its best weighter, then all whose paired difference to it has zero in its interval.

    The privileged are left out. Of a single pair: nothing is corrected for how many there are.
    """
    found = {}
    for task in tasks:
        there = {
            weighter: sample
            for (other, weighter), sample in by_name.items()
            if other == task and not sample.records[0].trial.privileged
        }
        if not there:
            continue
        sign = 1 if METRICS[next(iter(there.values())).metric].higher else -1
        order = sorted(there, key=lambda weighter: -sign * float(there[weighter].score.mean()))
        best = there[order[0]]
        level = [w for w in order[1:] if not of_pair(best, there[w]).interval().excludes_zero]
        found[task] = (order[0], *level)
    return found
