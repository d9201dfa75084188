"""What trials need on another machine: plug-in files, leave to download, a shared folder."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import platform
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import platformdirs

from weightbench.errors import StoreError
from weightbench.execution import Lost
from weightbench.files import write_bytes
from weightbench.records.schema import Trial
from weightbench.registry import is_file_spec, read_files, replace_file
from weightbench.spec import parse_spec

J = TypeVar("J")
R = TypeVar("R")


@dataclasses.dataclass(frozen=True)
class RemoteFiles:
    """Read where the evaluation was started, put in place where a trial runs.

    Attributes:
        files: for each plug-in file, by its path as it was given, its content and then that of the
            files beside it that it imports, by their paths from its folder on.
        download: ``WEIGHTBENCH_DOWNLOAD``, whether data sets may be downloaded.
        shared: a folder that is to be there on every machine; None where there is none.
    """

    files: dict[str, dict[str, bytes]]
    download: str
    shared: Path | None

    @classmethod
    def of(cls, trials: Iterable[Trial], shared: Path | None = None) -> RemoteFiles:
        """What ``trials`` need.

        Raises:
            BadSpec: a file is gone.
        """
        names = {parse_spec(spec).name for trial in trials for spec in (trial.task, trial.weighter)}
        files = dict(map(read_files, sorted(filter(is_file_spec, names))))
        return cls(files, os.environ.get("WEIGHTBENCH_DOWNLOAD", ""), shared)

    def put_in_place(self) -> None:
        """Have all of it here, in this process.

        Raises:
            StoreError: a folder cannot be written.
        """
        if self.shared is not None and not os.access(self.shared, os.W_OK):
            raise StoreError(f"{platform.node()} cannot write to {self.shared}")
        for path_text, contents in self.files.items():
            if not _holds(Path(path_text).expanduser().resolve().parent, contents):
                replace_file(path_text, _copy_of(contents))
        if self.download:
            os.environ["WEIGHTBENCH_DOWNLOAD"] = self.download


def _copy_of(contents: Mapping[str, bytes]) -> Path:
    """The first of some files, all of them in a folder of their own in the user's cache folder."""
    digest = hashlib.sha256()
    for name, content in sorted(contents.items()):
        digest.update(f"{name} {len(content)} ".encode() + content)
    folder = platformdirs.user_cache_path("weightbench") / "plugins" / digest.hexdigest()
    if not _holds(folder, contents):
        for name, content in contents.items():
            write_bytes(folder / name, content)
    return folder / next(iter(contents))


def _holds(folder: Path, contents: Mapping[str, bytes]) -> bool:
    try:
        return all((folder / name).read_bytes() == content for name, content in contents.items())
    except OSError:
        return False


def with_files(job: J, work: Callable[[J], R], lost: Lost[J, R], files: RemoteFiles) -> R:
    """``work(job)`` on whatever machine this is, or what is lost where it lacks something."""
    try:
        files.put_in_place()
    except StoreError as error:
        return lost(job, "error", str(error))
    return work(job)
