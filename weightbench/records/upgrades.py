"""What files of older schemas say in the form of today's, and which are of a newer version."""

from __future__ import annotations

from typing import Any, Final

from weightbench.errors import NewerRecord, RecordError

SCHEMA: Final = 2
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


def _from_schema_2(fields: dict[str, Any]) -> dict[str, Any]:
    trial = fields.get("trial")
    if isinstance(trial, dict) and "version" in trial:
        raise RecordError("trial.version: belongs to schema 1")
    return fields


def _from_schema_1(fields: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 named the package's version where schema 2 counts the engine."""
    trial = fields.get("trial")
    if not isinstance(trial, dict) or "version" not in trial or "engine" in trial:
        raise RecordError("trial: a record of schema 1 names the version of weightbench")
    return {**fields, "schema_version": SCHEMA, "trial": {**trial, "engine": 0}}


_UPGRADES = {1: _from_schema_1, 2: _from_schema_2}
