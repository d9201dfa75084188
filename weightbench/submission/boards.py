"""The boards of a folder: its own records and what was submitted. Loads no torch by itself."""

from __future__ import annotations

import dataclasses
import gc
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from weightbench.errors import StoreError
from weightbench.records.schema import Cost, Record
from weightbench.records.store import Store
from weightbench.registry import LOWER_ANCHOR, UPPER_ANCHOR, Suite
from weightbench.registry.tracks import Track
from weightbench.scoring import Board, board, published_anchors
from weightbench.scoring.results import choose
from weightbench.submission import covered
from weightbench.submission.badges import Badge
from weightbench.submission.covered import Covered
from weightbench.submission.published import AuthorText, published


@dataclasses.dataclass(frozen=True)
class Loaded:
    """What boards are made from, how that was verified, and what was left out, today's data too.

    Attributes:
        records: of the store and of its submissions.
        costs: likewise.
        badges: of submissions, by weighter.
        texts: what authors say of themselves, by weighter.
        verified: how a submission was verified, in words, by weighter.
        damaged: files that cannot be read.
        data: checksums of the data of tasks as they are today.
        notes: by task, which submitted records are left out.
        metric: what boards score by; each task's own where it is None.
    """

    records: Sequence[Record]
    costs: Sequence[Cost]
    badges: Mapping[str, str]
    texts: Mapping[str, AuthorText]
    verified: Mapping[str, str]
    damaged: tuple[str, ...]
    data: Mapping[str, str]
    notes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    metric: str | None = None

    def of_tracks(self, tracks: Collection[Track]) -> Loaded:
        """What weighters of these tracks alone left, and the anchors."""
        given: dict[str, Track] = {}
        for r in self.records:
            if r.training:
                known = given.get(r.trial.weighter, r.training.track)
                given[r.trial.weighter] = max(known, r.training.track)
        kept = [
            r
            for r in self.records
            if r.trial.weighter in (LOWER_ANCHOR, UPPER_ANCHOR)
            or given.get(r.trial.weighter, "A") in tracks
        ]
        return dataclasses.replace(self, records=kept)

    def board(self, tasks: Sequence[str] | None = None) -> Board:
        """Of these tasks, in their order; of all where not given."""
        return self._scored(self.records, tasks)

    def of_suite(self, name: str, suite: Suite) -> Board:
        """Of the tasks of a suite: its weighters, and others that ran on every one of them.

        Raises:
            BadSpec: a task or weighter of the suite cannot be made.
        """
        return self._of(covered.of_suite(name, suite, self._ran()))

    def by_suite(self) -> list[Board]:
        """A board for each suite that was run, and for other tasks; see :func:`covered.covered`.

        One board of all tasks where that makes a single one, for then it leaves nothing out; in the
        order of the suite, if that is what they are.
        """
        ran = self._ran()
        found = covered.covered(ran)
        if len(found) > 1:
            return [self._of(one) for one in found]
        tasks = found[0].tasks if found and ran.keys() == {*found[0].tasks} else None
        return [self.board(tasks)]

    def _ran(self) -> dict[str, set[str]]:
        ran: dict[str, set[str]] = defaultdict(set)
        for record in self.records:
            ran[record.trial.task].add(record.trial.weighter)
        return ran

    def _of(self, found: Covered) -> Board:
        kept = [
            r
            for r in self.records
            if r.trial.weighter in found.shown and r.trial.task in found.tasks
        ]
        scored = self._scored(kept, found.tasks)
        return dataclasses.replace(scored, title=found.title, about=found.about)

    def _scored(self, records: Sequence[Record], tasks: Sequence[str] | None) -> Board:
        scored = board(records, self.costs, tasks, published_anchors(), self.data, self.metric)
        shown = {row.weighter for row in scored.rows}
        badges = {weighter: badge for weighter, badge in self.badges.items() if weighter in shown}
        left = [self.notes[task] for task in scored.tasks if task in self.notes]
        told = [f"{weighter}: {self.verified[weighter]}" for weighter in badges]
        notes = [*scored.notes, *left, *told]
        return dataclasses.replace(scored, badges=badges, notes=tuple(notes))


def load(
    store: Store, only: Badge = "self-reported", data: Mapping[str, str] | None = None
) -> Loaded:
    """The records and costs of a store and of its submissions with at least the badge ``only``.

    Args:
        store: where they are.
        only: the least badge of a submission.
        data: checksums of the data of tasks as they are today; where not given, those of every
            installed task whose data are at hand.

    Raises:
        StoreError: there is no such folder, or nothing in it.
    """
    records, damaged = store.records()
    costs, damaged_costs = store.costs()
    submitted = published(store.root / "submissions", only)
    gc.freeze()  # records stay to the end: looking for garbage among many costs seconds
    broken = (*map(str, damaged + damaged_costs), *submitted.damaged)
    fitting, notes = _fitting(records, submitted.records)
    records = [*records, *fitting]
    if not records and not broken:
        raise StoreError(f"there are no records at {store.root}: weightbench evaluate makes some")
    costs = [*costs, *submitted.costs]
    if data is None:
        from weightbench.evaluation.data_today import data_today  # loads torch

        data = data_today(record.trial.task for record in records)
    return Loaded(
        records, costs, submitted.badges, submitted.texts, submitted.notes, broken, data, notes
    )


def _fitting(
    own: Sequence[Record], submitted: Sequence[Record]
) -> tuple[list[Record], Mapping[str, str]]:
    """The submitted records that can be compared, and by task why others cannot.

    What a task is, its own records on the board say, however new a submission is: one that was made
    with another version of a task would otherwise take the place of everybody's results.
    """
    if not submitted:
        return [], {}
    versions = {r.trial.task: _version(r) for r in choose(own).kept if r.training}
    fitting = [r for r in submitted if versions.get(r.trial.task, _version(r)) == _version(r)]
    others = Counter(r.trial.task for r in submitted) - Counter(r.trial.task for r in fitting)
    return fitting, {
        task: f"{task}: {number} submitted records are of another version of the task than the "
        "board's own, and left out"
        for task, number in others.items()
    }


def _version(record: Record) -> tuple[str, int]:
    return record.trial.fingerprint, record.trial.engine
