"""Running the real command line, as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
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


def weightbench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``weightbench ARGUMENTS`` to its end; whatever it says, it is no traceback."""
    with start(*arguments) as process:
        out, err = process.communicate(timeout=300)
    assert "Traceback" not in out + err, err
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def evaluate(
    out: Path, *arguments: str, weighters: tuple[str, ...] = (), seeds: int = 1
) -> list[str]:
    """The arguments of an evaluation of ``weighters`` on the tiny task."""
    named = [item for weighter in weighters for item in ("--weighter", weighter)]
    return [
        "evaluate", "--task", TINY, *(named or ["--weighter", "uniform"]), "--seeds", str(seeds),
        "--out", str(out), "--workers", "2", *arguments,
    ]  # fmt: skip
