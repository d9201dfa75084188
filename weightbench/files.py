"""Files and folders written whole or not at all, and read without following a link."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from weightbench.errors import RecordError, StoreError

# Names that Windows keeps for devices, in any folder and with any ending.
_DEVICES = {"aux", "con", "nul", "prn"} | {f"{p}{i}" for p in ("com", "lpt") for i in range(10)}


def is_portable(name: str) -> bool:
    """Whether every file system takes a file of this name, and shows it under the same."""
    stem = name.partition(".")[0].strip().lower()
    odd = any(c in '<>:"/\\|?*' or not " " <= c <= "~" for c in name)
    return (
        bool(stem) and len(name) < 256 and stem not in _DEVICES and not odd and name[-1] not in ". "
    )


def read_regular(path: str | os.PathLike[str], limit: int) -> bytes:
    """The content of a regular file of at most ``limit`` bytes; a link is not followed.

    Raises:
        RecordError: it is something else, or cannot be read.
    """
    name = os.path.basename(path)  # noqa: PTH119 - paths cost more than reading
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | flags), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise RecordError(f"{name} is not a regular file")
            if found.st_size > limit:
                raise RecordError(f"{name} has {found.st_size:,} bytes; at most {limit:,} are read")
            return file.read(found.st_size)  # room for all of it is made at once
    except OSError as error:
        raise RecordError(f"{name} is a link or cannot be read: {error.strerror}") from error


def move_aside(path: Path, target: Path) -> Path:
    """Move ``path``, whatever it is, to ``target``, or where that is taken to ``target.1`` ...

    Raises:
        OSError: the disk refuses, or there is no ``path``.
    """
    place, taken = target, 0
    while os.path.lexists(place):
        taken += 1
        place = target.with_name(f"{target.name}.{taken}")
    path.rename(place)
    return place


@contextlib.contextmanager
def replacing(path: Path, lasting: bool = True) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of ``path`` once it is on the disk, whole.

    Args:
        path: the place.
        lasting: whether it is to outlive a power cut; what can be made again need not.

    Raises:
        OSError: the disk refuses; what was there before is as it was.
    """
    temporary = _beside(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary.open("xb") as file:  # a name that is taken, by a link above all, is left
            yield file
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    """A hidden name beside ``path`` that nobody can have taken beforehand."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")


def write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Make ``folder`` with files of these names and contents: all of it at its place, or nothing.

    Raises:
        StoreError: the disk refuses.
    """
    half = _beside(folder)
    try:
        half.mkdir(parents=True)
        for name, content in contents.items():
            (half / name).write_bytes(content)
        half.rename(folder)
    except OSError as error:
        raise StoreError(f"cannot write {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(half, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Put ``text`` at ``path`` in UTF-8; what was there before stays where the disk refuses.

    Raises:
        StoreError: the disk refuses.
    """
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path``; see :func:`write_text`. A device or a pipe is written to.

    Raises:
        StoreError: the disk refuses.
    """
    try:
        with path.open("wb") if _is_stream(path) else replacing(path) as file:
            file.write(content)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error


def _is_stream(path: Path) -> bool:
    """Whether it is a device or a pipe, such as /dev/stdout, which no file may replace."""
    return Path("/dev") in path.absolute().parents or (path.exists() and not path.is_file())
