"""Tangents of common layers, cheaper than torch's and in any memory layout."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.forward_ad import make_dual, unpack_dual

_Conv = nn.Conv1d | nn.Conv2d | nn.Conv3d
_BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d
_Norm = nn.GroupNorm | _BatchNorm
_KINDS: set[type] = {
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d,
    nn.GroupNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d,
}  # fmt: skip

_NAMES = {"weight", "bias"}

Tangents = dict[str, Tensor | None]  # of parameters by name; None does not move


@contextlib.contextmanager
def own_tangents(model: nn.Module) -> Iterator[None]:
    """Let the layers known here compute their tangents here, inside a dual level."""
    layers: list[Any] = [layer for layer in model.modules() if _concerned(layer)]
    for layer in layers:
        layer.forward = functools.partial(_forward, layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _concerned(layer: nn.Module) -> bool:
    if type(layer) not in _KINDS or "forward" in vars(layer):
        return False
    if not layer._parameters.keys() <= _NAMES or "weight" not in layer._parameters:
        return False  # pruned, normalised or adapted: what it computes is not known here
    return layer.training or not isinstance(layer, _BatchNorm)


def _forward(layer: Any, input: Tensor) -> Tensor:
    """The layer's output with graph, its tangent without; torch sees no dual number inside."""
    x, moving = unpack_dual(input)
    duals = {name: p for name, p in layer._parameters.items() if p is not None}
    halves = {name: unpack_dual(dual) for name, dual in duals.items()}
    layer._parameters.update({name: half.primal for name, half in halves.items()})
    try:
        output: Tensor = type(layer).forward(layer, x)
        moved = _moved(
            layer,
            x.detach(),
            None if moving is None else moving.detach(),
            {name: half.tangent for name, half in halves.items()},
        )
    finally:
        layer._parameters.update(duals)
    if moved is None:
        return output
    dual: Tensor = make_dual(output, moved.to(output.dtype))
    return dual


@torch.no_grad()
def _moved(layer: Any, x: Tensor, moving: Tensor | None, own: Tangents) -> Tensor | None:
    """The tangent of the output, where the input moves or a parameter does."""
    if all(tangent is None for tangent in (moving, *own.values())):
        return None
    return (_normalised if isinstance(layer, _Norm) else _mapped)(layer, x, moving, own)


def _mapped(
    layer: nn.Linear | _Conv, x: Tensor, moving: Tensor | None, own: Tangents
) -> Tensor | None:
    """The product rule. Torch would also multiply the zeros of an input that does not move."""
    apply: Any = F.linear if isinstance(layer, nn.Linear) else layer._conv_forward
    moved: Tensor | None = None if moving is None else apply(moving, layer.weight, None)
    weight, bias = own["weight"], own.get("bias")
    if weight is None and bias is not None:
        weight = torch.zeros_like(layer.weight)
    if weight is not None:
        by_weight: Tensor = apply(x, weight, bias)
        moved = by_weight if moved is None else moved.add_(by_weight)
    return moved


def _normalised(layer: _Norm, x: Tensor, moving: Tensor | None, own: Tangents) -> Tensor:
    """The Jacobian of a normalisation is symmetric: its tangent is its own reverse pass."""
    with torch.enable_grad():
        x.requires_grad_()
        if isinstance(layer, nn.GroupNorm):
            normalised = F.group_norm(x, layer.num_groups, eps=layer.eps)
        else:
            normalised = F.batch_norm(x, None, None, training=True, eps=layer.eps)
    if moving is None:
        moving = torch.zeros_like(x)
    (moved,) = torch.autograd.grad(normalised, x, moving.to(normalised.dtype))
    shape = [1, -1, *[1] * (x.dim() - 2)]
    if layer.weight is not None:
        moved = moved.mul_(layer.weight.view(shape))
    if (weight := own.get("weight")) is not None:
        moved.addcmul_(normalised, weight.view(shape))
    if (bias := own.get("bias")) is not None:
        moved.add_(bias.view(shape))
    return moved
