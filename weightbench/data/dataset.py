"""Data sets as arrays, and pools of them on a device. An example is a row; a batch is an index."""

from __future__ import annotations

import dataclasses
import functools
import hashlib

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from weightbench.data.augmentation import CropFlip
from weightbench.data.class_names import as_classes
from weightbench.data.conversion import as_ids, as_inputs, as_row_ids, same_rows
from weightbench.errors import BadData


@dataclasses.dataclass(frozen=True, eq=False)
class DataSet:
    """Inputs and true labels.

    Lists, tensors, DataFrames and arrays of other types become the arrays below where nothing is
    lost by it.

    Attributes:
        name: as it stands in records.
        inputs: (N, H, W, C) uint8 images, which networks see as (n, C, H, W) float32 with the
            channels last in memory; or (N, ...) float32, taken as they are.
        labels: (N,) int64 in [0, num_classes).
        num_classes: K; counted where it is left out.
        test: positions of the published test split, each once, or an (N,) bool mask, which becomes
            positions; None where the task draws one.
        standardize: bring every feature to mean 0 and deviation 1 by the statistics of the training
            split alone; for tables.
        span: what the pixel values 0 and 255 of images become.
        given: (N,) int64, labels as people gave them, some of them wrong, which the corruption is
            then applied to; None where the true labels are.
        groups: (N,) int64 from 0 on, what else an example is (a background, a sex), where that is
            known; None where it is not.
        trusted: positions of the examples whose labels are known to be right, or an (N,) bool mask,
            which becomes positions; None where all are. Hold-out, select and test split are of
            these alone; what the true label of any other is, nobody is told or asked.
        ids: (N,) what its owner calls each example, text or integers, each once; None where
            positions do.
        licence: under which the data may be used, for people; it says nothing if empty.
        citation: whose the data are, for people.
        class_names: what the classes are called, K of them; those of labels that are text, bools or
            categories, which become ids in the order of their names, or of the categories. Empty
            where they have none.

    Raises:
        BadData: the arrays do not have that form, and cannot be brought into it without a loss.
    """

    name: str
    inputs: NDArray[np.uint8] | NDArray[np.float32]
    labels: NDArray[np.int64]
    num_classes: int = 0
    _: dataclasses.KW_ONLY
    test: NDArray[np.int64] | None = None
    standardize: bool = False
    span: tuple[float, float] = (0.0, 1.0)
    given: NDArray[np.int64] | None = None
    groups: NDArray[np.int64] | None = None
    trusted: NDArray[np.int64] | None = None
    ids: NDArray[np.str_] | NDArray[np.int64] | None = None
    licence: str = ""
    citation: str = ""
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Convert and check the arrays once, where the mistake is still easy to find."""
        self._convert()
        if len(self.inputs) != len(self.labels) or self.labels.ndim != 1:
            flat = self.labels.ndim == 1
            mend = "" if flat else "; use labels.ravel(), or .argmax(1) of one-hot rows"
            shapes = f"{self.inputs.shape} inputs do not match {self.labels.shape} labels"
            raise BadData(f"{self.name}: {shapes}{mend}")
        if self.inputs.dtype not in (np.uint8, np.float32):
            raise BadData(f"{self.name}: inputs are {self.inputs.dtype}; use uint8 or float32")
        if self.inputs.dtype == np.float32 and not np.isfinite(self.inputs).all():
            raise BadData(f"{self.name}: inputs hold NaN or infinity; remove or impute them first")
        if self.is_images and self.inputs.ndim != 4:
            raise BadData(f"{self.name}: uint8 inputs are images, (N, H, W, C); or use float32")
        for labels in (self.labels, self.labels if self.given is None else self.given):
            if labels.shape != self.labels.shape or labels.dtype != np.int64:
                raise BadData(f"{self.name}: labels are {labels.dtype} {labels.shape}; use int64")
            if len(labels) and not 0 <= labels.min() <= labels.max() < self.num_classes:
                raise BadData(f"{self.name}: labels must lie in [0, {self.num_classes})")
        if self.groups is not None:
            if self.groups.shape != self.labels.shape or self.groups.dtype != np.int64:
                found = f"{self.groups.dtype} {self.groups.shape}"
                raise BadData(f"{self.name}: groups are {found}; use int64, one per example")
            if len(self.groups) and self.groups.min() < 0:
                raise BadData(f"{self.name}: groups count from 0 on; one is {self.groups.min()}")
        for name, what in (("test", "the test split"), ("trusted", "the trusted rows")):
            if (chosen := getattr(self, name)) is not None:
                positions = as_positions(chosen, len(self.labels), f"{self.name}: {what}")
                object.__setattr__(self, name, positions)
        if not (
            self.test is None or self.trusted is None or np.isin(self.test, self.trusted).all()
        ):
            raise BadData(f"{self.name}: the test split has rows that are not trusted")
        if self.ids is not None:
            object.__setattr__(self, "ids", as_row_ids(self.name, self.ids, len(self.labels)))

    @property
    def truth_known(self) -> bool:
        """Whether the true label of every example is."""
        return self.trusted is None

    def _convert(self) -> None:
        """Bring the arrays into their form."""
        same_rows(self.name, self.inputs, labels=self.labels, given=self.given, groups=self.groups)
        found = as_classes(
            self.name, self.labels, self.given, self.num_classes, self.class_names
        )  # fmt: skip
        made: dict[str, object] = {
            "inputs": as_inputs(self.name, self.inputs),
            "labels": found.labels,
            "given": found.given,
            "num_classes": found.num_classes,
            "class_names": found.names,
        }
        if self.groups is not None:
            made["groups"] = as_ids(f"{self.name}: groups", self.groups)
        for field, value in made.items():
            object.__setattr__(self, field, value)

    @property
    def is_images(self) -> bool:
        """Whether the inputs are uint8 images."""
        return self.inputs.dtype == np.uint8

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example as a network sees it; (C, H, W) for images."""
        own = self.inputs.shape[1:]
        return (own[2], own[0], own[1]) if self.is_images else own

    @functools.cached_property
    def sha256(self) -> str:
        """Checksum (hex) of the arrays, so that a record says which data it saw."""
        digest = hashlib.sha256(f"{self.inputs.dtype}{self.inputs.shape}".encode())
        digest.update(np.ascontiguousarray(self.inputs).data)
        for labels in (self.labels, self.given, self.groups):
            if labels is not None:
                digest.update(np.ascontiguousarray(labels).data)
        if self.trusted is not None:
            digest.update(b"trusted" + np.sort(self.trusted).astype("<i8").tobytes())
        return digest.hexdigest()


