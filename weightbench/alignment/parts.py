"""Gradients of single layers, example by example, from their inputs and output gradients.

For one call of a layer, the input ``a`` (n, ...) and the gradient ``b`` (n, ...) of the summed
losses at its output determine what the call adds to each example's parameter gradient. A
:class:`Part` is that, for one parameter, in a form that serves two questions without forming n
gradients: their inner products with a direction, and their weighted sum.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override


class Part(abc.ABC):
    """The gradients of one parameter for each of n examples, through one call of its layer."""

    @abc.abstractmethod
    def product(self, direction: Tensor) -> Tensor:
        """Their inner products with ``direction``, a tensor shaped like the parameter: (n,)."""

    @abc.abstractmethod
    def gradient(self, weights: Weights | None = None) -> Tensor:
        """Their (weighted) sum, shaped like the parameter."""


Parts = Mapping[str, Part]
Conv = nn.Conv1d | nn.Conv2d | nn.Conv3d


class Weights:
    """Weights of examples, of which those that are zero take no part in any work."""

    def __init__(self, weights: Tensor) -> None:
        """Weigh examples by ``weights``, (n,)."""
        self.all = weights
        self.kept: Tensor | None = None
        if weights.device.type == "cpu":  # elsewhere, to count would stall the device
            kept = weights.nonzero().squeeze(1)
            self.kept = kept if len(kept) < len(weights) else None
        self._values = weights if self.kept is None else weights[self.kept]

    def choose(self, rows: Tensor) -> Tensor:
        """The rows, (n, ...), of examples that take part, laid out in memory as before."""
        if self.kept is None:
            return rows
        last = rows.movedim(1, -1)
        if last.is_contiguous() and not rows.is_contiguous():  # channels last
            return last.index_select(0, self.kept).movedim(-1, 1)
        return rows.index_select(0, self.kept)

    def scale(self, rows: Tensor) -> Tensor:
        """Those rows, each times its weight."""
        values = self._values.to(rows.dtype).view(-1, *[1] * (rows.dim() - 1))
        return rows * values if self.kept is None else self.choose(rows).mul_(values)


def _weighted(a: Tensor, b: Tensor, weights: Weights | None) -> tuple[Tensor, Tensor]:
    """The two factors of every example's gradient, the smaller of them scaled."""
    if weights is None:
        return a, b
    if a.numel() < b.numel():
        return weights.scale(a), weights.choose(b)
    return weights.choose(a), weights.scale(b)


def over_positions(rows: Tensor, first: int) -> Tensor:
    """The sum over dimensions ``first`` and after, if there are any."""
    narrow = rows.dtype in (torch.bfloat16, torch.float16)
    positions = tuple(range(first, rows.dim()))
    return rows.sum(positions, dtype=torch.float32 if narrow else None) if positions else rows


def _dot(product: Tensor, b: Tensor) -> Tensor:
    """(n,) inner products of the examples' rows of both; overwrites ``product``."""
    return over_positions(product.mul_(b), 1)


class Formed(Part):
    """Gradients that are small enough to be formed: ``rows`` is (n, *shape of the parameter)."""

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows

    @override
    def product(self, direction: Tensor) -> Tensor:
        return self.rows.flatten(1) @ direction.flatten().to(self.rows.dtype)

    @override
    def gradient(self, weights: Weights | None = None) -> Tensor:
        if weights is None:
            return self.rows.sum(0)
        total = weights.all.to(self.rows.dtype) @ self.rows.flatten(1)
        return total.view(self.rows.shape[1:])


class LinearWeight(Part):
    """``sum over positions of b a^T``: eq. 25 of Ren et al. 2018 (appendix), layer by layer."""

    def __init__(self, a: Tensor, b: Tensor) -> None:
        self.a, self.b = a.to(b.dtype), b

    @override
    def product(self, direction: Tensor) -> Tensor:
        direction = direction.to(self.b.dtype)
        if self.a.shape[-1] < self.b.shape[-1]:
            return _dot(self.b @ direction, self.a)
        return _dot(self.a @ direction.T, self.b)

    def pairs(self, examples: Part) -> Tensor:
        """``examples.product(self.gradient())``, by pairs of rows and without that gradient."""
        if not isinstance(examples, LinearWeight):
            return examples.product(self.gradient())
        a, b = (rows.flatten(0, -2).to(examples.b.dtype) for rows in (self.a, self.b))
        return _dot(examples.a @ a.T, examples.b @ b.T)

    @override
    def gradient(self, weights: Weights | None = None) -> Tensor:
        a, b = _weighted(self.a, self.b, weights)
        return b.reshape(-1, b.shape[-1]).T @ a.reshape(-1, a.shape[-1])


class ConvWeight(Part):
    """The same for a convolution, whose every output position is such a layer on a patch."""

    def __init__(self, layer: Conv, a: Tensor, b: Tensor) -> None:
        self.layer, self.a, self.b = layer, a.to(b.dtype), b

    @override
    def product(self, direction: Tensor) -> Tensor:
        layer = self.layer
        moved = torch.convolution(
            self.a, direction.to(self.b.dtype), None, layer.stride, padding(layer),
            layer.dilation, False, [0] * len(layer.stride), layer.groups,
        )  # fmt: skip
        return _dot(moved, self.b)

    @override
    def gradient(self, weights: Weights | None = None) -> Tensor:
        layer = self.layer
        a, b = _weighted(self.a, self.b, weights)
        gradient: Tensor = torch.ops.aten.convolution_backward(
            b, a, layer.weight.to(b.dtype), None, layer.stride, padding(layer), layer.dilation,
            False, [0] * len(layer.stride), layer.groups, [False, True, False],
        )[1]  # fmt: skip
        return gradient


class EmbeddingWeight(Part):
    """Rows of ``b`` at the places the indices name."""

    def __init__(self, layer: nn.Embedding, indices: Tensor, b: Tensor) -> None:
        self.layer, self.indices, self.b = layer, indices, b

    @override
    def product(self, direction: Tensor) -> Tensor:
        return _dot(F.embedding(self.indices, direction.to(self.b.dtype)), self.b)

    @override
    def gradient(self, weights: Weights | None = None) -> Tensor:
        indices, rows = self.indices, self.b
        if weights is not None:
            indices, rows = weights.choose(indices), weights.scale(rows)
        total = rows.new_zeros(self.layer.weight.shape)
        total.index_add_(0, indices.flatten(), rows.flatten(0, -2))
        if self.layer.padding_idx is not None:
            total[self.layer.padding_idx] = 0
        return total


def padding(layer: Conv) -> list[int]:
    """Padding per dimension, in numbers (``same`` and ``valid`` are words)."""
    both = layer._reversed_padding_repeated_twice
    return both[::2][::-1]
