"""Kinds of values that records are made of, each with its bounds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=2**53)]  # whole numbers that a float holds exactly
Seconds = Annotated[float, Field(ge=0, le=1e10)]
Ratio = Annotated[float, Field(ge=1e-9, le=1e9)]
Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{16,64}$")]
Text = Annotated[str, Field(max_length=2000)]
Name = Annotated[str, Field(min_length=1, max_length=300)]
Time = Annotated[
    str,
    Field(
        pattern=r"^D{4}-DD-DDTDD:DD:DD(\.D{1,6})?([+-]DD:DD|Z)$".replace("D", "[0-9]"),
        max_length=40,
    ),
]
Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")]
PARTS = Field(max_length=50)  # sizes, checksums, phases, packages
MANY = Field(max_length=100_000)  # points of a curve, classes
