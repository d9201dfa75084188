"""The linear layers inside of torch's multi-head attention, which calls them as functions."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

# Told of a layer: the layer, its input, its output, and what brings examples to the front of both.
Note = Callable[[nn.Module, Tensor, Tensor, Callable[[Tensor], Tensor]], None]


def is_known(layer: nn.Module) -> bool:
    """Whether ``layer`` is an attention whose projections are noted: one weight for all three."""
    return (
        type(layer) is nn.MultiheadAttention
        and "forward" not in vars(layer)
        and layer.in_proj_weight is not None
        and layer.bias_k is None
    )


@contextlib.contextmanager
def noted(model: nn.Module, note: Note) -> Iterator[None]:
    """Tell ``note`` of projections inside of attention layers, as of layers of their own.

    Where query, key and value are not one tensor, the joint weight is used in parts, which are not
    noted; what is not noted is missed in the gradient, and the trial tells.
    """
    layers: list[Any] = [layer for layer in model.modules() if is_known(layer)]
    for layer in layers:
        layer.forward = functools.partial(_attended, layer, note)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _attended(layer: nn.MultiheadAttention, note: Note, *args: Any, **kwargs: Any) -> Any:
    """The layer's output; torch works on (positions, examples, features)."""
    plain, joint = F.linear, _joint_projection(layer)
    places: list[int] = []

    def apart(rows: Tensor) -> Tensor:
        return rows.view(*places, rows.shape[-1]).transpose(0, 1)

    def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        output = plain(input, weight, bias)
        if weight is layer.in_proj_weight:
            places[:] = input.shape[:2]
            note(joint, input, output, lambda rows: rows.transpose(0, 1))
        elif weight is layer.out_proj.weight and places:
            note(layer.out_proj, input, output, apart)
        return output

    F.linear = linear
    try:
        return nn.MultiheadAttention.forward(layer, *args, **kwargs)
    finally:
        F.linear = plain


def _joint_projection(layer: nn.MultiheadAttention) -> nn.Linear:
    """A linear layer with the parameters of the three projections."""
    size = layer.embed_dim
    linear = nn.Linear(size, 3 * size, bias=layer.in_proj_bias is not None, device="meta")
    linear.weight = layer.in_proj_weight
    if layer.in_proj_bias is not None:
        linear.bias = layer.in_proj_bias
    return linear
