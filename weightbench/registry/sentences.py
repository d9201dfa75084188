"""What plug-ins do, in a sentence each: read from a text beside them, so that none is imported."""

from __future__ import annotations

import functools
import importlib.resources
from typing import Any, NamedTuple

from weightbench.registry import Registry

FILE = "sentences.txt"


class Said(NamedTuple):
    """What a package says of a weighter or wrapper.

    Attributes:
        track: the most that it is given beside noisy labels (``registry.tracks``); ``-`` where it
            sees what is hidden, and empty where nothing is said.
        sentence: what it does; empty likewise.
    """

    track: str = ""
    sentence: str = ""


def said_of(registry: Registry[Any], name: str) -> Said:
    """What ``sentences.txt`` beside the module of a plug-in says of it; imports no such module."""
    package = registry.module_of(name).rpartition(".")[0]
    return _read(package).get(name, Said()) if package else Said()


@functools.cache
def _read(package: str) -> dict[str, Said]:
    try:
        text = (importlib.resources.files(package) / FILE).read_text(encoding="utf-8")
    except Exception:  # there is none, or a package that fails when it is imported
        return {}
    lines = [line.split(maxsplit=2) for line in text.splitlines() if not line.startswith("#")]
    return {line[0]: Said(*line[1:]) for line in lines if len(line) == 3}
