"""Gradients of single layers, example by example, from their inputs and output gradients.

For one call of a layer, the input ``a`` (n, ...) and the gradient ``b`` (n, ...) of the summed
losses at its output determine what the call adds to each example's parameter gradient. A
:class:`Part` is that, for one parameter, in a form that serves two questions without forming n
gradients: their inner products with a direction, and their weighted sum.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import Any

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


def _over_positions(rows: Tensor, first: int) -> Tensor:
    """The sum over dimensions ``first`` and after, if there are any."""
    narrow = rows.dtype in (torch.bfloat16, torch.float16)
    positions = tuple(range(first, rows.dim()))
    return rows.sum(positions, dtype=torch.float32 if narrow else None) if positions else rows


def _dot(product: Tensor, b: Tensor) -> Tensor:
    """(n,) inner products of the examples' rows of both; overwrites ``product``."""
    return _over_positions(product.mul_(b), 1)


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

    def __init__(self, layer: _Conv, a: Tensor, b: Tensor) -> None:
        self.layer, self.a, self.b = layer, a.to(b.dtype), b

    @override
    def product(self, direction: Tensor) -> Tensor:
        layer = self.layer
        moved = torch.convolution(
            self.a, direction.to(self.b.dtype), None, layer.stride, _padding(layer),
            layer.dilation, False, [0] * len(layer.stride), layer.groups,
        )  # fmt: skip
        return _dot(moved, self.b)

    @override
    def gradient(self, weights: Weights | None = None) -> Tensor:
        layer = self.layer
        a, b = _weighted(self.a, self.b, weights)
        gradient: Tensor = torch.ops.aten.convolution_backward(
            b, a, layer.weight.to(b.dtype), None, layer.stride, _padding(layer), layer.dilation,
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


# ---- how each kind of layer splits into parts ----------------------------------------------------

_Conv = nn.Conv1d | nn.Conv2d | nn.Conv3d


def _padding(layer: _Conv) -> list[int]:
    """Padding per dimension, in numbers (``same`` and ``valid`` are words)."""
    both = layer._reversed_padding_repeated_twice
    return both[::2][::-1]


def _linear(layer: nn.Linear, a: Tensor, b: Tensor) -> Parts:
    positions = b.flatten(1, -2).sum(1) if b.dim() > 2 else b
    return {"weight": LinearWeight(a, b), "bias": Formed(positions)}


def _conv(layer: _Conv, a: Tensor, b: Tensor) -> Parts:
    return {"weight": ConvWeight(layer, a, b), "bias": Formed(_over_positions(b, 2))}


def _scale_and_shift(normalised: Tensor, b: Tensor) -> Parts:
    """Channels in dimension 1, positions after."""
    weight = _over_positions(normalised.mul_(b), 2)
    return {"weight": Formed(weight), "bias": Formed(_over_positions(b, 2))}


def _group_norm(layer: nn.GroupNorm, a: Tensor, b: Tensor) -> Parts:
    normalised = F.group_norm(a.to(b.dtype), layer.num_groups, eps=layer.eps)
    return _scale_and_shift(normalised, b)


def _batch_norm(layer: nn.BatchNorm2d, a: Tensor, b: Tensor) -> Parts:
    normalised = F.batch_norm(
        a.to(b.dtype), layer.running_mean, layer.running_var, training=False, eps=layer.eps
    )
    return _scale_and_shift(normalised, b)


def _layer_norm(layer: nn.LayerNorm, a: Tensor, b: Tensor) -> Parts:
    normalised = F.layer_norm(a.to(b.dtype), layer.normalized_shape, eps=layer.eps)
    shape = (len(b), -1, *layer.normalized_shape)
    return {
        "weight": Formed((normalised * b).reshape(shape).sum(1)),
        "bias": Formed(b.reshape(shape).sum(1)),
    }


def _embedding(layer: nn.Embedding, a: Tensor, b: Tensor) -> Parts:
    return {"weight": EmbeddingWeight(layer, a, b)}


_SPLIT: dict[type[nn.Module], Callable[[Any, Tensor, Tensor], Parts]] = {
    nn.Linear: _linear,
    nn.Conv1d: _conv,
    nn.Conv2d: _conv,
    nn.Conv3d: _conv,
    nn.GroupNorm: _group_norm,
    nn.LayerNorm: _layer_norm,
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.BatchNorm3d: _batch_norm,
    nn.Embedding: _embedding,
}


def _kind(layer: nn.Module) -> type[nn.Module] | None:
    """The known kind ``layer`` is of; a subclass with a forward of its own is of none."""
    known = (kind for kind in type(layer).__mro__ if kind in _SPLIT)
    kind = next(known, None)
    return kind if kind is not None and type(layer).forward is kind.forward else None


def own(layer: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters of the layer itself that training moves."""
    return {name: p for name, p in layer._parameters.items() if p is not None and p.requires_grad}


def split(layer: nn.Module, a: Tensor, b: Tensor) -> list[tuple[nn.Parameter, Part]]:
    """The parts of one call of ``layer``, with the parameters they belong to.

    Args:
        layer: one without an :func:`obstacle`.
        a: its input, (n, ...).
        b: the gradient at its output, (n, ...).
    """
    kind = _kind(layer)
    assert kind is not None
    parts = _SPLIT[kind](layer, a, b)
    return [(parameter, parts[name]) for name, parameter in own(layer).items()]


def obstacle(layer: nn.Module) -> str | None:
    """Why the parameters of ``layer`` itself cannot be treated, or None."""
    kind = _kind(layer)
    if kind is None:
        return "has parameters of a kind that is not known"
    if "forward" in vars(layer):
        return "has a forward method of its own"
    mine = own(layer)
    if more := sorted(mine.keys() - {"weight", "bias"}):
        return f"has parameters beside weight and bias ({', '.join(more)})"
    if any(p._backward_hooks or p._post_accumulate_grad_hooks for p in mine.values()):
        return "has a hook on a parameter, which the update would pass by"
    if issubclass(kind, nn.modules.batchnorm._BatchNorm):
        if layer.training or layer.running_mean is None:
            return "normalises over the batch, which couples its examples"
    elif isinstance(layer, nn.Embedding):
        if layer.max_norm is not None or layer.sparse or layer.scale_grad_by_freq:
            return "uses max_norm, sparse or scale_grad_by_freq"
    elif isinstance(layer, _Conv):
        both = layer._reversed_padding_repeated_twice
        if layer.padding_mode != "zeros" or both[::2] != both[1::2]:
            return "pads otherwise than with as many zeros on either side"
    return None
