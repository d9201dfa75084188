"""Reading what a stranger wrote: bounded before it is parsed, plain text only, no links."""

from __future__ import annotations

import datetime
import io
import json
import math
import os
import re
import stat
import unicodedata
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from weightbench.errors import SubmissionError
from weightbench.records.strict import first_mistake
from weightbench.report.cells import plain

_PILED = re.compile(r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{3}")
M = TypeVar("M", bound=BaseModel)

DEPTH, UNPACKED = 12, 64 * 2**20
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '([|<]u[124])', 'fortran_order': False, "
    rb"'shape': \((\d{1,12}),\), \} *\n",
    re.DOTALL,
)


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
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        refuse(f"{path.name} is a link or cannot be read: {error.strerror}")
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            refuse(f"{path.name} is not a regular file")
        if found.st_size > limit:
            refuse(f"{path.name} has {found.st_size:,} bytes; at most {limit:,} are read")
        return file.read(limit)


def text_of(content: bytes, what: str) -> str:
    """UTF-8 text."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        refuse(f"{what} is not UTF-8: byte {error.start} cannot be read")


def json_of(content: bytes, what: str) -> dict[str, Any]:
    """A JSON object: no key twice, finite numbers, shallow, every text plain."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            refuse(f"{what}: the key {twice[:80]!r} is there twice")
        return made

    def finite(number: str) -> float:
        value = float(number)
        if not math.isfinite(value):
            refuse(f"{what}: the number {number[:40]} is not finite")
        return value

    text = text_of(content, what)
    try:
        found = json.loads(
            text, object_pairs_hook=unique, parse_float=finite, parse_constant=finite
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
    """That nothing is nested too deep, and that no text holds markup or control characters."""
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
    """That ``text`` is one printable line that stays in its line, without ``<`` and ``>``."""
    if not text.isprintable():
        refuse(f"{what}: a text holds control characters: {plain(text)[:80]!r}")
    if _PILED.search(unicodedata.normalize("NFC", text)):
        refuse(f"{what}: a text piles up accents: {ascii(text)[:80]}")
    if "<" in text or ">" in text:
        refuse(f"{what}: a text holds markup, < or >: {text[:80]!r}")


def model_of(kind: type[M], fields: Mapping[str, Any], what: str) -> M:
    """``fields`` as a model; the first mistake is named."""
    try:
        return kind.model_validate_json(json.dumps(fields))
    except ValidationError as error:
        refuse(f"{what}: {first_mistake(error)}")


def check_time(text: str, what: str) -> None:
    """That ``text`` is a time in ISO 8601 with its zone."""
    try:
        zone = datetime.datetime.fromisoformat(text).tzinfo
    except ValueError:
        zone = None
    if zone is None:
        refuse(f"{what}: {text[:40]!r} is not a time in ISO 8601 with its zone")


def arrays_of(content: bytes, expected: Collection[str]) -> dict[str, NDArray[np.int64]]:
    """The arrays of an npz by name: exactly those ``expected``, (n,) of unsigned integers.

    Sizes are looked at before anything is unpacked, and no claimed length is ever allocated.
    """
    what, members = "predictions.npz", {f"{name}.npy": name for name in expected}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = archive.infolist()
            _check_members(infos, members)
            return {members[i.filename]: _array(archive.read(i), i.filename) for i in infos}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        refuse(f"{what} is no archive that can be read: {error}")
    except (ValueError, OverflowError, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
        refuse(f"{what} is damaged: {error}")


def _check_members(infos: list[zipfile.ZipInfo], members: Collection[str]) -> None:
    what = "predictions.npz"
    if sum(info.file_size for info in infos) > UNPACKED:
        refuse(f"{what} unpacks to more than {UNPACKED:,} bytes")
    names = {info.filename for info in infos}
    for info in infos:
        if info.filename not in members:
            refuse(f"{what} holds {info.filename[:80]!r}, which belongs to no record")
        if stat.S_ISLNK(info.external_attr >> 16):
            refuse(f"{what}: {info.filename} is a link")
        if info.flag_bits & 1 or info.compress_type not in (0, 8):
            refuse(f"{what}: {info.filename} is encrypted or packed in an unusual way")
    if len(names) < len(infos):
        refuse(f"{what} holds a name twice")
    if len(names) < len(members):
        refuse(f"{what} holds no {min(set(members) - names)}")


def _array(content: bytes, name: str) -> NDArray[np.int64]:
    """An npy file, (n,) of unsigned integers; the header is matched, never evaluated."""
    header = _HEADER.match(content)
    if header is None:
        refuse(f"predictions.npz: {name} is not a plain array of predicted classes")
    dtype, length = np.dtype(header[1].decode()), int(header[2])
    body = memoryview(content)[header.end() :]
    if len(body) != length * dtype.itemsize:
        refuse(f"predictions.npz: {name} claims {length:,} predictions and holds others")
    return np.frombuffer(body, dtype).astype(np.int64)
