"""torchvision, for everybody here: its data sets with their integrity checks."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

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
        DataUnavailable: the files are not there, or their checksums are not torchvision's.
    """
    cls = getattr(datasets(), loader)
    read = _read_idx if hasattr(cls, "resources") else _read
    try:
        return read(cls, root, download)
    except (RuntimeError, OSError, ValueError) as error:
        raise DataUnavailable(f"{loader} under {root}: {error}") from error


def _read(cls: Any, root: Path, download: bool) -> dict[str, NDArray[np.uint8]]:
    arrays = {}
    for split in ("train", "test"):
        part = cls(root, train=split == "train", download=download)
        images, labels = np.asarray(part.data), np.asarray(part.targets)
        arrays[f"{split}_images"] = images[..., None] if images.ndim == 3 else images
        arrays[f"{split}_labels"] = labels.astype(np.uint8)
    return arrays


def _read_idx(cls: Any, root: Path, download: bool) -> dict[str, NDArray[np.uint8]]:
    """MNIST and its like: torchvision checks the packed files only, so those alone are trusted."""
    utils, packed = datasets().utils, root / cls.__name__ / "raw"
    if not _intact(cls, packed) and download:
        cls(root, download=True)
    if not _intact(cls, packed):
        raise RuntimeError(f"the .gz files in {packed} are missing, or not torchvision's by md5")
    with tempfile.TemporaryDirectory() as staging:
        raw = Path(staging, cls.__name__, "raw")
        raw.mkdir(parents=True)
        for name, _ in cls.resources:
            utils.extract_archive(str(packed / name), str(raw))
        return _read(cls, Path(staging), download=False)


def _intact(cls: Any, packed: Path) -> bool:
    check = datasets().utils.check_integrity
    return all(check(str(packed / name), md5) for name, md5 in cls.resources)
