"""Arrays out of an npz that anybody may have written, bounded before and while it is unpacked."""

from __future__ import annotations

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightbench.errors import RecordError

Arrays = dict[str, NDArray[Any]]
TYPES = ("|b1", "|u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8")
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(.{3})', 'fortran_order': False, "
    rb"'shape': \((\d{1,12}),\), \} *\n",
    re.DOTALL,
)
_ENTRY, _BY_CHANCE = b"PK\x01\x02", 16  # starts an entry of the index; compressed data may hold it
_LONGEST_HEADER, _WIDEST, _CHUNK = 256, 8, 2**16
_UNREADABLE = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError,
    OverflowError, struct.error, zlib.error,
)  # fmt: skip


def unpack(
    content: bytes,
    longest: Mapping[str, int],
    total: int = 2**29,
    optional: Collection[str] = (),
) -> Arrays:
    """The arrays of an npz by name.

    Nothing is believed: members are counted before the index is read, claimed sizes are compared
    with what may be there before anything is unpacked, and a member is unpacked piece by piece, so
    that one which goes on beyond its claim is left there. Headers are matched, never evaluated.

    Args:
        content: of the file.
        longest: by name, how many entries an array has at most; no others may be there.
        total: bytes that all of it may unpack to.
        optional: the names that need not be there.

    Returns:
        Arrays of shape (n,), of one of ``TYPES``.

    Raises:
        RecordError: it is something else.
    """
    if content.count(_ENTRY) > len(longest) + _BY_CHANCE:
        raise RecordError(f"holds more than the {len(longest)} arrays that belong there")
    members = {f"{name}.npy": name for name in longest}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = archive.infolist()
            _check_members(infos, members, {f"{name}.npy" for name in optional})
            _check_sizes(infos, {file: longest[name] for file, name in members.items()}, total)
            if sum(info.compress_size for info in infos) > len(content):
                raise RecordError("holds arrays on top of one another")
            return {members[i.filename]: _array(_inflated(archive, i), i.filename) for i in infos}
    except _UNREADABLE as error:
        raise RecordError(f"is no archive that can be read: {error}") from None


def _check_members(
    infos: list[zipfile.ZipInfo], members: Mapping[str, str], optional: set[str]
) -> None:
    names = {info.filename for info in infos}
    for info in infos:
        if info.filename not in members:
            raise RecordError(f"holds {info.filename[:80]!r}, which belongs to no record")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise RecordError(f"holds {info.filename}, which is a link")
        if info.flag_bits & 1 or info.compress_type not in (0, 8):
            raise RecordError(f"holds {info.filename}, encrypted or packed in an unusual way")
    if len(names) < len(infos):
        raise RecordError("holds a name twice")
    if missing := set(members) - names - optional:
        raise RecordError(f"holds no {min(missing)}")


def _check_sizes(infos: list[zipfile.ZipInfo], longest: Mapping[str, int], total: int) -> None:
    if sum(info.file_size for info in infos) > total:
        raise RecordError(f"unpacks to more than {total:,} bytes")
    for info in infos:
        most = _LONGEST_HEADER + _WIDEST * longest[info.filename]
        if info.file_size > most:
            raise RecordError(
                f"holds {info.filename} of {info.file_size:,} bytes; an array of "
                f"{longest[info.filename]:,} entries belongs there"
            )


def _inflated(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """What a member holds, which must be as long as the index claims."""
    claimed = info.file_size
    info.file_size = left = claimed + 1  # zipfile cuts at the claim, and would not say that it did
    parts: list[bytes] = []
    with archive.open(info) as member:
        while part := member.read(min(left, _CHUNK)):
            parts.append(part)
            left -= len(part)
    if left != 1:
        raise RecordError(f"holds {info.filename}, which does not have the {claimed:,} bytes")
    return b"".join(parts)


def _array(content: bytes, name: str) -> NDArray[Any]:
    """The array of an npy file, (n,)."""
    header = _HEADER.match(content)
    kind = header[1].decode("latin-1") if header else ""
    if header is None or kind not in TYPES:
        raise RecordError(f"holds {name}, which is not a plain array")
    dtype, length = np.dtype(kind), int(header[2])
    body = memoryview(content)[header.end() :]
    if len(body) != length * dtype.itemsize:
        raise RecordError(f"holds {name}, which claims {length:,} entries and has others")
    return np.frombuffer(body, dtype)
