"""What a pull request may change: it adds one submission, whole, and touches nothing else."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from weightbench.submission.manifest import LIMITS
from weightbench.submission.reading import read
from weightbench.submission.safe import refuse

FOLDER = PurePosixPath("leaderboard", "submissions")
FILES = 50_000
_CHUNK = 2**20


def added(before: Path, after: Path) -> Path:
    """The folder of the one submission that ``after`` has beyond ``before``.

    Both are checkouts; ``after`` may hold anything. It is looked at, never followed or run.

    Raises:
        SubmissionError: it changes or removes what was there, adds anything besides, or adds a
            submission that is none, or that names a weighter submitted already.
    """
    old, new = dict(_files(before)), dict(_files(after))
    for name, entry in old.items():
        if name not in new:
            refuse(f"{name} is removed; a submission only adds a folder of its own")
        if not _same(before / name, entry, after / name, new[name]):
            refuse(f"{name} is changed; a submission only adds a folder of its own")
    folders: set[PurePosixPath] = set()
    for name in set(new) - set(old):
        path = PurePosixPath(name)
        if path.parent.parent != FOLDER or path.name not in LIMITS:
            refuse(f"{name[:200]} does not belong to a submission")
        folders.add(path.parent)
    if len(folders) != 1:
        refuse(f"{len(folders)} submissions are added; one at a time")
    folder = after / folders.pop()
    _refuse_duplicates(folder)
    return folder


def _refuse_duplicates(folder: Path) -> None:
    weighter = read(folder).manifest.weighter
    for other in folder.parent.iterdir():
        if other.is_dir() and other != folder:
            taken = read(other).manifest.weighter
            if taken.casefold() == weighter.casefold():
                refuse(f"{taken} was submitted already, as {other.name}")


def _files(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Every file, link or other entry below ``root`` but its ``.git``, by relative name."""
    count, folders = 0, [root]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                count += 1
                if count > FILES:
                    refuse(f"there are more than {FILES:,} files")
                path, found = Path(entry.path), entry.stat(follow_symlinks=False)
                if path == root / ".git":
                    continue
                if stat.S_ISDIR(found.st_mode):
                    folders.append(path)
                else:
                    yield path.relative_to(root).as_posix(), found


def _same(one: Path, a: os.stat_result, other: Path, b: os.stat_result) -> bool:
    """Whether two entries are of one kind, mode and content."""
    if a.st_mode != b.st_mode or a.st_size != b.st_size:
        return False
    if stat.S_ISLNK(a.st_mode):
        return one.readlink() == other.readlink()
    with one.open("rb") as left, other.open("rb") as right:
        while chunk := left.read(_CHUNK):
            if chunk != right.read(_CHUNK):
                return False
    return True
