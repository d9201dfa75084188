"""The schemas that records were written in, brought to today's form and back."""

from __future__ import annotations

from typing import Any, Final

from weightbench.errors import NewerRecord, RecordError

SCHEMA: Final = 3
NEW_IN_3: Final = frozenset({"step_work", "side_work", "track", "scores"})  # of a training
_NO_SCHEMA = 1000  # a number from here on is damage and no newer version


def upgraded(fields: Any) -> Any:
    """What a file holds in the form of today's schema.

    Raises:
        NewerRecord: it was written by a newer version.
        RecordError: it was written in a schema that there never was.
    """
    if not isinstance(fields, dict):
        return fields
    version = fields.get("schema_version", SCHEMA)
    if type(version) is int and version in _UPGRADES:
        return _UPGRADES[version](fields)
    known = f"this version reads 1 to {SCHEMA}"
    if type(version) is int and SCHEMA < version < _NO_SCHEMA:
        raise NewerRecord(
            f"schema_version: made by a newer version of weightbench, {version}; {known}"
        )
    raise RecordError(f"schema_version: {version!r}; {known}")


def _without_version(fields: dict[str, Any]) -> dict[str, Any]:
    trial = fields.get("trial")
    if isinstance(trial, dict) and "version" in trial:
        raise RecordError("trial.version: belongs to schema 1")
    return fields


def _from_schema_2(fields: dict[str, Any]) -> dict[str, Any]:
    return _with_work(_without_version(fields))


def _with_work(fields: dict[str, Any]) -> dict[str, Any]:
    """Schema 2 counted steps of side trainings, and had two of the tracks."""
    training = fields.get("training")
    if not isinstance(training, dict):
        return fields
    if mixed := training.keys() & NEW_IN_3:
        raise RecordError(f"training.{min(mixed)}: belongs to schema 3")
    if "side_steps" not in training:
        raise RecordError("training.side_steps: Field required")
    kept = {name: value for name, value in training.items() if name != "side_steps"}
    track = "B" if training.get("used_holdout") is True else "A"
    work = {"step_work": None, "side_work": training["side_steps"], "track": track}
    return {**fields, "training": {**kept, **work}}


def _from_schema_1(fields: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 named the package's version where schema 2 counts the engine."""
    trial = fields.get("trial")
    if not isinstance(trial, dict) or "version" not in trial or "engine" in trial:
        raise RecordError("trial: a record of schema 1 names the version of weightbench")
    return _with_work({**fields, "schema_version": 2, "trial": {**trial, "engine": 0}})


_UPGRADES = {1: _from_schema_1, 2: _from_schema_2, 3: _without_version}


def as_it_was(fields: dict[str, Any]) -> dict[str, Any]:
    """Today's form of what was read in the form of the schema that it was read from."""
    trial, training = dict(fields["trial"]), fields.get("training")
    if training is not None and training["scores"] is None:  # it was written without any
        training = {name: value for name, value in training.items() if name != "scores"}
    fields = {**fields, "trial": trial, **({"training": training} if training else {})}
    if training is not None and fields["schema_version"] == 2:
        kept = {name: value for name, value in training.items() if name not in NEW_IN_3}
        fields["training"] = {**kept, "side_steps": int(training["side_work"])}
    if trial["version"] is None:
        del trial["version"]
        return fields
    del trial["engine"]
    return {**fields, "schema_version": 1}
