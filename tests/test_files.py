"""Files and folders are at their place whole, or not at all."""

from __future__ import annotations

import concurrent.futures
import os
from pathlib import Path

import pytest

from weightbench.errors import StoreError
from weightbench.files import is_portable, replacing, write_folder, write_text


def test_a_folder_is_there_with_all_of_its_files(tmp_path: Path) -> None:
    write_folder(tmp_path / "new" / "one", {"a": b"1", "b": b"2"})
    found = {path.name: path.read_bytes() for path in (tmp_path / "new" / "one").iterdir()}
    assert found == {"a": b"1", "b": b"2"}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["one"]


def test_half_a_folder_is_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot write"):
        write_folder(tmp_path / "one", {"a": b"1", "no/such/folder": b"2"})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_stays(tmp_path: Path) -> None:
    write_folder(tmp_path / "one", {"a": b"1"})
    with pytest.raises(StoreError, match="cannot write"):
        write_folder(tmp_path / "one", {"a": b"2"})
    assert (tmp_path / "one" / "a").read_bytes() == b"1"
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def write_half(path: Path) -> None:
    with replacing(path) as file:
        file.write(b"half of")
        _ = 1 // 0


def test_a_file_that_cannot_be_finished_is_as_it_was(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "before")
    with pytest.raises(ZeroDivisionError):
        write_half(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    """As --out /dev/stdout is, which a file must not take the place of."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        read = pool.submit(pipe.read_text)
        write_text(pipe, "through")
        assert read.result(timeout=10) == "through"
    assert pipe.is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


@pytest.mark.parametrize(
    "name",
    [
        "aux", "CON", "nul.txt", "com1", "lpt9.py", "prn .x", "a.", "a ", "a:b", "a*", "a?", "a|b",
        "", ".", "..", "a\n", "\x1b[31m", "é", "x" * 256, 'a"b', "a<b", "a\\b", "a/b",
    ],
)  # fmt: skip
def test_names_that_do_not_exist_everywhere(name: str) -> None:
    assert not is_portable(name)


@pytest.mark.parametrize("name", ["a", "auxiliary", "mine.py", "com", "com10", "a b", "x" * 255])
def test_names_that_exist_everywhere(name: str) -> None:
    assert is_portable(name)