def as_positions(chosen: ArrayLike, count: int, what: str) -> NDArray[np.int64]:
    """Positions among ``count`` examples, each once.

    Args:
        chosen: positions of any integer type, or a (count,) bool mask.
        count: how many examples there are.
        what: named in errors.

    Returns:
        (n,) int64 in [0, count).

    Raises:
        BadData: they are something else, lie outside, or name an example twice.
    """
    array = np.asarray(chosen)
    if array.ndim != 1 or not len(array):
        raise BadData(f"{what} has shape {array.shape}; use the positions of its examples, (n,)")
    if array.dtype == np.bool_:
        if len(array) != count:
            raise BadData(f"{what} is a mask of {len(array)} for {count} examples")
        return np.flatnonzero(array).astype(np.int64)
    if not np.issubdtype(array.dtype, np.integer):
        raise BadData(f"{what} is {array.dtype}; use integer positions or a bool mask")
    if array.min() < 0 or array.max() >= count:
        raise BadData(
            f"{what} goes from {array.min()} to {array.max()}; positions lie in [0, {count})"
        )
    if len(np.unique(array)) < len(array):
        hint = "; a mask must be bool" if len(array) == count else ""
        raise BadData(f"{what} names an example twice{hint}")
    return array.astype(np.int64)


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """``values`` on ``device``. A GPU is not waited for: it copies from pinned memory."""
    if device.type == "cuda" and values.device.type == "cpu":
        values = values.pin_memory()
    return values.to(device, non_blocking=True)


