"""What the page says something about: gathered once over all boards, looked up by its parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from weightbench.records.schema import Provenance, Record, Training
from weightbench.report.cards import Card
from weightbench.scoring import Anchor, Board, Cell, Row


class PageIndex:
    """Tasks, weighters and the records behind their numbers.

    Attributes:
        tasks: the id of each task's part, by name, in the order of the boards.
        weighters: likewise.
        cards: of those that something is known about, by name.
        environments: under which the records were made, as the parts name them.
        count: how many records there are.
    """

    def __init__(self, boards: Sequence[Board], cards: Mapping[str, Card]) -> None:
        tasks = dict.fromkeys(task for board in boards for task in board.tasks)
        weighters = dict.fromkeys(row.weighter for board in boards for row in board.rows)
        self.tasks = {task: f"task-{i}" for i, task in enumerate(tasks)}
        self.weighters = {weighter: f"weighter-{i}" for i, weighter in enumerate(weighters)}
        self.cards, self.environments, self._boards = cards, Environments(), boards
        seen = {
            (r.trial.task, r.trial.weighter, r.trial.seed): r for b in boards for r in b.records
        }
        self.count = len(seen)
        self._records: dict[tuple[str, str], list[Record]] = defaultdict(list)
        for (task, weighter, _), record in seen.items():
            self._records[task, weighter].append(record)

    def records(self, task: str, weighter: str) -> Sequence[Record]:
        """Of a weighter on a task."""
        return self._records[task, weighter]

    def trained(self, task: str) -> list[Training]:
        """Every training on a task that gave a number."""
        groups = [group for (name, _), group in self._records.items() if name == task]
        return [record.training for group in groups for record in group if record.training]

    def rows(self, weighter: str) -> list[tuple[Board, Row]]:
        """Of a weighter, each with its board."""
        return [(b, row) for b in self._boards for row in b.rows if row.weighter == weighter]

    def cells_of_task(self, task: str) -> dict[str, Cell]:
        """Of everybody on a task, by weighter."""
        rows = [row for board in self._boards for row in board.rows]
        return {row.weighter: row.cells[task] for row in rows if task in row.cells}

    def anchor(self, task: str) -> Anchor | None:
        """Between what skill is measured on a task."""
        return next((b.anchors[task] for b in self._boards if task in b.anchors), None)


class Environments:
    """Numbers the distinct circumstances under which records were made."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], Provenance] = {}
        self._numbers: dict[tuple[object, ...], int] = {}

    def number(self, made: Provenance) -> int:
        """Of the circumstances of one record."""
        packages = tuple(made.packages.items())
        known = (made.commit, made.dirty, made.machine, made.threads, packages)
        self._made.setdefault(known, made)
        return self._numbers.setdefault(known, len(self._numbers) + 1)

    def described(self) -> tuple[tuple[str, ...], ...]:
        """All of them, in order: source, machine, threads, packages."""
        return tuple(map(_described, self._made.values()))


def _described(made: Provenance) -> tuple[str, ...]:
    packages = ", ".join(f"{name} {version}" for name, version in made.packages.items())
    commit = (made.commit or "an installed package") + (" with changes" if made.dirty else "")
    return (commit, made.machine, str(made.threads), packages)
