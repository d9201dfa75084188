"""The folder of data sets. Every file has its checksum recorded and is read whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from weightbench.errors import DataUnavailable
from weightbench.files import replacing

Bytes = NDArray[np.uint8]

PARTS = ("train_images", "train_labels", "test_images", "test_labels")
_MANIFEST = "manifest.json"


def data_folder() -> Path:
    """``WEIGHTBENCH_DATA``, or the platform's cache folder."""
    given = os.environ.get("WEIGHTBENCH_DATA")
    return Path(given).expanduser() if given else Path(platformdirs.user_cache_dir("weightbench"))


def may_download() -> bool:
    """Whether ``WEIGHTBENCH_DOWNLOAD`` (``evaluate --download``) allows the network."""
    return os.environ.get("WEIGHTBENCH_DOWNLOAD", "0") not in ("", "0")


def is_cached(name: str, folder: Path | None = None) -> bool:
    """Whether all four arrays of the image set ``name`` are in the folder of data sets."""
    home = (folder or data_folder()) / name
    return all((home / f"{part}.npy").is_file() for part in PARTS)


def write_arrays(name: str, arrays: Mapping[str, Bytes], folder: Path | None = None) -> None:
    """Keep the four arrays of an image set; see :func:`read_arrays`.

    Each file is written under another name and renamed; the checksums come last.

    Raises:
        DataUnavailable: the folder cannot be written.
    """
    home = (folder or data_folder()) / name
    try:
        (home / _MANIFEST).unlink(missing_ok=True)  # it speaks of files about to be replaced
        digests = {f"{part}.npy": _put_array(home / f"{part}.npy", arrays[part]) for part in PARTS}
    except OSError as error:
        raise DataUnavailable(f"cannot write {home}: {error}") from error
    _check(home, digests)


def read_arrays(name: str, folder: Path | None = None) -> tuple[Bytes, NDArray[np.int64], int]:
    """Images and labels of a cached image set, its training part first.

    The files are read straight into one array, so that no second copy is ever held.

    Returns:
        (N, H, W, C) uint8 images, (N,) int64 labels, and how many of them are for training.

    Raises:
        DataUnavailable: a file is half-written, was altered, or does not hold such an array.
    """
    home = (folder or data_folder()) / name
    shapes = {part: _shape(home / f"{part}.npy") for part in PARTS}
    train, test = shapes["train_images"], shapes["test_images"]
    _check_shapes(home, shapes)
    images = np.empty((train[0] + test[0], *train[1:]), np.uint8)
    labels = np.empty(len(images), np.uint8)
    whole = {"images": images, "labels": labels}
    digests = {}
    for part in PARTS:
        split, _, kind = part.partition("_")
        place = slice(None, train[0]) if split == "train" else slice(train[0], None)
        digests[f"{part}.npy"] = _fill(home / f"{part}.npy", whole[kind][place])
    _check(home, digests)
    return images, labels.astype(np.int64), train[0]


def cached_file(name: str, *, folder: Path | None = None) -> bytes:
    """The file ``name``, such as ``cifar10n/labels.npz``, of the folder of data sets.

    Args:
        name: its path in the folder.
        folder: that folder; None is the one ``WEIGHTBENCH_DATA`` names.

    Raises:
        DataUnavailable: it is not there, or was altered since it was first read.
    """
    path = (folder or data_folder()) / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataUnavailable(
            f"{path} cannot be read ({error.strerror}): put the file there; the variable "
            "WEIGHTBENCH_DATA names the folder"
        ) from error
    _check(path.parent, {path.name: hashlib.sha256(content).hexdigest()})
    return content


def cached_arrays(name: str, *keys: str, folder: Path | None = None) -> tuple[NDArray[Any], ...]:
    """Arrays of the npz file ``name`` of the folder of data sets.

    Args:
        name: its path in the folder, such as ``cifar10n/labels.npz``.
        keys: which of its arrays.
        folder: that folder; None is the one ``WEIGHTBENCH_DATA`` names.

    Raises:
        DataUnavailable: the file is not there, was altered, or holds no such arrays.
    """
    path = (folder or data_folder()) / name
    try:
        with np.load(io.BytesIO(cached_file(name, folder=folder))) as file:
            return tuple(file[key] for key in keys)
    except KeyError as error:
        held = ", ".join(file.files)
        raise DataUnavailable(f"{path} has no array {error.args[0]}; it holds {held}") from error
    except (OSError, EOFError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise DataUnavailable(f"{path} is no npz file of arrays: {error}") from error


def _check_shapes(home: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """See that the arrays are images and a label for each.

    Raises:
        DataUnavailable: one is not; the message names its file.
    """
    for split in ("train", "test"):
        images, labels = shapes[f"{split}_images"], shapes[f"{split}_labels"]
        expected = shapes["train_images"][1:]
        if len(images) != 4 or images[1:] != expected:
            wanted = (
                f"(N, {', '.join(map(str, expected))})" if len(expected) == 3 else "(N, H, W, C)"
            )
            raise DataUnavailable(
                f"{home / f'{split}_images.npy'} does not hold images as expected: its shape is "
                f"{images}, not {wanted}; grey images have one channel, array[..., None]"
            )
        if labels != images[:1]:
            raise DataUnavailable(
                f"{home / f'{split}_labels.npy'} does not hold a label for each of the "
                f"{images[0]} images: its shape is {labels}"
            )


def _shape(path: Path) -> tuple[int, ...]:
    """The shape of the uint8 array in ``path``, which must be as long as its header says."""
    try:
        array = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(path, str(error)) from error
    if array.dtype != np.uint8 or not array.flags.c_contiguous:
        raise DataUnavailable(f"{path} holds {array.dtype}; expected uint8 in C order")
    return tuple(array.shape)


def _fill(path: Path, target: Bytes) -> str:
    """Read the array in ``path`` into ``target``; returns the sha256 of the file."""
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(path.stat().st_size - target.nbytes))
        if file.readinto(target.data) != target.nbytes:
            raise _damaged(path, "it is too short")
    digest.update(target.data)
    return digest.hexdigest()


def _put_array(path: Path, array: Bytes) -> str:
    """Write ``array`` to ``path``; returns the sha256 of the file, read back."""
    array = np.ascontiguousarray(array, np.uint8)
    with replacing(path) as file:
        np.save(file, array)
    return _fill(path, np.empty_like(array))


def _check(home: Path, digests: Mapping[str, str]) -> None:
    """Compare checksums with the recorded ones; a file seen for the first time is recorded.

    Raises:
        DataUnavailable: a file is not what it was, or nothing can be recorded.
    """
    manifest = home / _MANIFEST
    try:
        known = json.loads(manifest.read_text()) if manifest.exists() else {}
    except (OSError, ValueError) as error:
        raise _damaged(manifest, str(error)) from error
    for file, digest in digests.items():
        if known.get(file, digest) != digest:
            raise _damaged(home / file, "its sha256 is not the recorded one")
    if digests.keys() <= known.keys():
        return
    try:
        with replacing(manifest) as text:
            text.write(json.dumps({**known, **digests}, indent=1, sort_keys=True).encode())
    except OSError as error:
        raise DataUnavailable(f"cannot record the checksums of {home}: {error}") from error


def _damaged(path: Path, why: str) -> DataUnavailable:
    return DataUnavailable(
        f"{path} is half-written or was altered ({why}); delete the folder {path.parent} and "
        "have it made again"
    )
