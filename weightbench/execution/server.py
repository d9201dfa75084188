"""The server that workers are forked from: where its sockets are, and what it has loaded."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.util
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from weightbench.errors import ExecutorError

# Where the system has no such server, every worker is an interpreter of its own.
METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"

_SOCKET = 103  # bytes that the path of a socket may have; on Linux 107
_MULTIPROCESSING = len("/pymp-12345678/listener-12345678")
SAFE_PATH = "PYTHONSAFEPATH"  # known to Python from 3.11 on
_starting = threading.Lock()


def prepare(context: Any, preload: Sequence[str]) -> None:
    """Have the server of multiprocessing's ``context`` load modules, which the first call decides.

    Without a safe path it loads none: workers, who are told where modules are, load them each.
    """
    if METHOD == "forkserver":
        context.set_forkserver_preload(list(preload) if sys.version_info >= (3, 11) else [])
        _make_folder_of_sockets()


@contextlib.contextmanager
def safe_path() -> Iterator[None]:
    """Have a server that is started here look for no module in the working directory.

    It would take a ``torch.py`` or a checkout's ``weightbench`` there for what this process has.
    """
    with _starting:
        before = os.environ.get(SAFE_PATH)
        os.environ[SAFE_PATH] = "1"
        try:
            yield
        finally:
            restore_path(before)


def restore_path(before: str | None) -> None:
    """Have what this process starts, or a job in a worker, look for modules as the user has set."""
    if before is None:
        os.environ.pop(SAFE_PATH, None)
    else:
        os.environ[SAFE_PATH] = before


def _make_folder_of_sockets() -> None:
    """Have multiprocessing make its folder, once for this process, where sockets may be."""
    usual, tempfile.tempdir = tempfile.gettempdir(), short_folder(_MULTIPROCESSING)
    try:
        multiprocessing.util.get_temp_dir()
    finally:
        tempfile.tempdir = usual


def short_folder(more: int) -> str:
    """The folder of temporary files, or another where its name is too long for sockets.

    Args:
        more: how many bytes what is put into it adds to the name of a socket.

    Raises:
        ExecutorError: no folder will do.
    """
    places = [tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"]
    for place in places:
        room = _SOCKET - more - len(os.fsencode(place))
        if room >= 0 and os.access(place, os.W_OK | os.X_OK):
            return place
    raise ExecutorError(f"{places[0]} is too long a name for sockets; set TMPDIR to a shorter one")
