"""Ray that is started for an evaluation is reached from this machine alone."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shell import evaluate
from weightbench.errors import ExecutorError
from weightbench.execution.cluster import connected

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]

_LISTENING = "0A"
_LOOPBACK = ("0100007F", "0" * 24 + "01000000", "0000000000000000FFFF00000100007F")


def beyond_loopback() -> dict[str, str]:
    """Addresses, as the kernel writes them, of sockets that others can connect to, by inode."""
    lines = [
        line.split()
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        if Path(table).exists()
        for line in Path(table).read_text().splitlines()[1:]
    ]
    return {
        line[9]: line[1]
        for line in lines
        if line[3] == _LISTENING and line[1].partition(":")[0] not in _LOOPBACK
    }


def sockets_of(tag: str) -> set[str]:
    """Inodes of the sockets of every process that has ``tag`` in its environment."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if tag.encode() in (process / "environ").read_bytes():
                found |= {os.readlink(fd) for fd in (process / "fd").iterdir()}  # noqa: PTH115
        except OSError:
            continue  # it has just ended
    return {link[len("socket:[") : -1] for link in found if link.startswith("socket:[")}


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A tag in the environment of what is started here, which finds no other Ray."""
    tag = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as folder:  # sockets need short paths
        monkeypatch.setenv("RAY_TMPDIR", folder)
        monkeypatch.setenv("RAY_AUTH_TOKEN", tag * 2)
        monkeypatch.setenv("RAY_worker_niceness", "0")  # or workers wait for all other tests
        monkeypatch.delenv("RAY_ADDRESS", raising=False)
        yield tag


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_nobody_from_elsewhere_reaches_it(tmp_path: Path, alone: str) -> None:
    pytest.importorskip("ray")
    command = evaluate(tmp_path / "runs")
    asked = ["-m", "weightbench", *command[: command.index("--workers")], "--executor", "ray"]
    open_ones: dict[str, str] = {}
    # A new interpreter: of a fork, /proc shows the environment that it was forked from.
    with subprocess.Popen(
        [sys.executable, *asked],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        while process.poll() is None:
            listening = beyond_loopback()
            own = sockets_of(alone)
            open_ones |= {inode: listening[inode] for inode in own & listening.keys()}
            time.sleep(0.3)
        assert process.returncode == 0, process.communicate()
    assert open_ones == {}
    assert len(list((tmp_path / "runs" / "records").iterdir())) == 2


def test_a_ray_that_asks_for_no_token_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(ray, "__version__", "2.58.1")
    says = r"this is Ray 2\.58\.1.*install 2\.59 or newer"
    with pytest.raises(ExecutorError, match=says), connected("127.0.0.1:1"):
        pass
