"""A folder of a submission, read as data and found whole; nothing of it is run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weightbench.errors import RecordError
from weightbench.records.predictions import Predictions, checksum
from weightbench.records.schema import Cost, Record, Training, read_cost, read_record
from weightbench.submission.manifest import (
    LIMITS,
    MANIFEST,
    PREDICTIONS,
    RECORDS,
    SOURCE,
    Manifest,
    sha256,
)
from weightbench.submission.possible import refuse_the_impossible
from weightbench.submission.safe import (
    arrays_of,
    check_names,
    content_of,
    json_of,
    model_of,
    refuse,
    refuse_newer,
    text_of,
)
from weightbench.texts import plain

TRIALS = 2000


@dataclasses.dataclass(frozen=True)
class Submission:
    """A submission whose parts agree with one another; whether they are true is not known yet.

    Attributes:
        manifest: what it says about itself.
        digest: sha256 of the manifest, which holds those of the other files.
        records: of every trial.
        costs: of its steps; told by whoever submits, as times cannot be measured again elsewhere.
        predictions: by key of the trial.
        source: the weighter's file, as text; never run by whoever reads it.
    """

    manifest: Manifest
    digest: str
    records: tuple[Record, ...]
    costs: tuple[Cost, ...]
    predictions: dict[str, Predictions] = dataclasses.field(repr=False)
    source: bytes = dataclasses.field(repr=False)


def read(folder: Path) -> Submission:
    """Read a submission, whoever wrote it.

    Raises:
        SubmissionError: it is not one; the message says in one line what is wrong first.
    """
    folder = folder.absolute()
    check_names(folder, LIMITS)
    contents = {name: content_of(folder / name, limit) for name, limit in LIMITS.items()}
    manifest = _manifest(contents[MANIFEST])
    if manifest.name != folder.name:
        refuse(f"the folder is called {folder.name[:80]!r}, its manifest says {manifest.name!r}")
    if set(manifest.files) != {RECORDS, PREDICTIONS, SOURCE}:
        refuse(f"{MANIFEST}: files are not {RECORDS}, {PREDICTIONS} and {SOURCE}")
    for name, digest in manifest.files.items():
        if digest != sha256(contents[name]):
            refuse(f"{name} is not the file that the manifest was made with (its sha256 differs)")
    _check_source(contents[SOURCE])
    records, costs = _records(json_of(contents[RECORDS], RECORDS))
    _check_belonging(manifest, [*records, *costs])
    for record in records:
        _check_record(manifest, record)
    predictions = _predictions(contents[PREDICTIONS], records)
    return Submission(
        manifest, sha256(contents[MANIFEST]), records, costs, predictions, contents[SOURCE]
    )


def manifest_of(folder: Path) -> Manifest:
    """What the submission in ``folder`` says about itself, without a look at the rest of it.

    Raises:
        SubmissionError: it does not.
    """
    return _manifest(content_of(folder / MANIFEST, LIMITS[MANIFEST]))


def _manifest(content: bytes) -> Manifest:
    manifest = model_of(Manifest, json_of(content, MANIFEST), MANIFEST)
    for text in (manifest.contact, manifest.paper, manifest.code):
        if plain(text) != text:
            refuse(f"{MANIFEST}: a text that a build server takes for a command: {text[:80]!r}")
    return manifest


def _check_source(content: bytes) -> None:
    for number, line in enumerate(text_of(content, SOURCE).split("\n"), 1):
        if not line.removesuffix("\r").replace("\t", " ").isprintable():
            refuse(f"{SOURCE}: line {number} holds control characters")


def _records(fields: dict[str, Any]) -> tuple[tuple[Record, ...], tuple[Cost, ...]]:
    refuse_newer(fields, 1, RECORDS)
    if set(fields) != {"schema_version", "records", "costs"} or fields["schema_version"] != 1:
        refuse(f"{RECORDS} holds schema_version 1, records and costs, and nothing else")
    for name in ("records", "costs"):
        if not isinstance(fields[name], list) or len(fields[name]) > TRIALS:
            refuse(f"{RECORDS}: {name} is not a list of at most {TRIALS} entries")
    try:
        return (
            tuple(read_record(json.dumps(one)) for one in fields["records"]),
            tuple(read_cost(json.dumps(one)) for one in fields["costs"]),
        )
    except RecordError as error:
        refuse(f"{RECORDS}: {error}")


def _check_belonging(manifest: Manifest, made: Sequence[Record | Cost]) -> None:
    """That everything is of the weighter, the tasks and the code that the manifest names."""
    seen: set[tuple[type, str, int]] = set()
    for one in made:
        trial, where = one.trial, f"{RECORDS}: {one.trial.task}, seed {one.trial.seed}"
        if trial.weighter != manifest.weighter:
            refuse(f"{where}: a record of {trial.weighter!r}, not of {manifest.weighter!r}")
        if trial.source != manifest.source:
            refuse(f"{where}: made with another source of the weighter than the manifest names")
        if trial.task not in manifest.tasks:
            refuse(f"{where}: a task that the manifest does not name")
        if trial.fingerprint != manifest.tasks[trial.task].fingerprint:
            refuse(f"{where}: made with another definition of the task than the manifest names")
        if trial.device not in ("cpu", "cuda"):
            refuse(f"{where}: {trial.device} is no device; cpu or cuda")
        name = (type(one), trial.task, trial.seed)
        if name in seen:
            refuse(f"{where}: there twice")
        seen.add(name)
        refuse_the_impossible(one, where)
    if len({one.provenance.packages["weightbench"] for one in made}) > 1:
        refuse("made with more than one version of weightbench; run all trials with one")
    if len({(one.trial.device, one.trial.privileged) for one in made}) > 1:
        refuse(f"{RECORDS}: made on two devices, or privileged at one time and not at another")
    if len({one.provenance.commit for one in made}) > 1:
        refuse(f"{RECORDS}: made at more than one commit; run all trials with one")


def _check_record(manifest: Manifest, record: Record) -> None:
    where = f"{RECORDS}: {record.trial.task}, seed {record.trial.seed}"
    if record.status == "skipped":
        refuse(f"{where}: was skipped: {record.reason}")
    training = record.training
    if training is None:
        return
    if training.checksums["data"] != manifest.tasks[record.trial.task].data:
        refuse(f"{where}: trained on other data than the manifest names")


def _predictions(content: bytes, records: Sequence[Record]) -> dict[str, Predictions]:
    trained = {r.trial.key: r.training for r in records if r.training}
    longest = {
        f"{key}.{kind}": training.sizes["test"]
        for key, training in trained.items()
        for kind in ("last", "selected")
    }
    arrays = arrays_of(content, longest)
    found: dict[str, Predictions] = {}
    for key, training in trained.items():
        found[key] = {kind: arrays[f"{key}.{kind}"] for kind in ("last", "selected")}
        _check_predictions(found[key], training, key)
    return found


def _check_predictions(predictions: Predictions, training: Training, key: str) -> None:
    for kind, classes in predictions.items():
        if len(classes) != training.sizes["test"]:
            refuse(
                f"{PREDICTIONS}: {key}.{kind} has {len(classes):,} predictions; "
                f"the test split has {training.sizes['test']:,} examples"
            )
    if checksum(predictions) != training.predictions:
        refuse(f"{PREDICTIONS}: {key} does not hold the predictions its record was made with")
