"""Wrong versions of honest files: of their bytes, of their JSON, of their archives."""

from __future__ import annotations

import copy
import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from weightbench.records.schema import _seal

# What breaks readers: edges of numbers, texts that steer, and words of the formats themselves.
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**53, 2**53 + 1, 2**64, 10**40, 10**400, -0.0, 0.5, 1.5,
    1e-308, 5e-324, 1e308, -1e308, "", " ", "0", "NaN", "x" * 301, "x" * 5000, "\0", "\n::error::x",
    "\x1b[2J", "\u202e", "\u200b", "\u3164", "a\u0301\u0301\u0301", "\ud800", "=1+1", "<b>", "../x",
    "ab" * 16, "ab" * 32, "9999-12-31T23:59:59+00:00", "2026-01-01T00:00:00+00:00", [], {}, [[]],
    [None] * 300, {"": 0}, {"a": {"b": {"c": {"d": {}}}}}, {str(i): i for i in range(60)},
)  # fmt: skip
WORDS = (
    b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"\x93NUMPY", b"NaN", b"1e999", b"9" * 60,
    b"\\ud800", b"\xff", b"\0", b"[" * 40, b'{"a":', b'"', b",", b"'descr': '|O'", b"(9999999999,)",
)  # fmt: skip


def of_bytes(content: bytes, rng: random.Random) -> bytes:
    """Some bytes flipped, cut out, doubled, or replaced by a word of the formats."""
    made = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at, end = sorted((rng.randrange(len(made) + 1), rng.randrange(len(made) + 1)))
        end = min(end, at + rng.choice((1, 4, 64, 4096)))
        match rng.randrange(5):
            case 0 if made:
                made[at % len(made)] = rng.randrange(256)
            case 1:
                del made[at:end]
            case 2:
                made[at:at] = made[at:end]
            case 3:
                made[at:end] = rng.choice(WORDS)
            case _:
                made[at:at] = rng.choice(WORDS)
    return bytes(made)


def of_json(content: bytes, rng: random.Random) -> bytes:
    """Some values replaced, moved, renamed or left out, and every seal made right again."""
    found = json.loads(content)
    for _ in range(rng.choice((1, 1, 1, 3))):
        _edit(rng.choice(_containers(found)), rng)
    if rng.random() < 0.9:
        _reseal(found)
    return json.dumps(found).encode()


def _containers(found: Any) -> list[Any]:
    """Every dictionary and list inside, that itself among them."""
    inside, ahead = [], [found]
    while ahead:
        one = ahead.pop()
        if isinstance(one, dict | list):
            inside.append(one)
            ahead += one.values() if isinstance(one, dict) else one[:20]
    return inside


def _edit(inside: Any, rng: random.Random) -> None:
    places = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
    if not places:
        return
    place, other = rng.choice(places), rng.choice(places)
    match rng.randrange(5):
        case 0:
            del inside[place]
        case 1:
            inside[place] = inside[other]
        case 2 if isinstance(inside, dict):
            inside[str(rng.choice(ODD))[:400]] = inside[place]
        case _:
            inside[place] = copy.deepcopy(rng.choice(ODD))


def _reseal(found: Any) -> None:
    for one in _containers(found):
        if isinstance(one, dict) and "sha256" in one:
            del one["sha256"]
            one["sha256"] = _seal(one)


Member = tuple[bytes, bytes, dict[str, int]]  # name, content, what its index claims besides


def of_archive(content: bytes, rng: random.Random) -> bytes:
    """Members changed, doubled, renamed or left out, and an index that lies about them."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members: list[Member] = [(n.encode(), archive.read(n), {}) for n in archive.namelist()]
    for _ in range(rng.choice((1, 1, 3))):
        if members:
            _edit_member(members, rng.randrange(len(members)), rng)
    return zipped(members, rng.choice((0, 8)))


def _edit_member(members: list[Member], i: int, rng: random.Random) -> None:
    name, content, claims = members[i]
    edits: Sequence[Callable[[], object]] = (
        lambda: members.pop(i),
        lambda: members.append(members[i]),
        lambda: members.__setitem__(i, (of_bytes(name, rng)[:9999], content, claims)),
        lambda: members.__setitem__(i, (name, of_bytes(content, rng), claims)),
        lambda: members.__setitem__(i, (name, content + b"\0" * rng.choice((1, 10**6)), claims)),
        lambda: members.__setitem__(i, (name, content, {**claims, **_lie(len(content), rng)})),
    )
    rng.choice(edits)()


def _lie(size: int, rng: random.Random) -> dict[str, int]:
    name = rng.choice(("size", "packed", "crc", "flags", "kind", "at"))
    return {name: rng.choice((0, 1, abs(size - 1), size + 1, 2**16 - 1)) % 2**16}


def zipped(members: Sequence[Member], kind: int = 8) -> bytes:
    """An archive of members, whose index says what it is told to say."""
    body, index, at = [], [], 0
    for name, content, lies in members:
        packed = content
        if kind == 8:
            deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
            packed = deflate.compress(content) + deflate.flush()
        claims = {"size": len(content), "packed": len(packed), "crc": zlib.crc32(content)}
        claims |= {"flags": 0, "kind": kind, "at": at, **lies}
        head = struct.pack(
            "<5H3I2H", 20, claims["flags"], claims["kind"], 0, 33, claims["crc"],
            claims["packed"], claims["size"], len(name), 0,
        )  # fmt: skip
        index += [b"PK\1\2", struct.pack("<H", 20), head]
        index += [struct.pack("<3H2I", 0, 0, 0, 0, claims["at"]), name]
        body += [b"PK\3\4" + head + name, packed]
        at += len(body[-2]) + len(packed)
    whole = b"".join(index)
    end = struct.pack("<4H2IH", 0, 0, len(members), len(members), len(whole), at, 0)
    return b"".join([*body, whole, b"PK\5\6", end])
