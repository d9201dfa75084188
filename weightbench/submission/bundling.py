"""From a folder of records to a submission."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from weightbench.check.isolated import check_isolated
from weightbench.evaluation.trial import plan
from weightbench.files import write_folder
from weightbench.records.predictions import pack
from weightbench.records.schema import Cost, Record, Trial, write
from weightbench.records.store import Store
from weightbench.registry import SUITES
from weightbench.registry.siblings import imported_by
from weightbench.submission.copies import neighbours, recorded, refuse_copies
from weightbench.submission.examining import examine
from weightbench.submission.manifest import (
    MANIFEST,
    PREDICTIONS,
    RECORDS,
    SOURCE,
    Claim,
    FileSpec,
    Manifest,
    Said,
    Slug,
    sha256,
)
from weightbench.submission.reading import read
from weightbench.submission.safe import json_of, model_of, refuse
from weightbench.training.weighter import make_weighter, spec_of


@dataclasses.dataclass(frozen=True)
class About:
    """What the contributor says."""

    name: str
    contact: str
    paper: str
    code: str


def bundle(weighter: str, store: Store, about: About, suite: str, out: Path) -> Path:
    """Write a submission of ``weighter`` under ``out``, after every check that its readers make.

    Returns:
        Its folder, ``out/NAME``.

    Raises:
        BadSpec: the weighter or the suite does not exist.
        SubmissionError: a rule is broken; nothing is written.
        StoreError: the disk refuses.
    """
    if not _is_a(Slug, about.name):
        refuse(f"--name {about.name[:80]!r}: use lower-case words joined by hyphens")
    said = json.dumps(dataclasses.asdict(about)).encode()
    model_of(Said, json_of(said, MANIFEST), MANIFEST)
    spec = _spec(weighter)
    folder = out.absolute() / about.name
    if os.path.lexists(folder):
        refuse(f"{folder} is there already; withdraw it or choose another --name")
    for _, findings in check_isolated([("weighter", spec)]):
        if findings:
            refuse(f"{spec} breaks a rule: {findings[0]} (weightbench check {spec} says more)")
    records = _records(spec, store, suite)
    contents = _contents(spec, records, _costs(records, store), store, about, suite)
    with tempfile.TemporaryDirectory() as place:
        made = Path(place) / about.name
        write_folder(made, contents)
        submission = read(made)
        examine(submission)
        others = [other for other in recorded(store) if other.name != spec]
        refuse_copies(submission, neighbours(folder)[0] + others)
    write_folder(folder, contents)
    return folder


def _spec(weighter: str) -> str:
    """The canonical spec; of a class in a file of this folder."""
    spec = str(spec_of(make_weighter(weighter)))
    if not _is_a(FileSpec, spec):
        refuse(
            f"{spec!r} is not submitted: it must be a class of one file in this folder, such as "
            "my.py:Mine, and be evaluated by that name"
        )
    file = Path(spec.partition(":")[0]).resolve()
    beside = [other.relative_to(file.parent).as_posix() for other in imported_by(file)]
    if beside:
        refuse(
            f"{file.name} imports {', '.join(beside)} beside it; a submission is one file: put "
            "what it needs of them into it"
        )
    return spec


def _is_a(kind: Any, text: str) -> bool:
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return False
    return True


def _records(spec: str, store: Store, suite: str) -> list[Record]:
    """Every trial of the suite, made with the weighter and the tasks as they are now."""
    found, damaged = store.records()
    if broken := [damage for damage in damaged if not damage.newer]:
        refuse(f"damaged: {broken[0]}; run weightbench evaluate again")
    wanted = SUITES.get(suite)
    by_key = {record.trial.key: record for record in found}
    best: list[Trial] = []
    best_missing: list[Trial] | None = None
    for device in ("cpu", "cuda"):
        trials = plan(wanted.tasks, [spec], range(wanted.seeds), device)
        missing = [trial for trial in trials if trial.key not in by_key]
        if best_missing is None or len(missing) < len(best_missing):
            best, best_missing = trials, missing
    if best_missing:
        _explain(best_missing, len(best), found, suite)
    return [by_key[trial.key] for trial in best]


def _explain(missing: Sequence[Trial], wanted: int, found: Sequence[Record], suite: str) -> None:
    """Refuse for want of trials, and say why they may be missing."""
    first = missing[0]
    names = {(r.trial.task, r.trial.weighter, r.trial.seed) for r in found}
    stale = sum((t.task, t.weighter, t.seed) in names for t in missing)
    why = f"; {stale} were made with other code than there is now" if stale else ""
    refuse(
        f"{len(missing)} of {wanted} trials of {suite} are missing (first: {first.task}, seed "
        f"{first.seed}){why}: run weightbench evaluate --suite {suite} --weighter {first.weighter}"
    )


def _costs(records: Sequence[Record], store: Store) -> list[Cost]:
    keys = {record.trial.model_copy(update={"seed": 0}).key for record in records}
    return [cost for cost in store.costs()[0] if cost.trial.key in keys]


def _contents(
    spec: str,
    records: Sequence[Record],
    costs: Sequence[Cost],
    store: Store,
    about: About,
    suite: str,
) -> dict[str, bytes]:
    arrays = {
        f"{record.trial.key}.{kind}": classes
        for record in records
        if record.training
        for kind, classes in store.predictions(record).items()
    }
    sealed = {
        "schema_version": 1,
        "records": [json.loads(write(record)) for record in records],
        "costs": [json.loads(write(cost)) for cost in costs],
    }
    contents = {
        RECORDS: json.dumps(sealed, indent=1).encode() + b"\n",
        PREDICTIONS: pack(arrays),
        SOURCE: Path(spec.partition(":")[0]).read_bytes(),
    }
    tasks = {
        r.trial.task: Claim(fingerprint=r.trial.fingerprint, data=r.training.checksums["data"])
        for r in records
        if r.training
    }
    fields = {
        **dataclasses.asdict(about),
        "weighter": spec,
        "source": records[0].trial.source,
        "suite": suite,
        "tasks": {task: claim.model_dump() for task, claim in tasks.items()},
        "files": {name: sha256(content) for name, content in contents.items()},
    }
    manifest = model_of(Manifest, fields, MANIFEST)
    return {MANIFEST: manifest.model_dump_json(indent=1).encode() + b"\n", **contents}
