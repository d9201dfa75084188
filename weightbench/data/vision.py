"""torchvision, for everybody here: its data sets with their integrity checks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from weightbench.data.idx import places, read_published
from weightbench.errors import DataUnavailable

_ABSENT = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_library: torch.library.Library | None = None  # what it declares lives as long as it does


def datasets() -> Any:
    """The module ``torchvision.datasets``.

    torchvision's compiled operators cannot load beside another build of torch, and then its import
    fails over two schemas. Nothing here uses them, so they are declared without an implementation.
    """
    try:
        import torchvision.datasets
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        _declare_absent()
        import torchvision.datasets
    return torchvision.datasets


def _declare_absent() -> None:
    global _library
    _library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for schema in _ABSENT:
        _library.define(schema)  # type: ignore[no-untyped-call]


def originals(loader: str, root: Path, download: bool) -> dict[str, NDArray[np.uint8]]:
    """The original files of an image set under ``root``, through torchvision's ``loader``.

    Args:
        loader: the class in torchvision.datasets, such as ``CIFAR10``.
        root: the folder that torchvision is given.
        download: whether what is missing may come from the network.

    Returns:
        ``train_images``, ``test_images``: (N, H, W, C) uint8; ``train_labels``, ``test_labels``:
        (N,) uint8.

    Raises:
        DataUnavailable: files are not there, or not the published ones; the message names them.
    """
    cls = getattr(datasets(), loader)
    read = _read_idx if hasattr(cls, "resources") else _read_pickles
    try:
        return read(cls, root, download)
    except (RuntimeError, OSError, ValueError) as error:
        raise DataUnavailable(f"{loader} cannot be had: {error}") from error


def _read_pickles(cls: Any, root: Path, download: bool) -> dict[str, NDArray[np.uint8]]:
    """CIFAR, which torchvision checks file by file."""
    wrong = _wrong_pickles(cls, root)
    if wrong and not download:
        raise _refusal(root, (cls.base_folder,), wrong)
    arrays = {}
    for split in ("train", "test"):
        part = cls(root, train=split == "train", download=bool(wrong))
        arrays[f"{split}_images"] = np.asarray(part.data)
        arrays[f"{split}_labels"] = np.asarray(part.targets).astype(np.uint8)
    return arrays


def _wrong_pickles(cls: Any, root: Path) -> list[str]:
    """A line for each file that is missing or not the published one."""
    check, home = datasets().utils.check_integrity, root / cls.base_folder
    meta = (cls.meta["filename"], cls.meta["md5"])
    wrong = []
    for name, md5 in (*cls.train_list, *cls.test_list, meta):
        if not (home / name).is_file():
            wrong.append(f"{home / name} is missing")
        elif not check(str(home / name), md5):
            wrong.append(f"{home / name} is not the published file, by md5 (published: {md5})")
    if wrong and (root / cls.filename).is_file():
        wrong.insert(0, f"{root / cls.filename} is there, and has to be unpacked: tar xf")
    return wrong


def _read_idx(cls: Any, root: Path, download: bool) -> dict[str, NDArray[np.uint8]]:
    """MNIST and its like."""
    arrays, wrong = read_published(cls.__name__, cls.resources, root)
    if wrong and download:
        cls(root, download=True)
        arrays, wrong = read_published(cls.__name__, cls.resources, root)
    if wrong:
        raise _refusal(root, places(cls.__name__), wrong)
    return {part: a[..., None] if a.ndim == 3 else a for part, a in arrays.items()}


def _refusal(root: Path, looked: Sequence[str], wrong: Sequence[str]) -> ValueError:
    """What is wrong with the files below ``root``, the first three of them by name."""
    if not root.is_dir():
        return ValueError(f"it is not in the folder {root}, which does not exist")
    if all(line.endswith("is missing") for line in wrong):
        names = ", ".join(Path(line.split()[0]).name for line in wrong)
        return ValueError(f"it is not in the folder {root}: no {names} in {', '.join(looked)}")
    more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    return ValueError(
        f"the folder {root} has it not with the checksums torchvision knows: "
        f"{'; '.join(wrong[:3])}{more}"
    )
