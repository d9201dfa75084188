"""The tracks: what a weighter was given beside the noisy training labels."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

Track = Literal["A", "B", "C", "D", "E"]

TRACKS: Mapping[Track, str] = MappingProxyType(
    {
        "A": "noisy data only",
        "B": "a clean hold-out",
        "C": "groups of the hold-out's examples",
        "D": "groups of the training examples",
        "E": "the noise rate or matrix",
    }
)
