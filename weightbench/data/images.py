"""Published image sets: from the cache, or once through torchvision into the cache."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from weightbench.data.cache import (
    PARTS,
    data_folder,
    is_cached,
    may_download,
    read_arrays,
    write_arrays,
)
from weightbench.data.dataset import DataSet
from weightbench.errors import DataUnavailable

_SOURCES = {  # licence, citation
    "mnist": ("none stated by its authors", "LeCun, Bottou, Bengio & Haffner 1998"),
    "fashionmnist": ("MIT", "Xiao, Rasul & Vollgraf 2017"),
    "cifar10": ("none stated by its authors", "Krizhevsky 2009"),
    "cifar100": ("none stated by its authors", "Krizhevsky 2009"),
}


def image_set(
    loader: str,
    num_classes: int,
    span: tuple[float, float] = (0.0, 1.0),
    *,
    folder: Path | None = None,
    download: bool | None = None,
) -> DataSet:
    """A published image set with its own test split.

    Arrays already in the folder of data sets are used as they are; else the original files there
    are checked and read, or torchvision's ``loader`` downloads them where that is allowed, and the
    arrays are kept for the next time.

    Args:
        loader: a class in torchvision.datasets: MNIST, FashionMNIST, CIFAR10 or CIFAR100.
        num_classes: K.
        span: what pixel values 0 and 255 become.
        folder: of data sets; None is the one ``WEIGHTBENCH_DATA`` names.
        download: whether it may be fetched; None leaves it to ``WEIGHTBENCH_DOWNLOAD``.

    Raises:
        DataUnavailable: it is not there and may not be downloaded, or is half-written or altered.
    """
    name = loader.lower()
    root = data_folder() if folder is None else folder
    if not is_cached(name, root):
        _convert(loader, name, root, may_download() if download is None else download)
    images, labels, train = read_arrays(name, root)
    licence, citation = _SOURCES.get(name, ("", ""))
    test = np.arange(train, len(labels))
    return DataSet(
        name, images, labels, num_classes, test=test, span=span, licence=licence, citation=citation
    )


def _convert(loader: str, name: str, root: Path, download: bool) -> None:
    from weightbench.data.vision import originals  # half a second, and once in the life of a cache

    try:
        arrays = originals(loader, root, download)
    except DataUnavailable as error:
        if download:
            raise
        raise DataUnavailable(
            f"{_incomplete(name, root)}{error}; allow the download with --download or "
            "WEIGHTBENCH_DOWNLOAD=1, or name another folder with WEIGHTBENCH_DATA"
        ) from error
    write_arrays(name, arrays, root)


def _incomplete(name: str, root: Path) -> str:
    """What is there of the arrays, if it is a part of them."""
    absent = [f"{part}.npy" for part in PARTS if not (root / name / f"{part}.npy").is_file()]
    return f"{root / name} lacks {', '.join(absent)}, and " if len(absent) < len(PARTS) else ""
