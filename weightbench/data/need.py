"""Whether a data set comes with its package or lies in the folder of data sets; reads no data."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from weightbench.data.cache import data_folder, is_cached

_READERS = frozenset({"image_set", "cached_file", "cached_arrays", "packaged_file"})
_LONGEST = 200  # of the name of a file
_PACKAGES = "packages"  # the folder of packaged_file


class Need(NamedTuple):
    """Whether files in the folder of data sets are needed, and whether they are there."""

    files: bool
    there: bool


def need_of(*parts: object) -> Need:
    """What the makers of data sets need, by the calls in them and in their own packages.

    Args:
        *parts: functions, ``functools.partial`` of them, or dataclasses that hold some, such as a
            corruption; of anything else nothing is known, and nothing is needed.
    """
    seen: set[int] = set()
    asked = [
        texts
        for part in parts
        for code, texts in _walk(part, seen)
        if _READERS.intersection(code.co_names)
    ]
    return Need(bool(asked), all(any(map(_is_there, texts)) for texts in asked))


def _is_there(text: str) -> bool:
    if not text or len(text) > _LONGEST or any(c.isspace() for c in text):  # such as a docstring
        return False
    home = data_folder()
    places = (home / text, home / _PACKAGES / text)
    return is_cached(text.lower()) or any(place.exists() for place in places)


def _walk(found: Any, seen: set[int]) -> Iterator[tuple[CodeType, list[str]]]:
    """The code of a function and of all it calls in its package, with the texts each may read."""
    if id(found) in seen:
        return
    seen.add(id(found))
    given: list[str] = []
    while isinstance(found, functools.partial):
        arguments = (*found.args, *found.keywords.values())
        given += [argument for argument in arguments if isinstance(argument, str)]
        for argument in arguments:
            yield from _walk(argument, seen)
        found = found.func
    if not isinstance(found, FunctionType):
        held = [getattr(found, "__wrapped__", None)]  # of a function that keeps what it answered
        if dataclasses.is_dataclass(found) and not isinstance(found, type):
            held += [getattr(found, field.name) for field in dataclasses.fields(found)]
        for value in held:
            yield from _walk(value, seen)
        return
    package = found.__module__.rpartition(".")[0] or found.__module__
    for code in _nested(found.__code__):
        held = [found.__globals__[name] for name in code.co_names if name in found.__globals__]
        texts = [text for value in (*code.co_consts, *held) for text in _texts(value)]
        yield code, [*texts, *given]
        for value in held:
            if getattr(value, "__module__", "").startswith(package):
                yield from _walk(value, seen)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for text in value if isinstance(text, str)] if isinstance(value, tuple) else []
