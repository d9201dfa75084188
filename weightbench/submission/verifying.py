"""From a folder to a badge with its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from weightbench.errors import SubmissionError
from weightbench.evaluation.provenance import provenance, utc_now
from weightbench.execution import Limits
from weightbench.files import write_text
from weightbench.submission.badges import Badge
from weightbench.submission.copies import neighbours, own_records, refuse_copies
from weightbench.submission.examining import examine
from weightbench.submission.manifest import Evidence
from weightbench.submission.published import evidence_path
from weightbench.submission.reading import Submission, read
from weightbench.texts import plain

_NEIGHBOURS = 10  # named one by one where they cannot be read
_HERE = Limits(workers=1, seconds=3600.0, memory=4 * 2**30)


def verify(
    folder: Path, rerun: int = 0, limits: Limits = _HERE, out: Path | None = None
) -> tuple[Evidence, Path]:
    """Re-score a submission, train ``rerun`` of its trials again, and write down what was found.

    Args:
        folder: of the submission.
        rerun: how many trials to train again, which runs the contributor's code.
        limits: of those trainings.
        out: the evidence file; beside the folder, ``NAME.evidence.json``, where not given.

    Returns:
        The evidence, and where it was written.

    Raises:
        SubmissionError: it breaks a rule, or is not true; nothing is written.
        StoreError: the evidence cannot be written.
    """
    submission = read(folder)
    others, unread = neighbours(folder)
    unscored = examine(submission)
    refuse_copies(submission, others)
    badge: Badge = "self-reported" if unscored else "re-scored"
    reproduction = None
    if rerun:
        from weightbench.submission.rerun import train_again

        if unscored:
            raise SubmissionError(unscored[0])
        reproduction = train_again(submission, folder, rerun, limits, own_records(folder))
        badge = "reproduced"
    evidence = Evidence(
        submission=submission.digest,
        badge=badge,
        notes=[plain(note) for note in (*unscored, *_listed(unread), *_remarks(submission))],
        reproduction=reproduction,
        provenance=provenance(submission.records[0].trial.device if rerun else "cpu"),
        checked=utc_now(),
    )
    path = out or evidence_path(folder)
    write_text(path, evidence.model_dump_json(indent=1) + "\n")
    return evidence, path


def _listed(unread: Sequence[str]) -> list[str]:
    """The first of many, and how many there are."""
    more = len(unread) - _NEIGHBOURS
    return [*unread[:_NEIGHBOURS], *[f"and with {more} more beside it"] * (more > 0)]


def _remarks(submission: Submission) -> list[str]:
    """What is no fault but a reader should know."""
    failures = sum(record.training is None for record in submission.records)
    made = submission.records[0].provenance
    return [
        *[f"{failures} failed trials count as chance level"] * bool(failures),
        *["made from a checkout of weightbench with changes of its own"] * made.dirty,
    ]
