"""What a pull request may change: it adds one submission, whole, and touches nothing else.

Looked at twice. What would be merged is the raw difference of two commits: there a link to another
repository, a mode and what a filter makes of a file can be seen, which a checkout hides. What was
verified are the files of the checkout. Both must be the same files.
"""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from weightbench.errors import SubmissionError
from weightbench.submission.manifest import LIMITS
from weightbench.submission.reading import manifest_of, read
from weightbench.submission.safe import content_of, refuse

FOLDER = PurePosixPath("leaderboard", "submissions")
FILES = 50_000
_CHUNK = 2**20


def added(before: Path, after: Path) -> Path:
    """The folder of the one submission that ``after`` has beyond ``before``.

    Both are checkouts; ``after`` may hold anything. It is looked at, never followed or run. Where
    it is a git repository, its head is the pull request merged into its first parent.

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
        if not _belongs(path):
            refuse(f"{name[:200]} does not belong to a submission")
        if not stat.S_ISREG(new[name].st_mode) or new[name].st_mode & 0o111:
            refuse(f"{name[:200]} is no plain file, but a folder, a link or a program")
        folders.add(path.parent)
    if len(folders) != 1:
        refuse(f"{len(folders)} submissions are added; one at a time")
    folder = after / folders.pop()
    if _is_repository(after):
        _check_merged(after, folder)
    _refuse_duplicates(folder)
    return folder


def _belongs(path: PurePosixPath) -> bool:
    return path.parent.parent == FOLDER and path.name in LIMITS


def _is_repository(checkout: Path) -> bool:
    git = checkout / ".git"
    return git.is_file() or (git / "HEAD").is_file()


def _check_merged(checkout: Path, folder: Path) -> None:
    """That the head adds to its first parent the files of ``folder``, and nothing else."""
    left = {f"{folder.relative_to(checkout).as_posix()}/{name}" for name in LIMITS}
    for name, kind, mode, blob in _raw_changes(checkout):
        if name not in left:
            refuse(f"{name[:200]} is changed or added, and does not belong to the submission")
        if (kind, mode) != ("A", "100644"):
            refuse(f"{name[:200]} is added as {kind} {mode}, not as a new plain file")
        content = content_of(checkout / name, LIMITS[PurePosixPath(name).name])
        algorithm = "sha1" if len(blob) == 40 else "sha256"
        if hashlib.new(algorithm, b"blob %d\0" % len(content) + content).hexdigest() != blob:
            refuse(f"{name[:200]} is not the file that would be merged; a filter changed it")
        left.remove(name)
    if left:
        refuse(f"{min(left)} is not what would be merged")


def _raw_changes(checkout: Path) -> Iterator[tuple[str, str, str, str]]:
    """Name, kind, new mode and new content's name of all that the head changes."""
    command = ["git", "--no-replace-objects", f"--git-dir={checkout / '.git'}"]
    command += ["diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", "HEAD^1", "HEAD"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as git:
        assert git.stdout is not None
        told = git.stdout.read(_CHUNK)
        git.stdout.close()
        if git.wait() != 0 or len(told) == _CHUNK:
            refuse("git does not say what the pull request changes, or it changes too much")
    fields = told.decode("utf-8", "surrogateescape").split("\0")[:-1]
    for about, name in zip(fields[::2], fields[1::2], strict=True):
        _, mode, _, blob, kind = about.split(" ")
        yield name, kind, mode, blob


def _refuse_duplicates(folder: Path) -> None:
    weighter = read(folder).manifest.weighter
    for other in folder.parent.iterdir():
        try:
            taken = manifest_of(other).weighter if other != folder else ""
        except SubmissionError:  # it is shown nowhere, and takes no name
            continue
        if taken.casefold() == weighter.casefold():
            refuse(f"{taken} was submitted already, as {other.name}")


def _files(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Every file, link, empty folder or other entry below ``root`` but its ``.git``, by name."""
    count, folders = 0, [root]
    while folders:
        folder, empty = folders.pop(), True
        with os.scandir(folder) as entries:
            for entry in entries:
                count, empty = count + 1, False
                if count > FILES:
                    refuse(f"there are more than {FILES:,} files")
                path, found = Path(entry.path), entry.stat(follow_symlinks=False)
                if path == root / ".git":
                    continue
                if stat.S_ISDIR(found.st_mode):
                    folders.append(path)
                else:
                    yield path.relative_to(root).as_posix(), found
        if empty and folder != root:  # what a checkout makes of a link to another repository
            yield folder.relative_to(root).as_posix(), folder.lstat()


def _same(one: Path, a: os.stat_result, other: Path, b: os.stat_result) -> bool:
    """Whether two entries are of one kind, mode and content."""
    if a.st_mode != b.st_mode:
        return False
    if stat.S_ISDIR(a.st_mode):  # both are empty
        return True
    if a.st_size != b.st_size:
        return False
    if stat.S_ISLNK(a.st_mode):
        return one.readlink() == other.readlink()
    with one.open("rb") as left, other.open("rb") as right:
        while chunk := left.read(_CHUNK):
            if chunk != right.read(_CHUNK):
                return False
    return True
