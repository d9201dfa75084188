"""How files that others may have written are read: nothing is guessed, and one mistake is named."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError


class StrictModel(BaseModel):
    """Frozen; no field that is not declared, no conversion, no number that is not finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def first_mistake(error: ValidationError) -> str:
    """The first thing that is wrong, in one line: where, and what."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))[:120] or "the file"
    return f"{where}: {first['msg']}"
