"""Running the real command line, as a user would."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

PLUGINS = Path(__file__).parent / "plugins"
TINY = f"{PLUGINS / 'tiny.py'}:TINY"


def broken(name: str) -> str:
    """The spec of a weighter that fails."""
    return f"{PLUGINS / 'broken.py'}:{name}"


def zoo(name: str) -> str:
    """The spec of a plug-in that breaks a rule, or of ``Uniform``, which breaks none."""
    return f"{PLUGINS / 'zoo.py'}:{name}"


class Started:
    """A process in a group of its own, as :class:`subprocess.Popen` has it.

    It is forked from one that has loaded torch already (:mod:`tests.zygote`).

    Attributes:
        pid: of the process and its group.
        returncode: as of ``Popen``; None while it runs.
    """

    def __init__(
        self, arguments: tuple[str, ...], stdout: int | None = None, cwd: Path | None = None
    ) -> None:
        with contextlib.ExitStack() as files:
            self._out = files.enter_context(tempfile.TemporaryFile()).fileno()
            self._err = files.enter_context(tempfile.TemporaryFile()).fileno()
            self._close = files.pop_all().close
        told, tell = os.pipe()
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        request = {"arguments": arguments, "env": env, "cwd": str(cwd or Path.cwd())}
        ours = [self._out if stdout is None else stdout, self._err, tell]
        socket.send_fds(_zygote(), [json.dumps(request).encode()], ours)
        os.close(tell)
        self._told = os.fdopen(told, "rb", buffering=0)
        self.pid = int(self._told.readline())
        self.returncode: int | None = None

    def __enter__(self) -> Started:
        return self

    def __exit__(self, *_: object) -> None:
        if self.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self.wait(60)
        self._close()
        self._told.close()

    def poll(self, timeout: float = 0) -> int | None:
        """The status, if it ends within ``timeout`` seconds."""
        if self.returncode is None and select.select([self._told], [], [], timeout)[0]:
            self.returncode = int(self._told.readline())
        return self.returncode

    def wait(self, timeout: float) -> None:
        """See it end within ``timeout`` seconds."""
        assert self.poll(timeout) is not None, self.said()

    def send_signal(self, kind: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, kind)

    def said(self) -> tuple[str, str]:
        """What it has printed so far, and what on standard error."""
        files = self._out, self._err
        out, err = (os.pread(file, os.fstat(file).st_size, 0).decode() for file in files)
        return out, err

    def communicate(self, timeout: float = 300) -> tuple[str, str]:
        """All that it prints, once it has ended."""
        self.wait(timeout)
        return self.said()


def start(*arguments: str) -> Started:
    """Start ``weightbench ARGUMENTS``."""
    return Started(("-m", "weightbench", *arguments))


def weightbench(
    *arguments: str, stdout: int | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``weightbench ARGUMENTS`` to its end; whatever it says, it is no traceback.

    Args:
        arguments: of the command.
        stdout: a file descriptor, where what it prints is not to be caught.
        cwd: where, if not here.
    """
    done = python("-m", "weightbench", *arguments, stdout=stdout, cwd=cwd)
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done


def python(
    *arguments: str, stdout: int | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``python ARGUMENTS`` to its end; they begin with ``-m`` or ``-c``.

    Args:
        arguments: of Python.
        stdout: a file descriptor, where what it prints is not to be caught.
        cwd: where, if not here.
    """
    with Started(arguments, stdout, cwd) as process:
        said, complained = process.communicate()
    code = process.returncode
    assert code is not None
    return subprocess.CompletedProcess(arguments, code, said, complained)


@functools.cache
def _zygote() -> socket.socket:
    """Where a process is asked that ends when this one does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.zygote", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=Path(__file__).parents[1],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
    ours.settimeout(300)
    atexit.register(process.wait)
    atexit.register(ours.close)  # before that: the last one comes first
    return ours


def evaluate(
    out: Path, *arguments: str, weighters: tuple[str, ...] = (), seeds: int = 1
) -> list[str]:
    """The arguments of an evaluation of ``weighters`` on the tiny task."""
    named = [item for weighter in weighters for item in ("--weighter", weighter)]
    return [
        "evaluate", "--task", TINY, *(named or ["--weighter", "uniform"]), "--seeds", str(seeds),
        "--out", str(out), "--workers", "2", *arguments,
    ]  # fmt: skip
