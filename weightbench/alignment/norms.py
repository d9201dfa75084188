"""Tangents of normalising layers, cheaper than torch's and in any memory layout."""

from __future__ import annotations

import collections
import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.forward_ad import make_dual, unpack_dual

Direction = dict[nn.Parameter, Tensor]


@contextlib.contextmanager
def own_tangents(model: nn.Module, direction: Direction) -> Iterator[set[nn.Parameter]]:
    """Let batch norm in training mode and group norm compute their tangents here.

    Yields:
        The parameters whose tangents are thereby seen to: they stay plain.
    """
    norms: list[Any] = [layer for layer in model.modules() if _concerned(layer)]
    uses = collections.Counter(p for _, p in model.named_parameters(remove_duplicate=False))
    norms = [layer for layer in norms if all(uses[p] == 1 for p in layer.parameters())]
    for layer in norms:
        layer.forward = functools.partial(_forward, layer, direction)
    try:
        yield {p for layer in norms for p in layer.parameters()}
    finally:
        for layer in norms:
            del layer.forward


def _concerned(layer: nn.Module) -> bool:
    kinds = (nn.GroupNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    if type(layer) not in kinds or "forward" in vars(layer):
        return False
    return isinstance(layer, nn.GroupNorm) or layer.training


def _forward(layer: Any, direction: Direction, inputs: Tensor) -> Tensor:
    x, tangent = unpack_dual(inputs)
    output: Tensor = type(layer).forward(layer, x)
    if tangent is None:
        tangent = torch.zeros_like(x)
    moved = _tangent(layer, direction, x.detach(), tangent.detach()).to(output.dtype)
    dual: Tensor = make_dual(output, moved)
    return dual


def _tangent(layer: Any, direction: Direction, x: Tensor, tangent: Tensor) -> Tensor:
    """The Jacobian of a normalisation is symmetric: its tangent is its own reverse pass."""
    with torch.enable_grad():
        x.requires_grad_()
        if isinstance(layer, nn.GroupNorm):
            normalised = F.group_norm(x, layer.num_groups, eps=layer.eps)
        else:
            normalised = F.batch_norm(x, None, None, training=True, eps=layer.eps)
    (moved,) = torch.autograd.grad(normalised, x, tangent.to(normalised.dtype))
    with torch.no_grad():
        shape = [1, -1, *[1] * (x.dim() - 2)]
        if layer.weight is not None:
            moved = moved.mul_(layer.weight.view(shape))
            if layer.weight in direction:
                moved.addcmul_(normalised, direction[layer.weight].view(shape))
        if layer.bias is not None and layer.bias in direction:
            moved.add_(direction[layer.bias].view(shape))
    return moved
