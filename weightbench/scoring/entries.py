"""What a leaderboard is made of."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from weightbench.records.schema import Record
from weightbench.registry.tracks import Track
from weightbench.scoring.anchors import Anchor

LEVEL = 0.05  # of every test, and what an interval leaves out
MOST_TIME_WIDTH = 0.2  # of the time itself
POINTS, SKILL = 0.03, 0.1  # of a share of test rows, and of skill: differences that matter


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean and its 95 % t interval over seeds; of a single seed it has no ends (-inf, inf)."""

    mean: float
    low: float
    high: float

    @property
    def is_known(self) -> bool:
        """Whether there were seeds enough for an interval: two on every task."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def __str__(self) -> str:
        """To two digits, with its sign: a difference."""
        ends = f" [{self.low:+.2f}, {self.high:+.2f}]" if self.is_known else ""
        return f"{self.mean:+.2f}{ends}"

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside."""
        return self.low > 0 or self.high < 0


@dataclasses.dataclass(frozen=True)
class Duel:
    """Two ranked weighters over all tasks that give skill, paired by seed.

    Attributes:
        one: a weighter.
        other: another.
        difference: in skill, first less second.
        p: two-sided, of the t test that the interval belongs to.
        holm: after Holm's correction over all pairs of the board.
    """

    one: str
    other: str
    difference: Interval
    p: float
    holm: float

    @property
    def is_told(self) -> bool:
        """Whether the two are told apart, all pairs of the board considered."""
        return self.holm < LEVEL


@dataclasses.dataclass(frozen=True)
class Finding:
    """A sentence that follows from paired comparisons of a board.

    Attributes:
        kind: ``best``, ``best-without-clean``, ``free``, ``level`` or ``harm``.
        title: the answer in a few words, such as ``Best: l2rw-auto, skill 0.71``.
        text: the sentence, with intervals.
        weighters: rows that it is about, the first one foremost.
        tasks: that it is about; empty where it is about all.
    """

    kind: str
    title: str
    text: str
    weighters: tuple[str, ...]
    tasks: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Cell:
    """One weighter on one task: accuracy and skill over seeds, and how many of them failed.

    ``skill`` is None where the task has no anchors. ``score`` is in ``metric``, which skill is told
    in; ``metrics`` are all others that its records have, ``by_class`` means of each class.
    ``gain`` is how much better than plain training it is at the same seeds, in ``metric``: above 0
    is better, also where less of the metric is. Plain training itself has none.
    """

    accuracy: Interval
    skill: Interval | None
    seeds: int
    failures: int
    score: Interval
    metric: str = "accuracy"
    metrics: Mapping[str, Interval] = dataclasses.field(default_factory=dict)
    by_class: Mapping[str, list[float | None]] = dataclasses.field(default_factory=dict)
    gain: Interval | None = None


@dataclasses.dataclass(frozen=True)
class CostRatios:
    """What a whole training costs beside uniform's, as geometric means over tasks.

    Steps at the probed ratio, and what is done outside of them by its floating point operations,
    over uniform's steps; memory is the peak of a step. ``time_low`` and ``time_high`` are a 95 %
    interval, from the quartiles of each probe. Uniform's are 1 by definition.
    """

    time: float
    time_low: float
    time_high: float
    flops: float | None
    memory: float

    @property
    def time_known(self) -> bool:
        """Whether the interval of time is no wider than a fifth: it is on a busy machine."""
        return self.time_high - self.time_low <= MOST_TIME_WIDTH * self.time


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
    where the board is one's. ``metrics`` say what the cells of a task are in,
    where that is not accuracy. ``duels`` are all pairs of ranked rows; ``leaders`` of a task are
    its best weighter that is not privileged, and then those that cannot be told from it there;
    ``findings`` are what a reader is told first.
    """

    tasks: tuple[str, ...]
    rows: tuple[Row, ...]
    anchors: Mapping[str, Anchor]
    notes: tuple[str, ...]
    records: tuple[Record, ...] = dataclasses.field(repr=False)
    badges: Mapping[str, str] = dataclasses.field(default_factory=dict)
    title: str = ""
    about: str = ""
    metrics: Mapping[str, str] = dataclasses.field(default_factory=dict)
    duels: tuple[Duel, ...] = ()
    leaders: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def covered(self, row: Row) -> int:
        """On how many of the tasks that give skill a row has results."""
        return len(row.cells.keys() & self.anchors.keys())

    def is_complete(self, row: Row) -> bool:
        """Whether a row's skill is over all tasks that give skill, as a comparison needs."""
        return self.covered(row) == len(self.anchors)
