"""The submissions of a board, each with the badge that its evidence earns it. Loads no torch."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from weightbench.errors import SubmissionError
from weightbench.export import plain
from weightbench.records import Cost, Record
from weightbench.submission.manifest import BADGES, LIMITS, MANIFEST, Badge, Evidence
from weightbench.submission.reading import Submission, read
from weightbench.submission.safe import content_of, json_of, model_of


@dataclasses.dataclass(frozen=True)
class Published:
    """What submissions bring to a board.

    Attributes:
        records: of all that are shown.
        costs: likewise.
        badges: by weighter.
        damaged: those that cannot be read, each with the reason.
    """

    records: tuple[Record, ...]
    costs: tuple[Cost, ...]
    badges: dict[str, Badge]
    damaged: tuple[str, ...]


def evidence_path(folder: Path) -> Path:
    """Where the evidence about a submission lies: beside its folder."""
    folder = folder.absolute()
    return folder.with_name(f"{folder.name}.evidence.json")


def published(folder: Path, least: Badge = "self-reported") -> Published:
    """The submissions under ``folder`` that have at least the badge ``least``.

    Of two that name the same weighter, the second in alphabetical order is damaged.
    """
    records: list[Record] = []
    costs: list[Cost] = []
    badges: dict[str, Badge] = {}
    damaged: list[str] = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name.startswith(".") or path.name.endswith(".evidence.json"):
            continue
        try:
            submission = read(path)
            badge = badge_of(submission, path)
            weighter = submission.manifest.weighter
            if weighter in badges:
                raise SubmissionError(f"{weighter} was submitted already")
        except SubmissionError as error:
            damaged.append(plain(f"{path}: {error}"))
            continue
        if BADGES.index(badge) >= BADGES.index(least):
            badges[weighter] = badge
            records += submission.records
            costs += submission.costs
    return Published(tuple(records), tuple(costs), badges, tuple(damaged))


def badge_of(submission: Submission, folder: Path) -> Badge:
    """What the evidence beside ``folder`` says of this very manifest; self-reported without any.

    Raises:
        SubmissionError: there is evidence that cannot be read.
    """
    path = evidence_path(folder)
    if not path.exists():
        return "self-reported"
    fields = json_of(content_of(path, LIMITS[MANIFEST]), path.name)
    evidence = model_of(Evidence, fields, path.name)
    return evidence.badge if evidence.submission == submission.digest else "self-reported"
