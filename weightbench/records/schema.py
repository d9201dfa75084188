"""What a trial leaves behind: typed, versioned records. One validator for everything that reads."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import from_json, to_json

from weightbench._version import ENGINE
from weightbench.errors import NewerRecord, RecordError
from weightbench.records.fields import (
    MANY,
    PARTS,
    Commit,
    Count,
    Hex,
    Name,
    Ratio,
    Seconds,
    Share,
    Text,
    Time,
)  # fmt: skip
from weightbench.records.schemas import SCHEMA, as_it_was, upgraded
from weightbench.records.scores import Scores
from weightbench.records.strict import StrictModel, first_mistake
from weightbench.registry.tracks import Track

M = TypeVar("M", bound=BaseModel)
Status = Literal["ok", "error", "timeout", "oom", "diverged", "skipped"]
BYTES, VALUES = 2**22, 600_000  # of a file of a record

_SORTED = json.JSONEncoder(sort_keys=True)


class Trial(StrictModel):
    """One (task, weighter, seed): what is run, and what a record is found again by.

    Attributes:
        task: the task's spec.
        fingerprint: checksum of the task's declaration and of what it comes to.
        weighter: the weighter's spec.
        source: checksum of what runs of the weighter.
        privileged: whether it declared to see true labels.
        seed: of every stream.
        device: ``cpu`` or ``cuda``.
        engine: the version of the numbers; 0 where a record is older than that count.
        version: of weightbench, in records of schema 1 alone, whose keys hold it.
    """

    task: Name
    fingerprint: Hex
    weighter: Name
    source: Hex
    privileged: bool
    seed: Count
    device: Name
    engine: Count = ENGINE
    version: Name | None = None

    @property
    def key(self) -> str:
        """Checksum (32 hex digits) of all fields: equal keys, equal results."""
        absent = "version" if self.version is None else "engine"
        fields = {name: value for name, value in self.__dict__.items() if name != absent}
        text = _SORTED.encode(fields)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


class Provenance(StrictModel):
    """Where and with what a number was made.

    Attributes:
        packages: versions by name, Python's among them.
        commit: of the source checkout; None when it ran from an installed package.
        dirty: whether that checkout had changes of its own.
        machine: processor or accelerator.
        threads: of torch.
    """

    packages: Annotated[dict[Name, Name], PARTS]
    commit: Commit | None
    dirty: bool
    machine: Annotated[str, Field(max_length=300)]
    threads: Count


class WeightSummary(StrictModel):
    """What a weighter made of the training set in one epoch, over the examples that occurred.

    Attributes:
        step: at the end of the epoch.
        auroc: of the weight as a sign that the label is right; None where all are, or none.
        effective: effective sample size, (sum w)^2 / sum w^2, as a share of the examples.
        zero: share of the examples that did not count at all.
        by_class: mean weight of each given class, 1 being the mean of all; None for an absent one.
    """

    step: Count
    auroc: Share | None
    effective: Annotated[float, Field(ge=0, le=1 + 1e-9)]
    zero: Share
    by_class: Annotated[list[Annotated[float, Field(ge=-1e12, le=1e12)] | None], MANY]


class Training(StrictModel):
    """What happened in a training run.

    Attributes:
        accuracy: on the test split, of the network after the last step; this one is ranked.
        selected_accuracy: of the network that did best on the select split.
        chance: accuracy of guessing, 1/K.
        realised_noise: share of the training labels that are wrong; None where nobody knows.
        sizes: examples in ``train``, ``holdout``, ``select`` and ``test``.
        checksums: of ``data``, ``corruption`` and ``splits``.
        used_holdout: whether clean data had a say: the hold-out was touched, or the judged network
            was chosen on the select split.
        steps: optimiser steps.
        step_work: floating point operations of a step on average, in steps of plain training; None
            where nothing is counted, and in records up to schema 2.
        side_work: those of all that was done outside of the steps, in steps of plain training.
        track: what was given beside noisy labels (:data:`weightbench.registry.tracks.TRACKS`).
        phases: seconds in each phase of the run.
        select_curve: (step, select accuracy) pairs.
        predictions: checksum of the predictions kept beside the record.
        weights: what the weighter made of the training set in its last whole epoch; None where it
            trained on the hold-out alone. Earlier epochs are in the file of weights.
        peak_bytes: the most that tensors took on a GPU at once; None on a CPU.
        scores: what it is scored by beyond accuracy; None where that was not kept yet.
    """

    accuracy: Share
    selected_accuracy: Share
    chance: Share
    realised_noise: Share | None
    sizes: Annotated[dict[Name, Count], PARTS]
    checksums: Annotated[dict[Name, Hex], PARTS]
    used_holdout: bool
    steps: Count
    step_work: Ratio | None
    side_work: Annotated[float, Field(ge=0, le=1e12)]
    track: Track
    phases: Annotated[dict[Name, Seconds], PARTS]
    select_curve: Annotated[list[tuple[Count, Share]], MANY]
    predictions: Hex
    weights: WeightSummary | None = None
    peak_bytes: Count | None = None
    scores: Scores | None = None


class Record(StrictModel):
    """The result of one trial, failed or not.

    Attributes:
        trial: what was run.
        status: how it ended.
        reason: why it failed, in one line; empty when it did not.
        training: what happened; None when it failed.
        provenance: where and with what.
        finished: when, ISO 8601, UTC.
    """

    schema_version: Literal[2, 3] = SCHEMA
    trial: Trial
    status: Status
    reason: Text = ""
    training: Training | None = None
    provenance: Provenance
    finished: Time

    @property
    def is_final(self) -> bool:
        """Whether this is a result, rather than a failure that another try may mend."""
        return self.status in ("ok", "diverged")

    @model_validator(mode="after")
    def _consistent(self) -> Record:
        if (self.status == "ok") != (self.training is not None):
            raise ValueError("a record has a training exactly when its status is ok")
        if (self.status == "ok") == bool(self.reason):
            raise ValueError("a record has a reason exactly when its status is not ok")
        return self


class Cost(StrictModel):
    """What a step costs beside a uniform step, measured alternately in one process, alone.

    Attributes:
        trial: what was probed; the seed is 0.
        time_ratio: median over pairs of step time / uniform step time.
        time_low: first quartile of those ratios.
        time_high: third quartile.
        step_seconds: median time of a step.
        flop_ratio: counted by torch, the same on every machine; None where nothing is counted.
        memory_ratio: peak bytes of model, optimiser and step over those of a uniform step.
        provenance: where and with what.
    """

    schema_version: Literal[2, 3] = SCHEMA
    trial: Trial
    time_ratio: Ratio
    time_low: Ratio
    time_high: Ratio
    step_seconds: Seconds
    flop_ratio: Ratio | None
    memory_ratio: Ratio
    provenance: Provenance


def write(content: Record | Cost) -> bytes:
    """``content`` as JSON with a checksum of itself, so that a flipped bit is seen on reading."""
    fields = from_json(content.model_dump_json())
    fields = as_it_was(fields)
    return json.dumps({**fields, "sha256": _seal(fields)}, indent=1).encode()


def read_record(text: str | bytes) -> Record:
    """The record written in ``text``, JSON.

    Raises:
        NewerRecord: a newer version of weightbench wrote it: in another schema, or with fields that
            are not known here and a checksum that holds.
        RecordError: it is none; one line says what is wrong first.
    """
    return _read(Record, text)


def read_cost(text: str | bytes) -> Cost:
    """The cost record written in ``text``, JSON.

    Raises:
        NewerRecord: a newer version of weightbench wrote it.
        RecordError: it is none.
    """
    return _read(Cost, text)


def _read(model: type[M], text: str | bytes) -> M:
    if len(text) > BYTES:
        raise RecordError(f"the file: has {len(text):,} bytes; at most {BYTES:,} are read")
    encoded = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if encoded.count(b",") + encoded.count(b"[") > VALUES:
        raise RecordError(f"the file: has more than {VALUES:,} values")
    try:
        fields = from_json(encoded, allow_inf_nan=False)
        seal = fields.pop("sha256", None) if isinstance(fields, dict) else None
        today = upgraded(fields)
        whole = seal == _seal(fields)
        content = model.model_validate_json(to_json(today))
        if not whole:
            raise RecordError("sha256: not the checksum of what the file holds")
    except ValidationError as error:
        mistakes = {one["type"] for one in error.errors(include_url=False, include_input=False)}
        if mistakes == {"extra_forbidden"} and whole:
            raise NewerRecord(
                f"made by a newer version of weightbench: {first_mistake(error)}"
            ) from None
        raise RecordError(first_mistake(error)) from None
    except ValueError as error:
        raise RecordError(f"the file: {error}") from None
    return content


def _seal(fields: object) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
