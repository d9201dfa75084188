"""MNIST and its like as published: four idx files, packed or not, found and checked."""

from __future__ import annotations

import gzip
import hashlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

_PARTS = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
# sha256 of the unpacked files, where the packed ones alone have a published checksum.
_UNPACKED = {
    "MNIST": {
        "train_images": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train_labels": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "test_images": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "test_labels": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    }
}


def places(loader: str) -> tuple[str, ...]:
    """Where below the folder of data sets the files may be; the last is the folder itself."""
    return (f"{loader}/raw", loader, loader.lower(), "raw", ".")


def packed_names() -> tuple[str, ...]:
    """The files as they are published."""
    return tuple(f"{stem}.gz" for stem in _PARTS.values())


def read_published(
    loader: str, resources: Sequence[tuple[str, str]], root: Path
) -> tuple[dict[str, Bytes], list[str]]:
    """The arrays of a set, from the first right file of each part.

    Packed files are known by their md5. Unpacked ones are known by their sha256 for MNIST; of other
    sets they are taken where their folder is named after the set, since nothing in them is.

    Args:
        loader: ``MNIST`` or ``FashionMNIST``.
        resources: names of the packed files with their md5 (hex).
        root: the folder of data sets.

    Returns:
        (N, H, W) or (N,) uint8 by part, and for each part without a right file a line on what is
        missing or wrong, naming the file.
    """
    md5 = dict(resources)
    arrays: dict[str, Bytes] = {}
    wrong: list[str] = []
    for part, stem in _PARTS.items():
        found: list[str] = []
        for path in _candidates(loader, stem, root):
            try:
                arrays[part] = _checked(loader, part, path, md5.get(path.name))
                break
            except (OSError, EOFError, ValueError) as error:
                found.append(f"{path} {error}")
        else:
            wrong += found or [f"{stem}.gz is missing{_elsewhere(stem, root)}"]
    return arrays, wrong


def _candidates(loader: str, stem: str, root: Path) -> Iterator[Path]:
    """Files of that name that there are, packed ones first."""
    for name in (f"{stem}.gz", stem, stem.replace("-idx", ".idx")):
        for place in places(loader):
            if (root / place / name).is_file():
                yield root / place / name


def _elsewhere(stem: str, root: Path) -> str:
    """Where a file lies that is not looked for there."""
    found = [path for depth in ("*/", "*/*/") for path in root.glob(f"{depth}{stem}*")]
    return f" ({found[0]} is not where it is looked for)" if found else ""


def _checked(loader: str, part: str, path: Path, md5: str | None) -> Bytes:
    """The array in a file.

    Raises:
        ValueError: it is not the published file; says what it is instead.
    """
    content = path.read_bytes()
    if path.suffix == ".gz":
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if digest != md5:
            raise ValueError(
                f"is not the published file of {loader}, by md5 ({len(content):,} bytes, {digest}; "
                f"published: {md5})"
            )
        return parse(gzip.decompress(content))
    array, digest = parse(content), hashlib.sha256(content).hexdigest()
    published = _UNPACKED.get(loader, {}).get(part)
    if published and digest != published:
        raise ValueError(f"is not the unpacked file of {loader}, by sha256")
    if not published and loader.lower() not in (parent.name.lower() for parent in path.parents[:2]):
        raise ValueError(f"may be of another set: put it into a folder {loader}")
    if any(digest in parts.values() for name, parts in _UNPACKED.items() if name != loader):
        raise ValueError(f"is a file of another set than {loader}")
    return array


def parse(content: bytes) -> Bytes:
    """The uint8 array in an idx file: type and number of dimensions, sizes, values.

    Raises:
        ValueError: it holds something else, or not as much as its header says.
    """
    if content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        raise ValueError("is no idx file of bytes")
    start = 4 + 4 * content[3]
    shape = tuple(int(size) for size in np.frombuffer(content[4:start], ">u4"))
    if len(content) - start != math.prod(shape):
        raise ValueError(f"has {len(content):,} bytes, and its header says {shape}; it is cut off")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