@dataclasses.dataclass(frozen=True, eq=False)
class Pool:
    """Examples on a device.

    Attributes:
        inputs: (n, H, W, C) uint8 images, padded where they are augmented, or (n, ...) float32.
        labels: (n,) int64.
        span: what the pixel values 0 and 255 of images become.
        augmentation: of the images, when a batch is taken for training.
        groups: (n,) int64; None where there are none.
    """

    inputs: Tensor
    labels: Tensor
    span: tuple[float, float] = (0.0, 1.0)
    augmentation: CropFlip | None = None
    groups: Tensor | None = None

    @classmethod
    def from_dataset(
        cls,
        data: DataSet,
        index: NDArray[np.int64],
        labels: NDArray[np.int64],
        device: torch.device,
        augmentation: CropFlip | None = None,
    ) -> Pool:
        """The examples ``index`` of ``data`` with ``labels``, copied to ``device``."""
        inputs = torch.from_numpy(data.inputs[index]).to(device)
        if augmentation is not None:
            inputs = augmentation.padded(inputs)
        given = torch.from_numpy(labels).to(device)
        groups = None if data.groups is None else torch.from_numpy(data.groups[index]).to(device)
        return cls(inputs, given, data.span, augmentation, groups)

    def rows(self, index: Tensor) -> Pool:
        """The examples ``index``, (b,) int64, as a pool.

        Raises:
            BadData: they are not positions of examples, or there are none.
        """
        if index.dtype != torch.int64 or index.ndim != 1 or not len(index):
            found = f"{index.dtype} {tuple(index.shape)}"
            raise BadData(f"rows are {found}; use the positions of examples, (n,) int64")
        if not 0 <= int(index.min()) <= int(index.max()) < len(self):
            raise BadData(f"rows lie outside of the {len(self)} examples there are")
        index = index.to(self.labels.device)
        groups = None if self.groups is None else self.groups[index]
        return dataclasses.replace(
            self, inputs=self.inputs[index], labels=self.labels[index], groups=groups
        )

    def standardized(self, by: Pool) -> Pool:
        """The pool with every feature shifted and scaled by the mean and deviation of ``by``."""
        deviation, mean = torch.std_mean(by.inputs, dim=0, correction=0)
        scale = torch.where(deviation > 0, deviation, 1)
        return dataclasses.replace(self, inputs=(self.inputs - mean) / scale)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Tensor, drawn: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Float inputs and labels of the examples ``index``.

        Args:
            index: (b,) int64 on the pool's device.
            drawn: what the augmentation drew for them, on any device; images are taken as they are
                where it is None.

        Returns:
            (b, ...) float32 inputs, images as (b, C, H, W), and (b,) int64 labels.
        """
        labels = self.labels.index_select(0, index)
        if self.inputs.dtype != torch.uint8:
            return self.inputs.index_select(0, index), labels
        if self.augmentation is None:
            images = self.inputs.index_select(0, index)
        elif drawn is None:
            images = self.augmentation.unpadded(self.inputs.index_select(0, index))
        else:
            drawn = to_device(drawn, index.device)
            images = self.augmentation.crop_and_flip(self.inputs, index, drawn)
        low, high = self.span
        return images.permute(0, 3, 1, 2).float().mul_((high - low) / 255).add_(low), labels

    def first(self, count: int) -> tuple[Tensor, Tensor]:
        """The first ``count`` examples, as :meth:`take` gives them without augmentation."""
        return self.take(torch.arange(min(count, len(self)), device=self.labels.device))

    def whole(self) -> tuple[Tensor, Tensor]:
        """All examples in order, as :meth:`take` gives them without augmentation."""
        if self.inputs.dtype != torch.uint8:
            return self.inputs, self.labels
        return self.take(torch.arange(len(self), device=self.labels.device))
