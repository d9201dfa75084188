"""The submissions of a board, each with the badge that its evidence earns it. Loads no torch."""

from __future__ import annotations

import dataclasses
import inspect
import io
import re
import tokenize
from collections.abc import Mapping, Sequence
from pathlib import Path

from weightbench.errors import SubmissionError
from weightbench.records.schema import Cost, Record
from weightbench.submission.badges import BADGES, Badge
from weightbench.submission.manifest import LIMITS, RECORDS, SOURCE, Evidence, Reproduction
from weightbench.submission.reading import Submission, read
from weightbench.submission.safe import content_of, json_of, model_of


@dataclasses.dataclass(frozen=True)
class Published:
    """What submissions bring to a board.

    Attributes:
        records: of all that are shown.
        costs: likewise.
        badges: by weighter.
        texts: what the contributor says, likewise.
        notes: what was done to verify them, a line for each.
        damaged: those that cannot be read, each with the reason.
    """

    records: tuple[Record, ...]
    costs: tuple[Cost, ...]
    badges: dict[str, Badge]
    texts: dict[str, AuthorText]
    notes: dict[str, str]
    damaged: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class AuthorText:
    """A submission in the words of its contributor, which anybody shows as text and escapes."""

    rule: str
    facts: Mapping[str, str]


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
    texts: dict[str, AuthorText] = {}
    notes: dict[str, str] = {}
    damaged: list[str] = []
    taken: set[str] = set()
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name.startswith(".") or path.name.endswith(".evidence.json"):
            continue
        try:
            submission = read(path)
            evidence = evidence_of(submission, path)
            weighter = submission.manifest.weighter
            if weighter.casefold() in taken:
                raise SubmissionError(f"{weighter} was submitted already")
            taken.add(weighter.casefold())
        except SubmissionError as error:
            damaged.append(f"{path}: {error}")
            continue
        badge = evidence.badge if evidence else "self-reported"
        if BADGES.index(badge) >= BADGES.index(least):
            found = evidence.reproduction if evidence else None
            badges[weighter] = badge
            texts[weighter] = _author_text(submission, badge)
            notes[weighter] = in_words(found)
            records += [_shown(record, found) for record in submission.records]
            costs += found.costs if found else submission.costs
    return Published(tuple(records), tuple(costs), badges, texts, notes, tuple(damaged))


def in_words(found: Reproduction | None) -> str:
    """What was done to reproduce a submission, what that showed, and what it would have shown."""
    if found is None:
        return "nothing was trained again; its costs are as claimed, its weights are not shown"
    how = "a machine and versions like its own" if found.same_machine else "another machine"
    if found.same_machine:
        showed = "all identical"
    else:
        showed = (
            f"claims lie {found.difference:+.3f} +- {found.error:.3f} of skill from what came out, "
            "which is taken off on each task, and what is above the error once more"
        )
    chances = ", ".join(f"{n}: {chance:.2f}" for n, chance in sorted(found.caught.items()))
    return (
        f"{len(found.reruns)} of {found.trials} trials trained again on {how}, {showed}; the least "
        f"chance of that meeting an altered trial, by how many are altered: {chances}; costs are "
        "the verifier's"
    )


def _shown(record: Record, found: Reproduction | None) -> Record:
    """Without what only training again can confirm, or without what that took off."""
    training = record.training
    if training is None:
        return record
    changes: dict[str, object] = {}
    if found is None:
        changes = {"weights": None, "select_curve": [], "phases": {}}
    elif off := found.lowered.get(record.trial.task):
        changes = {
            "accuracy": min(max(training.accuracy - off.last, 0.0), 1.0),
            "selected_accuracy": min(max(training.selected_accuracy - off.selected, 0.0), 1.0),
        }
    return record.model_copy(update={"training": training.model_copy(update=changes)})


def _author_text(submission: Submission, badge: Badge) -> AuthorText:
    manifest = submission.manifest
    facts = {
        "badge": badge,
        "paper": manifest.paper,
        "code": manifest.code,
        "contact": manifest.contact,
        "source": f"submissions/{manifest.name}/{SOURCE}",
        "suite": manifest.suite,
    }
    return AuthorText(rule_of(submission.source, manifest.weighter), facts)


def rule_of(source: bytes, weighter: str) -> str:
    """The docstring of the class that the spec ``weighter`` names; empty without one.

    Read token by token: neither run nor parsed, for a hostile file can exhaust a parser's stack.
    """
    name = re.split(r"[\[+]", weighter.rpartition(":")[2])[0]
    try:
        tokens = [
            token
            for token in tokenize.generate_tokens(io.StringIO(source.decode()).readline)
            if token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE)
        ]
    except (tokenize.TokenError, SyntaxError):
        return ""
    starts = [i for i, t in enumerate(tokens) if t.string == "class" and _at(tokens, i + 1) == name]
    if not starts:
        return ""
    body = next((i for i in range(starts[0], len(tokens)) if tokens[i].type == tokenize.INDENT), -1)
    text = _at(tokens, body + 1)
    found = re.fullmatch(r"""[rR]?(\"\"\"|'''|"|')(.*)\1""", text, re.DOTALL)
    return inspect.cleandoc(found[2]) if found and body > 0 else ""


def _at(tokens: Sequence[tokenize.TokenInfo], i: int) -> str:
    return tokens[i].string if i < len(tokens) else ""


def evidence_of(submission: Submission, folder: Path) -> Evidence | None:
    """The evidence beside ``folder`` about this very manifest; None without any.

    Raises:
        SubmissionError: there is evidence that cannot be read.
    """
    path = evidence_path(folder)
    if not path.exists():
        return None
    fields = json_of(content_of(path, LIMITS[RECORDS]), path.name)
    evidence = model_of(Evidence, fields, path.name)
    return evidence if evidence.submission == submission.digest else None
