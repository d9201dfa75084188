"""What an evaluation came to: records, one row a trial, the board."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from weightbench.records.schema import Record
from weightbench.records.store import Store
from weightbench.registry.metrics import METRICS
from weightbench.report.terminal import to_text
from weightbench.scoring.metrics import name_of, own_metrics, values_of
from weightbench.submission.boards import Loaded, load

if TYPE_CHECKING:
    import pandas as pd

_OF_TRIAL = ("task", "weighter", "seed", "device", "privileged")
_OF_TRAINING = (
    "accuracy", "selected_accuracy", "chance", "realised_noise", "track", "used_holdout", "steps",
    "step_work", "side_work",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class Results:
    """Records of trials, those that failed too.

    Attributes:
        records: one for each trial.
        tasks: those of the board, in their order; all of the folder's where it is None.
        damaged: files of the folder that could not be read, each with why.
    """

    records: tuple[Record, ...]
    tasks: tuple[str, ...] | None
    damaged: tuple[str, ...]
    _loaded: Loaded

    @classmethod
    def of(
        cls,
        store: Store,
        tasks: Sequence[str] | None = None,
        keys: Sequence[str] | None = None,
        data: dict[str, str] | None = None,
    ) -> Results:
        """What a folder holds.

        Args:
            store: the folder.
            tasks: that the board is of; all where not given.
            keys: of the trials whose records are meant, in their order; all where not given.
            data: checksums of data sets as they are today; looked at where not given.

        Raises:
            StoreError: there is no such folder, or nothing in it.
        """
        loaded = load(store, data=data)
        found = {r.trial.key: r for r in sorted(loaded.records, key=_place)}
        kept = tuple(found[key] for key in keys or found if key in found)
        return cls(kept, None if tasks is None else (*tasks,), loaded.damaged, loaded)

    @property
    def board(self) -> str:
        """The leaderboard as the terminal shows it, of all that its tasks have records of."""
        return to_text([self._loaded.board(self.tasks)])

    def __str__(self) -> str:
        return self.board

    def __repr__(self) -> str:
        failed = sum(record.status != "ok" for record in self.records)
        return f"<Results of {len(self.records)} trials, {failed} failed>"

    def to_dataframe(self) -> pd.DataFrame:
        """One row a trial, failed ones with their ``status`` and ``reason``.

        Columns: what was run, how it ended, what was measured (``score`` is what the task is scored
        by, and ``metric`` says which that is), every other metric that any record has, seconds in
        each phase, and the ``key`` that names the files of the trial.
        """
        import pandas as pd

        scores = values_of(self.records, None)
        metrics = {
            name: found
            for name in METRICS
            if name not in _OF_TRAINING and (found := values_of(self.records, name))
        }
        own = own_metrics(self.records)
        rows = [
            {
                **_row(record),
                "metric": own.get(record.trial.task),
                "score": scores.get(name_of(record)),
                **{name: found.get(name_of(record)) for name, found in metrics.items()},
                **_seconds(record),
                "finished": record.finished,
                "key": record.trial.key,
            }
            for record in self.records
        ]
        columns = list(dict.fromkeys(name for row in rows for name in row))
        frame: pd.DataFrame = pd.DataFrame(rows, columns=columns)
        return frame


def _place(record: Record) -> tuple[str, str, int]:
    return record.trial.task, record.trial.weighter, record.trial.seed


def _row(record: Record) -> dict[str, Any]:
    training = record.training
    return {
        **{name: getattr(record.trial, name) for name in _OF_TRIAL},
        "status": record.status,
        "reason": record.reason,
        **{name: getattr(training, name, None) for name in _OF_TRAINING},
    }


def _seconds(record: Record) -> dict[str, float]:
    phases = record.training.phases if record.training else {}
    return {f"seconds_{phase}": seconds for phase, seconds in phases.items()}


def load_records(folder: str | os.PathLike[str]) -> Results:
    """The records of a folder that ``weightbench evaluate`` or ``wb.evaluate`` made.

    Args:
        folder: such as ``runs``.

    Raises:
        StoreError: there is no such folder, or nothing in it.
    """
    return Results.of(Store(folder))
