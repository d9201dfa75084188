"""What a person watches while trials run."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from weightbench.records.schema import Record, Trial


def progress_bar(console: Console) -> Progress:
    """A bar with counts and the time left."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )


class CellReport:
    """One line for each (task, weighter) as soon as all its seeds are in."""

    def __init__(self, missing: Iterable[Trial]) -> None:
        self._left = Counter((trial.task, trial.weighter) for trial in missing)
        self._records: dict[tuple[str, str], list[Record]] = defaultdict(list)

    def finished(self, record: Record) -> Iterator[str]:
        """Take note of a record; yields a line when it completes its cell."""
        cell = (record.trial.task, record.trial.weighter)
        self._records[cell].append(record)
        self._left[cell] -= 1
        if not self._left[cell]:
            yield _line(*cell, self._records.pop(cell))


def _line(task: str, weighter: str, records: list[Record]) -> str:
    accuracies = [record.training.accuracy for record in records if record.training]
    failures = len(records) - len(accuracies)
    result = f"accuracy {statistics.fmean(accuracies):.3f}" if accuracies else "no result"
    failed = f", {failures} failed" if failures else ""
    return f"{task:32} {weighter:16} {result} over {len(accuracies)} seeds{failed}"
