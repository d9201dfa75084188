"""What the page says something about: gathered once over all boards, looked up by its parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from weightbench.records.schema import Provenance, Record, Training
from weightbench.report.cards import Card
from weightbench.scoring import Anchor, Board, Cell


class PageIndex:
    """Tasks, weighters and the records behind their numbers.

    Attributes:
        tasks: the number of each task, by name, in the order of the boards.
        weighters: likewise.
        cards: of those that something is known about, by name.
        environments: under which the records were made.
        count: how many records there are.
        newest: when the last of them was finished, as it stands there; empty where there is none.
    """

    def __init__(self, boards: Sequence[Board], cards: Mapping[str, Card]) -> None:
        tasks = dict.fromkeys(task for board in boards for task in board.tasks)
        weighters = dict.fromkeys(row.weighter for board in boards for row in board.rows)
        self.tasks = {task: i for i, task in enumerate(tasks)}
        self.weighters = {weighter: i for i, weighter in enumerate(weighters)}
        self.cards = cards
        seen = {
            (r.trial.task, r.trial.weighter, r.trial.seed): r for b in boards for r in b.records
        }
        self.count = len(seen)
        self.newest = max((record.finished for record in seen.values()), default="")
        self.environments = Environments()
        self._records: dict[tuple[str, str], list[Record]] = defaultdict(list)
        for (task, weighter, _), record in seen.items():
            self._records[task, weighter].append(record)
            self.environments.add(record.provenance)
        for group in self._records.values():
            group.sort(key=lambda record: record.trial.seed)
        self._cells = {
            (task, row.weighter): cell
            for board in reversed(boards)
            for row in board.rows
            for task, cell in row.cells.items()
        }
        self._anchors = {t: a for b in reversed(boards) for t, a in b.anchors.items()}

    def records(self, task: str, weighter: str) -> Sequence[Record]:
        """Of a weighter on a task, by seed."""
        return self._records[task, weighter]

    def trained(self, task: str) -> list[Training]:
        """Every training on a task that gave a number."""
        groups = [group for (name, _), group in self._records.items() if name == task]
        return [record.training for group in groups for record in group if record.training]

    def cells(self) -> Iterator[tuple[str, str, Cell]]:
        """Every task and weighter that have one."""
        for (task, weighter), cell in self._cells.items():
            yield task, weighter, cell

    def anchor(self, task: str) -> Anchor | None:
        """Between what skill is measured on a task."""
        return self._anchors.get(task)


class Environments:
    """The distinct circumstances under which records were made."""

    def __init__(self) -> None:
        self._counts: dict[tuple[object, ...], int] = defaultdict(int)
        self._made: dict[tuple[object, ...], Provenance] = {}

    def add(self, made: Provenance) -> None:
        """One more record made so."""
        known = (made.commit, made.dirty, made.machine, made.threads, tuple(made.packages.items()))
        self._counts[known] += 1
        self._made[known] = made

    def described(self) -> list[tuple[str, ...]]:
        """All of them: records, source, machine, threads, packages; the most frequent first."""
        order = sorted(self._made, key=lambda known: -self._counts[known])
        return [(f"{self._counts[known]:,}", *_described(self._made[known])) for known in order]


def _described(made: Provenance) -> tuple[str, ...]:
    packages = ", ".join(f"{name} {version}" for name, version in made.packages.items())
    commit = made.commit[:10] if made.commit else "an installed package"
    return (commit + " with changes" * made.dirty, made.machine, str(made.threads), packages)
