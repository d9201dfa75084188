"""A small network behind whitened patches: CIFAR-10 without a GPU."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import weightbench as wb

SIDE = 2  # pixels, of a patch
IMAGES = 5000  # whose patches are looked at
WIDTHS = (16, 64, 64)  # channels of the blocks
SMALLER = 9  # by what the last layer's inputs are divided

_FITTED: weakref.WeakKeyDictionary[wb.DataSet, NDArray[np.float32]] = weakref.WeakKeyDictionary()


def whitening(data: wb.DataSet) -> NDArray[np.float32]:
    """Filters whose outputs on patches of training images have the identity as covariance.

    PCA whitening (Krizhevsky 2009, appendix A; of patches, Coates, Ng and Lee 2011): the
    eigenvectors of the covariance of patches of 2 x 2 pixels, each over the root of its eigenvalue.
    The mean is left in. Patches are those of the first 5,000 images outside of the published test
    split; of test images nothing is read, nor any label. The sums are of whole numbers and exact,
    and of the two signs of an eigenvector it is the one whose largest entry is positive, so that
    every machine has the same filters but for the last bits. They are fitted once a data set.

    Args:
        data: (N, H, W, C) uint8 images with a published test split.

    Returns:
        (4 C, C, 2, 2) float32, for pixels as networks see them; the largest eigenvalue comes first.

    Raises:
        BadData: the data are no images, or have no test split of their own.
    """
    if not data.is_images or data.test is None:
        raise wb.errors.BadData(
            f"{data.name}: patches are whitened for images with a published test split"
        )
    if data not in _FITTED:
        _FITTED[data] = _fit(data, np.delete(np.arange(len(data.labels)), data.test)[:IMAGES])
    return _FITTED[data]


def _fit(data: wb.DataSet, seen: NDArray[np.int64]) -> NDArray[np.float32]:
    channels = data.shape[0]
    size = channels * SIDE**2
    count, first, second = 0, np.zeros(size), np.zeros((size, size))
    for some in np.array_split(seen, -(-len(seen) // 100)):
        rows = _patches(data.inputs[some])
        count, first, second = count + len(rows), first + rows.sum(0), second + rows.T @ rows
    mean, (low, high) = first / count, data.span
    covariance = (second / count - np.outer(mean, mean)) * ((high - low) / 255) ** 2
    variances, directions = np.linalg.eigh(covariance)
    largest = np.take_along_axis(directions, np.abs(directions).argmax(0)[None], 0)
    directions *= np.sign(largest) / np.sqrt(np.maximum(variances, 1e-12))
    filters = directions.T[::-1].reshape(size, SIDE, SIDE, channels)
    return filters.transpose(0, 3, 1, 2).astype(np.float32)  # type: ignore[no-any-return]


def _patches(images: NDArray[Any]) -> NDArray[np.float64]:
    """All patches of (n, H, W, C) images, a row each: pixels from the left upper one on."""
    pixels, ends = images.astype(np.float64), [size - SIDE + 1 for size in images.shape[1:3]]
    shifted = [
        pixels[:, down : down + ends[0], right : right + ends[1]]
        for down in range(SIDE)
        for right in range(SIDE)
    ]
    return np.concatenate(shifted, axis=-1).reshape(-1, SIDE**2 * images.shape[-1])


def whitened_cnn(data: wb.DataSet) -> nn.Sequential:
    """Three blocks of convolutions on whitened patches, for 32 x 32 colour images.

    The layers are those of the airbench networks (Jordan 2024), narrower and with ReLU: filters of
    :func:`whitening` and their negatives, which are not trained; blocks of 16, 64 and 64 channels,
    each convolution 3x3, maximum pool 2x2, batch norm, ReLU, convolution 3x3, batch norm, ReLU; a
    maximum pool over the 3 x 3 places that are left, and a linear layer of a ninth of that. 10.1
    million multiplications an image, 127,000 trained parameters. Convolutions ~
    N(0, 2 / (9 * channels in)) (He et al. 2015): with torch's own, smaller values batch norm makes
    the first steps too long. Without the ninth the first outputs are large and say nothing; steps
    on few examples, as weights leave them, then lead to a network that tells no image from another,
    and with some seeds it takes passes to come back.

    Raises:
        BadData: as :func:`whitening`.
    """
    filters = torch.tensor(whitening(data))
    channels = 2 * len(filters)
    first = nn.Conv2d(filters.shape[1], channels, SIDE, bias=False)
    first.weight = nn.Parameter(torch.cat([filters, -filters]), requires_grad=False)
    layers: list[nn.Module] = [first, nn.ReLU()]
    for width in WIDTHS:
        layers += _block(channels, width)
        channels = width
    layers += [nn.MaxPool2d(3), nn.Flatten(), _Over(SMALLER)]
    layers += [nn.Linear(channels, data.num_classes)]
    return nn.Sequential(*layers)


class _Over(nn.Module):
    """Its inputs, of any shape, over ``divisor``."""

    def __init__(self, divisor: float) -> None:
        super().__init__()
        self.divisor = divisor

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs / self.divisor

    def extra_repr(self) -> str:
        return f"{self.divisor}"


def _block(in_channels: int, out_channels: int) -> list[nn.Module]:
    return [
        _conv3x3(in_channels, out_channels),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
        _conv3x3(out_channels, out_channels),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    ]


def _conv3x3(in_channels: int, out_channels: int) -> nn.Conv2d:
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    return conv
