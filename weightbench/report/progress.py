"""What a person watches while trials run: a bar on a terminal, lines now and then in a log."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from weightbench.records.schema import Record, Trial
from weightbench.report.terminal import print_line
from weightbench.texts import terminal

EVERY = 30.0  # seconds between two lines of a log; what is over sooner says nothing
_BAR = 66  # columns of a bar with its numbers

Advance = Callable[[str], None]


def progress_bar(console: Console) -> Progress:
    """A bar with counts and the time left."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )


@contextlib.contextmanager
def watched(
    console: Console, what: str, total: int, clock: Callable[[], float] = time.monotonic
) -> Iterator[Advance]:
    """Show how far a piece of work is.

    Args:
        console: where; a bar on a terminal, elsewhere a line every half minute.
        what: its name, such as ``trials``.
        total: of how many steps it is.
        clock: in seconds.

    Yields:
        What to call after each step, with what is known since, or with nothing.
    """
    if not console.is_terminal:
        yield _Log(console, what, total, clock).advance
    elif not total:
        yield lambda _: None
    else:
        with progress_bar(console) as bar:
            bar.columns = (*bar.columns, TextColumn("{task.fields[last]}", markup=False))
            task = bar.add_task(what, total=total, last="")
            room = max(0, console.width - _BAR)

            def advance(last: str) -> None:
                bar.advance(task)
                if last:
                    shown = terminal(last)
                    bar.update(task, last=set_cell_size(shown, min(room, cell_len(shown))))

            yield advance


class _Log:
    """Lines for who reads a log: how far it is, and what was the last to become known."""

    def __init__(self, console: Console, what: str, total: int, clock: Callable[[], float]) -> None:
        self._console, self._what, self._total, self._clock = console, what, total, clock
        self._began = self._said = clock()
        self._done, self._last = 0, ""

    def advance(self, last: str) -> None:
        """Another step is over."""
        self._done += 1
        self._last = last or self._last
        now = self._clock()
        if now - self._said >= EVERY:
            self._said = now
            left = (now - self._began) / self._done * (self._total - self._done)
            parts = [f"{self._done} of {self._total} {self._what}", f"about {_span(left)} left"]
            print_line(self._console, "; ".join(filter(None, [", ".join(parts), self._last])))


def _span(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


class CellReport:
    """A few words for each (task, weighter) as soon as all its seeds are in."""

    def __init__(self, missing: Iterable[Trial]) -> None:
        self._left = Counter((trial.task, trial.weighter) for trial in missing)
        self._records: dict[tuple[str, str], list[Record]] = defaultdict(list)

    def finished(self, record: Record) -> str:
        """Take note of a record; empty unless it completes its cell."""
        cell = (record.trial.task, record.trial.weighter)
        self._records[cell].append(record)
        self._left[cell] -= 1
        return "" if self._left[cell] else _line(*cell, self._records.pop(cell))


def _line(task: str, weighter: str, records: list[Record]) -> str:
    accuracies = [record.training.accuracy for record in records if record.training]
    failures = len(records) - len(accuracies)
    result = f"accuracy {statistics.fmean(accuracies):.3f}" if accuracies else "no result"
    failed = f", {failures} failed" if failures else ""
    return f"{weighter} on {task}: {result} over {len(accuracies)} seeds{failed}"
