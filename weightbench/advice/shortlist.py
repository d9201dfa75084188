"""Which methods are tried where nobody names any, and what each does, in plain words."""

from __future__ import annotations

import dataclasses

from weightbench.registry import LOWER_ANCHOR

PLAIN = LOWER_ANCHOR


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A method to be tried.

    Attributes:
        spec: the weighter.
        words: what it does, for people who know none of them.
        needs_trusted: whether it does nothing without trusted rows.
        finds: whether its network is one to look for wrong labels with, where there are no trusted
            rows to say which is best.
    """

    spec: str
    words: str
    needs_trusted: bool = False
    finds: bool = False


SHORTLIST = (
    Candidate(PLAIN, "plain training: every row counts alike", finds=True),
    Candidate("resample", "rows of rare classes are shown more often"),
    Candidate("logit-adjust", "the loss makes up for how rare a class is"),
    Candidate("gce", "rows that the network finds unlikely count less"),
    Candidate("sce", "a loss that wrong labels can move only so far", finds=True),
    Candidate("aum", "rows whose labels never fitted during training are dropped"),
    Candidate(
        "confident-learning[folds=3]",
        "labels that networks trained without them contradict are dropped",
        finds=True,
    ),
    Candidate(f"{PLAIN}+ft", "plain, then a few steps on trusted rows", needs_trusted=True),
    Candidate(
        f"{PLAIN}+llr", "plain, then the last layer again on trusted rows", needs_trusted=True
    ),
    Candidate("clean-only", "trusted rows alone", needs_trusted=True),
    Candidate(
        "l2rw-auto",
        "rows count as far as they help on trusted rows, step by step",
        needs_trusted=True,
    ),
    Candidate(
        "mw-net-fo", "how much a loss counts is learnt from trusted rows", needs_trusted=True
    ),
    Candidate(
        "glc",
        "which classes are mistaken for which is measured on trusted rows",
        needs_trusted=True,
    ),
)


def candidates(named: tuple[str, ...], any_trusted: bool) -> tuple[Candidate, ...]:
    """Plain training and those ``named``, or the shortlist; without trusted rows those it suits."""
    known = {candidate.spec: candidate for candidate in SHORTLIST}
    if named:
        others = (known.get(spec, Candidate(spec, "as you named it", finds=True)) for spec in named)
        return (known[PLAIN], *(other for other in others if other.spec != PLAIN))
    return tuple(c for c in SHORTLIST if any_trusted or c.finds)
