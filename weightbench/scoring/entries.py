"""What a leaderboard is made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from weightbench.records.schema import Record
from weightbench.registry.tracks import Track
from weightbench.scoring.anchors import Anchor


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean and its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Cell:
    """One weighter on one task: accuracy and skill over seeds, and how many of them failed.

    ``skill`` is None where the task has no anchors.
    """

    accuracy: Interval
    skill: Interval | None
    seeds: int
    failures: int


@dataclasses.dataclass(frozen=True)
class CostRatios:
    """What a whole training costs beside uniform's, as geometric means over tasks.

    Steps at the probed ratio, and what is done outside of them by its floating point operations,
    over uniform's steps; memory is the peak of a step.
    """

    time: float
    time_low: float
    time_high: float
    flops: float | None
    memory: float


@dataclasses.dataclass(frozen=True)
class Row:
    """One weighter: its place, skill over all tasks, and cells by task.

    ``used_holdout`` says whether it touched the clean hold-out anywhere, ``track`` what it was
    given beside noisy labels (``registry.tracks``), the most of any
    trial, None where all failed. Places run
    from ``rank`` to ``rank_last``: one more than the number of entries that beat it beyond chance,
    to the number of entries less those that it beats so; ``ties`` are those it cannot be told from.
    All three are None or empty for privileged weighters and where a task is missing. A place
    depends on who else is there; no other number of a row does.
    """

    weighter: str
    privileged: bool
    used_holdout: bool
    track: Track | None
    rank: int | None
    rank_last: int | None
    ties: tuple[str, ...]
    skill: Interval | None
    cells: Mapping[str, Cell]
    cost: CostRatios | None

    @property
    def failures(self) -> int:
        """Failed trials over all tasks."""
        return sum(cell.failures for cell in self.cells.values())

    @property
    def place(self) -> str:
        """``2``, or ``2-4`` where the place cannot be told; ``-`` where there is none."""
        if self.rank is None:
            return "-"
        return str(self.rank) if self.rank == self.rank_last else f"{self.rank}-{self.rank_last}"


@dataclasses.dataclass(frozen=True)
class Board:
    """A leaderboard: rows in order, and what a reader must know beside them.

    ``records`` are those that the numbers were made from, by task, weighter and seed; ``badges``
    say how far submitted rows were verified, by weighter. ``title`` and ``about`` are the suite's,
    where the board is one's.
    """

    tasks: tuple[str, ...]
    rows: tuple[Row, ...]
    anchors: Mapping[str, Anchor]
    notes: tuple[str, ...]
    records: tuple[Record, ...] = dataclasses.field(repr=False)
    badges: Mapping[str, str] = dataclasses.field(default_factory=dict)
    title: str = ""
    about: str = ""

    def covered(self, row: Row) -> int:
        """On how many of the tasks that give skill a row has results."""
        return len(row.cells.keys() & self.anchors.keys())

    def is_complete(self, row: Row) -> bool:
        """Whether a row's skill is over all tasks that give skill, as a comparison needs."""
        return self.covered(row) == len(self.anchors)
