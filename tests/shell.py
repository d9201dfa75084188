"""Running the real command line, as a user would."""

from __future__ import annotations

import atexit
import functools
import json
import os
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


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start ``weightbench ARGUMENTS`` in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "weightbench", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


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

    Its process is forked from one that has loaded torch already (:mod:`tests.zygote`).

    Args:
        arguments: of Python.
        stdout: a file descriptor, where what it prints is not to be caught.
        cwd: where, if not here.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        request = {"arguments": arguments, "env": env, "cwd": str(cwd or Path.cwd())}
        files = [out.fileno() if stdout is None else stdout, err.fileno()]
        _, asked = _zygote()
        socket.send_fds(asked, [json.dumps(request).encode()], files)
        code = int(asked.recv(100))
        out.seek(0), err.seek(0)
        said, complained = out.read().decode(), err.read().decode()
    return subprocess.CompletedProcess(arguments, code, said, complained)


@functools.cache
def _zygote() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """A process, which ends when this one does, and where it is asked."""
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
    return process, ours


def evaluate(
    out: Path, *arguments: str, weighters: tuple[str, ...] = (), seeds: int = 1
) -> list[str]:
    """The arguments of an evaluation of ``weighters`` on the tiny task."""
    named = [item for weighter in weighters for item in ("--weighter", weighter)]
    return [
        "evaluate", "--task", TINY, *(named or ["--weighter", "uniform"]), "--seeds", str(seeds),
        "--out", str(out), "--workers", "2", *arguments,
    ]  # fmt: skip
