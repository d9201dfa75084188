"""What trials need on another machine: plug-in files, leave to download, a shared folder."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import platform
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import platformdirs

from weightbench.errors import StoreError
from weightbench.execution import Lost
from weightbench.files import write_bytes
from weightbench.records.schema import Trial
from weightbench.registry import is_file_spec, read_file, stand_in
from weightbench.spec import parse

J = TypeVar("J")
R = TypeVar("R")


@dataclasses.dataclass(frozen=True)
class RemoteFiles:
    """Read where the evaluation was started, put in place where a trial runs.

    Attributes:
        files: contents of plug-in files, by their path as it was given.
        download: ``WEIGHTBENCH_DOWNLOAD``, whether data sets may be downloaded.
        shared: a folder that is to be there on every machine; None where there is none.
    """

    files: dict[str, bytes]
    download: str
    shared: Path | None

    @classmethod
    def of(cls, trials: Iterable[Trial], shared: Path | None = None) -> RemoteFiles:
        """What ``trials`` need.

        Raises:
            BadSpec: a file is gone.
        """
        names = {parse(spec).name for trial in trials for spec in (trial.task, trial.weighter)}
        files = dict(map(read_file, sorted(filter(is_file_spec, names))))
        return cls(files, os.environ.get("WEIGHTBENCH_DOWNLOAD", ""), shared)

    def put_in_place(self) -> None:
        """Have all of it here, in this process.

        Raises:
            StoreError: a folder cannot be written.
        """
        if self.shared is not None and not os.access(self.shared, os.W_OK):
            raise StoreError(f"{platform.node()} cannot write to {self.shared}")
        for path_text, content in self.files.items():
            if not _holds(Path(path_text).expanduser(), content):
                stand_in(path_text, _copy_of(path_text, content))
        if self.download:
            os.environ["WEIGHTBENCH_DOWNLOAD"] = self.download


def _copy_of(path_text: str, content: bytes) -> Path:
    """A file of that name and content in the user's cache folder."""
    digest = hashlib.sha256(content).hexdigest()
    cache = platformdirs.user_cache_path("weightbench")
    copy = cache / "plugins" / digest / Path(path_text).name
    if not _holds(copy, content):
        write_bytes(copy, content)
    return copy


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def with_files(job: J, work: Callable[[J], R], lost: Lost[J, R], files: RemoteFiles) -> R:
    """``work(job)`` on whatever machine this is, or what is lost where it lacks something."""
    try:
        files.put_in_place()
    except StoreError as error:
        return lost(job, "error", str(error))
    return work(job)
