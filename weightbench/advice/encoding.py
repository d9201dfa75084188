"""Somebody's inputs as arrays for a network: tables by columns, images as they are."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from weightbench.advice.columns import Column, learn
from weightbench.advice.source import shown
from weightbench.errors import BadData

Inputs = NDArray[np.float32] | NDArray[np.uint8]
_WIDEST = 4096  # features


@dataclasses.dataclass(frozen=True)
class Encoding:
    """How inputs become arrays; plain values alone, so that JSON keeps it.

    Attributes:
        columns: of a table, in its order; empty for images.
        image: (H, W, C) of images; None for tables.
    """

    columns: tuple[Column, ...] = ()
    image: tuple[int, int, int] | None = None

    @property
    def width(self) -> int:
        """Features of a row."""
        return sum(column.width for column in self.columns)

    def encode(self, features: pd.DataFrame | NDArray[Any]) -> Inputs:
        """(n, width) float32 of a table, or (n, H, W, C) uint8 images.

        Raises:
            BadData: a column is missing or of another kind, or images have another shape.
        """
        if self.image is not None:
            images = as_images(features, "the images")
            if images is None or images.shape[1:] != self.image:
                raise BadData(f"these are no images of {self.image} (height, width, channels)")
            return images
        frame = as_frame(features, "the table")
        missing = [c.name for c in self.columns if c.kind != "out" and c.name not in frame.columns]
        if missing:
            raise BadData(f"column {shown(missing[0])} is missing; it was there in the table")
        encoded = np.zeros((len(frame), self.width), np.float32)
        at = 0
        for column in self.columns:
            if column.width:
                column.encode(frame[column.name], encoded[:, at : at + column.width])
            at += column.width
        return encoded

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Encoding:
        """What :meth:`to_json` gave, read back."""
        image = kept["image"]
        columns = tuple(Column(c["name"], c["kind"], c["facts"]) for c in kept["columns"])
        return cls(columns, None if image is None else (image[0], image[1], image[2]))


def learn_encoding(
    features: pd.DataFrame | NDArray[Any], name: str
) -> tuple[Encoding, tuple[str, ...]]:
    """How these inputs are encoded, and what is to be said about it, a line each.

    Raises:
        BadData: a column cannot be used as it is, or none is left.
    """
    images = as_images(features, name)
    if images is not None:
        return Encoding(image=(images.shape[1], images.shape[2], images.shape[3])), ()
    frame = as_frame(features, name)
    notes: list[str] = []
    columns = tuple(learn(frame[column], str(column), notes) for column in frame.columns)
    encoding = Encoding(columns)
    if not encoding.width:
        raise BadData(f"{name}: no column is left to learn from ({'; '.join(notes)})")
    if encoding.width > _WIDEST:
        raise BadData(
            f"{name} comes to {encoding.width:,} features; at most {_WIDEST:,} are taken: leave "
            "out columns or reduce them first"
        )
    return encoding, tuple(notes)


def as_frame(features: pd.DataFrame | NDArray[Any], name: str) -> pd.DataFrame:
    """A table, be it an array of two dimensions.

    Raises:
        BadData: it is no table.
    """
    if isinstance(features, pd.DataFrame):
        frame: pd.DataFrame = features.set_axis([str(c) for c in features.columns], axis=1)
        return frame
    if features.ndim == 2 and features.dtype.kind in "biufOUS":
        names = [f"x{i}" for i in range(features.shape[1])]
        table: pd.DataFrame = pd.DataFrame(features, columns=names)
        return table
    raise BadData(
        f"{name}: inputs are {features.dtype} {features.shape}; use (rows, columns), or images as "
        "uint8 (rows, height, width, channels)"
    )


def as_images(features: pd.DataFrame | NDArray[Any], name: str) -> NDArray[np.uint8] | None:
    """(n, H, W, C) uint8 where these are images, channels first or none among them; else None.

    Raises:
        BadData: they seem to be images and are of another type or shape.
    """
    if isinstance(features, pd.DataFrame) or features.ndim not in (3, 4):
        return None
    images = features
    if images.ndim == 3:
        images = images[..., None]
    if images.shape[3] not in (1, 3, 4) and images.shape[1] in (1, 3, 4):
        images = images.transpose(0, 2, 3, 1)
    if images.dtype.kind == "f" and images.size and images.min() >= 0 and images.max() <= 1:
        images = np.round(images * 255).astype(np.uint8)
    if images.dtype != np.uint8 or images.shape[3] not in (1, 3, 4) or 0 in images.shape:
        raise BadData(
            f"{name}: images are {features.dtype} {features.shape}; use uint8 (rows, height, "
            "width, channels)"
        )
    return np.ascontiguousarray(images)
