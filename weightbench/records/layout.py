"""A folder of records on a disk: how it is known, and which names in it are of our making.

Nobody but us writes under these names, so that whatever else lies in a folder is nobody's business
here: it is neither read nor moved nor deleted. No link is followed below the folder itself.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from weightbench.errors import NewerRecord, RecordError, StoreError
from weightbench.files import read_regular
from weightbench.records.schema import BYTES, read_record

MARKER: Final = "weightbench-store.json"
VERSION: Final = 1  # of the folder: which names it has, and what they mean
KINDS: Final = ("records", "predictions", "weights", "costs")
ARRAYS: Final = ("predictions", "weights")
_AT_WORK = 60.0  # seconds within which a writer finishes what it started
_FOLDERS = (*KINDS, "unfinished", "damaged")
# What a board is published with, beside its records and before there are any.
_OF_A_BOARD = (
    "README.md", "__init__.py", "anchors.json", "board.json", "figures", "index.html",
    "submissions",
)  # fmt: skip
_NAMES = {
    **dict.fromkeys(("records", "costs"), re.compile(r"[0-9a-f]{32}\.json")),
    **dict.fromkeys(ARRAYS, re.compile(r"[0-9a-f]{32}\.npz")),
    "unfinished": re.compile(r"[0-9a-f]{32}\.pt"),
}
_UNFIT = re.compile(r"[0-9a-f]{32}\.pt\.unfit(\.\d+)?")  # a state that no training fitted
_HALF = re.compile(r"\.[0-9a-z-]+\.(json|npz|pt)\.\d+(-[0-9a-f]+)?\.tmp|\.probe-\w+")


def own_folder(root: Path, name: str) -> Path:
    """A folder of ours inside ``root``, which may not be there yet.

    Raises:
        StoreError: a link has its name.
    """
    path = root / name
    if path.is_symlink():
        raise StoreError(f"{path} is a link, and inside a folder of records none is followed")
    return path


def stems(root: Path, kind: str) -> set[str]:
    """The keys of trials that have a file of a kind, which may be good or bad.

    Raises:
        StoreError: a link has the name of the kind's folder.
    """
    folder, own = own_folder(root, kind), _NAMES[kind]
    if not folder.is_dir():
        return set()
    names = os.listdir(folder)  # noqa: PTH208 - paths cost more than reading
    return {name[:32] for name in names if own.fullmatch(name)}


def marker() -> bytes:
    """What the marker holds."""
    fields = {"weightbench": "a folder of records", "version": VERSION}
    return json.dumps(fields, indent=1).encode() + b"\n"


def is_marked(root: Path) -> bool:
    """Whether ``root`` has the marker.

    Raises:
        StoreError: a newer version of weightbench wrote it.
    """
    try:
        fields = json.loads(read_regular(root / MARKER, 10_000))
    except (RecordError, ValueError, RecursionError):
        return False
    version = fields.get("version") if isinstance(fields, dict) else None
    if type(version) is not int:
        return False
    if version > VERSION:
        raise StoreError(
            f"{root} was made by a newer version of weightbench; nothing in it was changed: "
            "upgrade, or use another folder"
        )
    return version == VERSION


def is_store(root: Path) -> bool:
    """Whether ``root`` is a folder of records.

    It has the marker; or, as older versions wrote none, nothing at all under names that are not
    ours, or a record that was written by weightbench.

    Raises:
        StoreError: a newer version of weightbench made it, or a link is in the way.
    """
    return is_marked(root) or _has_only_ours(root) or _has_record(root)


def is_empty(root: Path) -> bool:
    """Whether there is nothing in ``root`` but what an evaluation at work may be writing."""
    return not _names_in(root)


def may_become_store(root: Path) -> bool:
    """Whether ``root`` is empty, or holds a board that has no records yet."""
    return set(_names_in(root)) <= set(_OF_A_BOARD)


def check_is_store(root: Path) -> None:
    """Refuse a folder that is not known to be one of records.

    Raises:
        StoreError: it is not, or not one that this version may change.
    """
    if not is_store(root):
        raise StoreError(
            f"{root} is no folder of records: it has neither {MARKER} nor a record that "
            "weightbench wrote; nothing in it was changed"
        )


def _has_record(root: Path) -> bool:
    for stem in sorted(stems(root, "records")):
        try:
            read_record(read_regular(root / "records" / f"{stem}.json", BYTES))
        except NewerRecord:
            pass
        except RecordError:
            continue
        return True
    return False


def _has_only_ours(root: Path) -> bool:
    """What an older version leaves that is stopped before its first record."""
    own = [name for name in _names_in(root) if name not in _OF_A_BOARD]
    return bool(own) and all(name in _FOLDERS and _is_ours(root / name) for name in own)


def _names_in(root: Path) -> list[str]:
    return [name for name in os.listdir(root) if not _HALF.fullmatch(name)]  # noqa: PTH208


def _is_ours(folder: Path) -> bool:
    if folder.is_symlink() or not folder.is_dir():
        return False
    own = _NAMES.get(folder.name)
    names = os.listdir(folder)  # noqa: PTH208
    return own is None or all(own.fullmatch(name) or _HALF.fullmatch(name) for name in names)


def half_written(root: Path) -> Iterator[Path]:
    """Files that writers left behind when they died, and states that no training could use.

    Younger ones than a minute may belong to a writer at work and are not counted.
    """
    for folder in (root, *(own_folder(root, name) for name in _NAMES)):
        if folder.is_dir():
            yield from sorted(path for path in _plain_files(folder) if _is_left(path))


def _is_left(path: Path) -> bool:
    unfit = path.parent.name == "unfinished" and _UNFIT.fullmatch(path.name)
    return bool(unfit or _HALF.fullmatch(path.name)) and is_old(path)


def _plain_files(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        yield from (Path(entry.path) for entry in entries if entry.is_file(follow_symlinks=False))


def is_old(path: Path) -> bool:
    """Whether no writer that is still at work can have begun ``path``."""
    try:
        return path.lstat().st_mtime < time.time() - _AT_WORK
    except FileNotFoundError:
        return False  # its writer has just ended
