"""Arrays: npz files and folders of images by class."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from weightbench.advice.source import Source, column_of, shown
from weightbench.advice.tables import checked_ids
from weightbench.errors import BadData

_INPUTS = ("X", "x", "inputs", "images", "data")
_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
_SIDE = 64  # pixels; larger images are made smaller
_PIXELS = 2**26  # of one image; more is taken for an attack or a mistake


def read_npz(
    path: Path,
    label: str,
    *,
    id: str | None = None,
    group: str | None = None,
    flag: str | None = None,
) -> Source:
    """The arrays of an npz file; nothing in it is unpickled.

    Raises:
        BadData: it cannot be read, or an array is not there or does not fit.
    """
    found: dict[str, NDArray[Any]] = {}
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            for key in archive.files:
                found[key] = archive[key]
    except FileNotFoundError:
        raise BadData(f"there is no {path}") from None
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError, AttributeError) as error:
        if "pickle" in str(error).lower() and zipfile.is_zipfile(path):
            raise BadData(
                f"{path.name} holds objects, which are not unpickled; save numbers and texts only"
            ) from error
        raise BadData(f"{path.name} is damaged or no npz file") from error
    keys = list(found)
    names = {"--label": label, "--id": id, "--group": group, "--trusted": flag}
    chosen = {o: column_of(n, keys, path.name, o) for o, n in names.items() if n is not None}
    inputs = next((k for k in _INPUTS if k in found and k not in chosen.values()), None)
    if inputs is None:
        raise BadData(
            f"{path.name} has no array of inputs; call it X (it has {', '.join(map(shown, keys))})"
        )
    rows = len(found[inputs]) if found[inputs].ndim else 0
    for key in chosen.values():
        if found[key].shape != (rows,):
            raise BadData(
                f"{path.name}: {shown(key)} is {found[key].shape} and {shown(inputs)} has {rows} "
                "rows; use one value per row"
            )

    def values(option: str) -> Any:
        return found[chosen[option]].astype(object) if option in chosen else None

    ids = values("--id")
    ids = np.arange(rows).astype(object) if ids is None else checked_ids(ids, path.name, id)
    return Source(
        path.name, found[inputs], values("--label"), ids, values("--group"), values("--trusted")
    )


def read_folder(folder: Path) -> Source:
    """Images, in a folder for each class; an image's id is its path in there.

    Raises:
        BadData: there are none, or one cannot be read or has another shape.
    """
    classes = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    files = [
        (path, folder_of.name)
        for folder_of in classes
        for path in sorted(folder_of.rglob("*"))
        if path.suffix.lower() in _SUFFIXES and path.is_file()
    ]
    if not files:
        raise BadData(f"{folder} has no images in folders by class, such as {folder}/cat/1.png")
    wide, high, mode = 0, 0, "RGB"
    images: list[NDArray[np.uint8]] = []
    notes: list[str] = []
    for number, (path, _) in enumerate(files):
        name = path.relative_to(folder).as_posix()
        try:
            with Image.open(path) as image:
                if image.width * image.height > _PIXELS:
                    raise BadData(f"{name} has {image.width} x {image.height} pixels, too many")
                if not number:
                    wide, high = image.size
                    mode = "L" if image.mode in ("1", "L", "I;16", "LA") else "RGB"
                    shrink = max(1.0, max(wide, high) / _SIDE)
                    size = (max(1, round(wide / shrink)), max(1, round(high / shrink)))
                    if shrink > 1:
                        notes.append(f"images of {wide} x {high} are read as {size[0]} x {size[1]}")
                if image.size != (wide, high):
                    raise BadData(
                        f"{name} has {image.width} x {image.height} pixels and the first image "
                        f"{wide} x {high}; bring all to one size"
                    )
                pixels = image.convert(mode)
                images.append(np.asarray(pixels if size == pixels.size else pixels.resize(size)))
        except BadData:
            raise
        except Exception as error:  # whatever a decoder makes of a damaged file
            raise BadData(f"{name} is damaged or no image") from error
    inputs = np.stack(images)
    inputs = inputs[..., None] if inputs.ndim == 3 else inputs
    ids = np.array([path.relative_to(folder).as_posix() for path, _ in files], dtype=object)
    labels = np.array([label for _, label in files], dtype=object)
    return Source(folder.name, inputs, labels, ids, notes=tuple(notes))
