"""Which layers are known, and how a call of each splits into the parts of its parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from weightbench.alignment import attention
from weightbench.alignment.parts import (
    Conv,
    ConvWeight,
    EmbeddingWeight,
    Formed,
    LinearWeight,
    Part,
    Parts,
    over_positions,
)


def _linear(layer: nn.Linear, a: Tensor, b: Tensor) -> Parts:
    positions = b.flatten(1, -2).sum(1) if b.dim() > 2 else b
    return {"weight": LinearWeight(a, b), "bias": Formed(positions)}


def _conv(layer: Conv, a: Tensor, b: Tensor) -> Parts:
    return {"weight": ConvWeight(layer, a, b), "bias": Formed(over_positions(b, 2))}


def _scale_and_shift(normalised: Tensor, b: Tensor) -> Parts:
    """Channels in dimension 1, positions after."""
    weight = over_positions(normalised.mul_(b), 2)
    return {"weight": Formed(weight), "bias": Formed(over_positions(b, 2))}


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


def _rms_norm(layer: nn.RMSNorm, a: Tensor, b: Tensor) -> Parts:
    normalised = F.rms_norm(a.to(b.dtype), layer.normalized_shape, eps=layer.eps)
    shape = (len(b), -1, *layer.normalized_shape)
    return {"weight": Formed((normalised * b).reshape(shape).sum(1))}


def _instance_norm(layer: nn.InstanceNorm2d, a: Tensor, b: Tensor) -> Parts:
    return _scale_and_shift(F.instance_norm(a.to(b.dtype), eps=layer.eps), b)


def _embedding(layer: nn.Embedding, a: Tensor, b: Tensor) -> Parts:
    return {"weight": EmbeddingWeight(layer, a, b)}


_SPLIT: dict[type[nn.Module], Callable[[Any, Tensor, Tensor], Parts]] = {
    nn.Linear: _linear,
    nn.Conv1d: _conv,
    nn.Conv2d: _conv,
    nn.Conv3d: _conv,
    nn.GroupNorm: _group_norm,
    nn.LayerNorm: _layer_norm,
    nn.RMSNorm: _rms_norm,
    nn.InstanceNorm1d: _instance_norm,
    nn.InstanceNorm2d: _instance_norm,
    nn.InstanceNorm3d: _instance_norm,
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
    mine = own(layer)
    if any(p._backward_hooks or p._post_accumulate_grad_hooks for p in mine.values()):
        return "has a hook on a parameter, which the update would pass by"
    if attention.is_known(layer):
        return None
    kind = _kind(layer)
    if kind is None:
        return "has parameters of a kind that is not known"
    if "forward" in vars(layer):
        return "has a forward method of its own"
    if more := sorted(mine.keys() - {"weight", "bias"}):
        return f"has parameters beside weight and bias ({', '.join(more)})"
    if issubclass(kind, nn.modules.batchnorm._BatchNorm):
        if layer.training or layer.running_mean is None:
            return "normalises over the batch, which couples its examples"
    elif issubclass(kind, nn.modules.instancenorm._InstanceNorm):
        if layer.track_running_stats:
            return "keeps running statistics of single examples"
    elif isinstance(layer, nn.Embedding):
        if layer.max_norm is not None or layer.sparse or layer.scale_grad_by_freq:
            return "uses max_norm, sparse or scale_grad_by_freq"
    elif isinstance(layer, Conv):
        both = layer._reversed_padding_repeated_twice
        if layer.padding_mode != "zeros" or both[::2] != both[1::2]:
            return "pads otherwise than with as many zeros on either side"
    return None
