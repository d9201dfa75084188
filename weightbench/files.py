"""Files and folders written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from weightbench.errors import StoreError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of ``path`` once it is on the disk, whole.

    Raises:
        OSError: the disk refuses; what was there before is as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Make ``folder`` with files of these names and contents: all of it at its place, or nothing.

    Raises:
        StoreError: the disk refuses.
    """
    half = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
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
    """Put ``content`` at ``path``; see :func:`write_text`.

    Raises:
        StoreError: the disk refuses.
    """
    try:
        with replacing(path) as file:
            file.write(content)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error
