"""Where and with what a number was made."""

from __future__ import annotations

import datetime
import functools
import importlib.metadata
import platform
import subprocess
from pathlib import Path

import torch

from weightbench._version import __version__
from weightbench.records.schema import Provenance

_PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "higher")


def provenance(device: str) -> Provenance:
    """Packages, commit and machine of this process."""
    commit, dirty = _checkout()
    return Provenance(
        packages=_versions(),
        commit=commit,
        dirty=dirty,
        machine=_machine(device)[:300],
        threads=torch.get_num_threads(),
    )


def utc_now() -> str:
    """The time of a record, ISO 8601."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


@functools.cache
def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "weightbench": __version__}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


@functools.cache
def _checkout() -> tuple[str | None, bool]:
    """Commit of the checkout this package runs from, and whether tracked files differ from it."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None, False
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit, bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None, False


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout.strip()


@functools.cache
def _machine(device: str) -> str:
    if device.startswith("cuda") and torch.cuda.is_available():
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
