"""Reading what a stranger wrote: bounded before it is parsed, plain text only, no links."""

from __future__ import annotations

import json
import math
import os
import stat
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from weightbench.errors import RecordError, SubmissionError
from weightbench.files import read_regular
from weightbench.records.archive import unpack
from weightbench.records.strict import first_mistake
from weightbench.submission.manifest import PREDICTIONS
from weightbench.texts import is_plain, plain

M = TypeVar("M", bound=BaseModel)

DEPTH, VALUES, DIGITS = 12, 10**6, 40
LENGTH = 2000  # of a text, as long as a record's reason may be
UNPACKED = 32 * 2**20  # bytes of predictions; in memory they take at most eight times as many


def refuse(reason: str) -> NoReturn:
    """Raise :class:`SubmissionError` with ``reason`` in one line that steers no terminal."""
    raise SubmissionError(plain(" ".join(reason.split()))[:400])


def check_names(folder: Path, expected: Collection[str]) -> None:
    """That ``folder`` is a folder, no link, and holds files of the ``expected`` names alone."""
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            refuse(f"{folder} is no folder (a link is none)")
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name not in expected:
                    refuse(f"{folder.name} holds {entry.name[:80]!r}, which does not belong there")
        for name in expected:
            if not os.path.lexists(folder / name):
                refuse(f"{folder.name} holds no {name}")
    except OSError as error:
        refuse(f"{folder} cannot be read: {error.strerror}")


def content_of(path: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most ``limit`` bytes; a link is not followed."""
    try:
        return read_regular(path, limit)
    except RecordError as error:
        refuse(str(error))


def text_of(content: bytes, what: str) -> str:
    """UTF-8 text."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        refuse(f"{what} is not UTF-8: byte {error.start} cannot be read")


def json_of(content: bytes, what: str) -> dict[str, Any]:
    """A JSON object: of so many values, no key twice, finite numbers, shallow, every text plain."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
            refuse(f"{what}: the key {twice[:80]!r} is there twice")
        return made

    def short(number: str) -> str:
        if len(number) > DIGITS:
            refuse(f"{what}: a number has {len(number):,} digits; at most {DIGITS} are read")
        return number

    def finite(number: str) -> float:
        value = float(short(number))
        if not math.isfinite(value):
            refuse(f"{what}: the number {number} is not finite")
        return value

    text = text_of(content, what)
    if sum(map(text.count, "{[,:")) > VALUES:
        refuse(f"{what} holds more than {VALUES:,} values and keys")
    try:
        found = json.loads(
            text,
            object_pairs_hook=unique,
            parse_int=lambda number: int(short(number)),
            parse_float=finite,
            parse_constant=finite,
        )
    except RecursionError:
        refuse(f"{what} is nested deeper than {DEPTH} levels")
    except ValueError as error:
        refuse(f"{what} is not JSON: {error}")
    if not isinstance(found, dict):
        refuse(f"{what} is not a JSON object")
    _check_texts(found, what)
    return found


def _check_texts(found: object, what: str) -> None:
    """That nothing is nested too deep, and that every text is plain."""
    level = [found]
    for _ in range(DEPTH):
        below: list[object] = []
        for item in level:
            if isinstance(item, str):
                check_plain(item, what)
            elif isinstance(item, dict):
                below += [*item, *item.values()]
            elif isinstance(item, list):
                below += item
        level = below
    if level:
        refuse(f"{what} is nested deeper than {DEPTH} levels")


def check_plain(text: str, what: str) -> None:
    """That ``text`` is one short line of visible characters, without ``<`` and ``>``."""
    if len(text) > LENGTH:
        refuse(f"{what}: a text has {len(text):,} characters; at most {LENGTH:,} are read")
    if not is_plain(text):
        refuse(f"{what}: a text holds control characters, invisible or piled ones: {text[:80]!a}")
    if "<" in text or ">" in text:
        refuse(f"{what}: a text holds markup, < or >: {text[:80]!r}")


def model_of(kind: type[M], fields: Mapping[str, Any], what: str) -> M:
    """``fields`` as a model; the first mistake is named."""
    refuse_newer(fields, kind.model_fields["schema_version"].default, what)
    try:
        return kind.model_validate_json(json.dumps(fields))
    except ValidationError as error:
        refuse(f"{what}: {first_mistake(error)}")


def refuse_newer(fields: Mapping[str, Any], known: int, what: str) -> None:
    """Refuse a file whose ``schema_version`` is beyond the one ``known`` here."""
    version = fields.get("schema_version", known)
    if type(version) is int and version > known:
        refuse(
            f"{what}: schema_version: Input should be {known}; {version} was made by a newer "
            "version of weightbench"
        )


def arrays_of(content: bytes, longest: Mapping[str, int]) -> dict[str, NDArray[np.int64]]:
    """Predicted classes by name, (n,): exactly those expected, of at most so many examples."""
    try:
        arrays = unpack(content, longest, UNPACKED)
    except RecordError as error:
        refuse(f"{PREDICTIONS} {error}")
    for name, classes in arrays.items():
        if classes.dtype.kind != "u" or classes.dtype.itemsize == 8:
            refuse(f"{PREDICTIONS} holds {name}.npy, which is not a plain array of classes")
    return {name: classes.astype(np.int64) for name, classes in arrays.items()}
