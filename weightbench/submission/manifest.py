"""What a submission says about itself, and what a verification says about it."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from weightbench._version import __version__
from weightbench.files import is_portable
from weightbench.records.fields import Count, Hex, Name, Share
from weightbench.records.schema import Cost, Provenance
from weightbench.records.strict import StrictModel
from weightbench.submission.badges import Badge

MANIFEST, RECORDS, PREDICTIONS, SOURCE = (
    "manifest.json", "records.json", "predictions.npz", "weighter.txt",
)  # fmt: skip
LIMITS = {MANIFEST: 64 * 2**10, RECORDS: 8 * 2**20, PREDICTIONS: 8 * 2**20, SOURCE: 256 * 2**10}


def _portable(name: str) -> str:
    """The name of a file, or a spec that starts with one, for every file system."""
    file = name.partition(":")[0]
    if not is_portable(file):
        raise ValueError(f"{file} is no name for a file everywhere; Windows keeps it for a device")
    return name


Slug = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60),
    AfterValidator(_portable),
]
Line = Annotated[str, Field(min_length=3, max_length=200)]
Url = Annotated[str, Field(pattern=r"^https://[A-Za-z0-9.-]+(/[^\s\"'`\\]*)?$", max_length=300)]
FileSpec = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*\.py:[A-Za-z_][A-Za-z0-9_]*"
        r"(\[[A-Za-z0-9_=.,-]+\])?(\+[a-z0-9-]+(\[[A-Za-z0-9_=.,-]+\])?)*$",
        max_length=200,
    ),
    AfterValidator(_portable),
]


class Claim(StrictModel):
    """The version of a task that was trained on.

    Attributes:
        fingerprint: checksum of the task's definition, which anchors are frozen with.
        data: checksum of its data set.
    """

    fingerprint: Hex
    data: Hex


class Said(StrictModel):
    """What a contributor says of a submission.

    Attributes:
        name: of the submission and of its folder.
        contact: an address.
        paper: where the method is described.
        code: where its code lives.
    """

    schema_version: Literal[1] = 1
    name: Slug
    contact: Line
    paper: Url
    code: Url


class Manifest(Said):
    """What is submitted, by whom, and the checksums that hold the folder together.

    Attributes:
        weighter: its spec, a class of one file; the row on the board.
        source: checksum of its source files, as in every record.
        suite: what was run.
        tasks: the suite's, with the versions that were trained on.
        files: sha256 of the other files of the folder.
    """

    weighter: FileSpec
    source: Hex
    suite: Slug
    tasks: Annotated[dict[Name, Claim], Field(max_length=200)]
    files: Annotated[dict[Name, Hex], Field(max_length=10)]


class Rerun(StrictModel):
    """A trial that was trained again.

    Attributes:
        task: its task.
        seed: its seed.
        submitted: accuracy as submitted.
        again: accuracy as it came out.
        identical: whether every prediction is the same.
    """

    task: Name
    seed: Count
    submitted: Share
    again: Share
    identical: bool


class Lowered(StrictModel):
    """What is taken off every accuracy of a task, for claims lie so far above what came out.

    Attributes:
        last: off that of the network after the last step.
        selected: off that of the selected one.
    """

    last: float
    selected: float


class Reproduction(StrictModel):
    """What training again showed.

    Attributes:
        same_machine: whether the records say that they were made on a machine and with versions
            like those of the verifier, where every prediction has to be the same.
        reruns: the trials that were trained again, drawn at random.
        trials: out of how many.
        difference: in skill, by how much claims lie above what came out, on average.
        error: standard error of that.
        lowered: by task, what a board takes off; empty where all came out the same.
        caught: by a number of altered trials, the least chance that the draw has one of them.
        costs: measured by the verifier.
    """

    same_machine: bool
    reruns: Annotated[list[Rerun], Field(min_length=1)]
    trials: Count
    difference: float
    error: float
    lowered: Annotated[dict[Name, Lowered], Field(max_length=200)]
    caught: dict[int, Share]
    costs: list[Cost]


class Evidence(StrictModel):
    """What a verification found; it holds for one manifest alone.

    Attributes:
        submission: sha256 of the manifest, which holds those of the other files.
        badge: what was earned.
        notes: what a reader should know.
        reproduction: what training again showed; there exactly where that earned the badge.
        provenance: where and with what it was verified.
        version: of weightbench.
        checked: when, ISO 8601, UTC.
    """

    schema_version: Literal[3] = 3
    submission: Hex
    badge: Badge
    notes: list[str]
    reproduction: Reproduction | None = None
    provenance: Provenance
    version: Name = __version__
    checked: Name

    @model_validator(mode="after")
    def _earned(self) -> Evidence:
        if (self.badge == "reproduced") != (self.reproduction is not None):
            raise ValueError("reproduced says exactly that trials were trained again")
        return self


def sha256(content: bytes) -> str:
    """Checksum, hex."""
    return hashlib.sha256(content).hexdigest()
