"""A small part of ``make fuzz``, with inputs of its own kinds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.mutations import zipped
from tests.fuzz.readers import readers
from weightbench.errors import RecordError
from weightbench.records.archive import unpack

ROOT = Path(__file__).parents[2]


def asked(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *arguments], cwd=ROOT, text=True, capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_no_reader_is_broken_by_some_thousand_inputs() -> None:
    done = asked("3500")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in readers():
        kinds = {line.split()[1] for line in done.stdout.splitlines() if line.startswith(name)}
        assert kinds == {"accepted", "refused"}, name


@pytest.mark.parametrize("name", readers())
def test_honest_files_are_accepted(name: str) -> None:
    reader = readers()[name]
    reader.read(reader.honest)


HEADER = b"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (9,), }"
NINE = HEADER + b" " * (127 - len(HEADER)) + b"\n" + b"\1" * 9


def says(content: bytes, **longest: int) -> str:
    try:
        unpack(content, longest)
    except RecordError as error:
        return str(error)
    return ""


def test_an_archive_of_nine_is_read() -> None:
    assert says(zipped([(b"a.npy", NINE, {})]), a=9) == ""
    assert says(zipped([(b"a.npy", NINE, {})], kind=0), a=9) == ""
    assert list(unpack(zipped([(b"a.npy", NINE, {})]), {"a": 9})["a"]) == [1] * 9


LIES = {
    "less than it holds": ({"size": 100}, "no archive"),
    "more than it holds": ({"size": len(NINE) + 1}, "no archive"),
    "nothing": ({"size": 0}, "no archive"),
    "more than a record claims": ({"size": 2**20}, "bytes; an array of 9 entries belongs there"),
    "another checksum": ({"crc": 0}, "no archive"),
    "less packed data": ({"packed": 3}, "no archive"),
    "more packed data": ({"packed": 2**20}, "on top of one another"),
    "another place": ({"at": 9}, "no archive"),
    "a place outside": ({"at": 2**31}, "no archive"),
    "encryption": ({"flags": 1}, "encrypted"),
    "another packing": ({"kind": 14}, "packed in an unusual way"),
    "no packing": ({"kind": 0}, "no archive"),
}


@pytest.mark.parametrize("name", LIES)
def test_an_index_that_lies_is_refused(name: str) -> None:
    lies, reason = LIES[name]
    said = says(zipped([(b"a.npy", NINE, lies)]), a=9)
    assert reason in said or "which does not have the" in said, said


ODD = {
    "a type of objects": NINE.replace(b"|u1", b"|O8"),
    "another order": NINE.replace(b"False", b"True "),
    "two dimensions": NINE.replace(b"(9,)", b"(9,1)"),
    "a negative length": NINE.replace(b"(9,)", b"(-9,)"),
    "a length of 10^12": NINE.replace(b"(9,), }     ", b"(999999999999,), }"),
    "code": NINE.replace(b"False", b"exit()"),
    "no header": b"\1" * 9,
    "nothing": b"",
    "another version": NINE.replace(b"\x01\x00", b"\x03\x00", 1),
    "one entry less": NINE[:-1],
    "one entry more": NINE + b"\1",
    "signed classes": NINE.replace(b"|u1", b"|i1"),
    "big-endian ones": NINE.replace(b"|u1", b">u1"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_plain_array_is_refused(name: str) -> None:
    assert says(zipped([(b"a.npy", ODD[name], {})]), a=9).startswith("holds a.npy, which ")


def test_members_are_counted_before_the_index_is_read() -> None:
    many = zipped([(b"%d.npy" % i, b"", {}) for i in range(100)], kind=0)
    assert says(many, a=9) == "holds more than the 1 arrays that belong there"


def test_sizes_are_those_that_records_claim() -> None:
    content = zipped([(b"a.npy", NINE, {}), (b"b.npy", NINE + b"\0" * 10**6, {})])
    assert says(content, a=9, b=9).startswith("holds b.npy of 1,000,137 bytes; an array of 9")
    assert "which claims 9 entries" in says(content, a=9, b=10**6)
    with pytest.raises(RecordError, match="unpacks to more than 10 bytes"):
        unpack(content, {"a": 9, "b": 9}, 10)
