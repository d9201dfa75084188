"""Files written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from weightbench.errors import StoreError


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
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)
