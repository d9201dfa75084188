"""What stands in the way of the layerwise method, in words."""

from __future__ import annotations

import collections

import torch
from torch import Tensor, nn

from weightbench.alignment import layers
from weightbench.alignment.calls import Call, recorded, traced
from weightbench.alignment.layerwise import Gradients, parts_of, total
from weightbench.alignment.passes import (
    Batches,
    Loss,
    distinct_weights,
    losses_of,
    outputs,
    trained,
)
from weightbench.errors import LayerwiseUnsupported

_TOLERANCE = 1e-3  # of the gradient's norm, between two ways to sum in float32
_ROUNDING = collections.defaultdict(lambda: 1e-2, {torch.float32: 1e-5, torch.float64: 1e-12})


def obstacle(model: nn.Module, loss: Loss, batches: Batches) -> str | None:
    """Why layerwise alignment of ``model`` would be wrong, or None.

    Takes about two plain steps. The caller sees to it that this leaves no trace.
    """
    return _by_kind(model) or _by_weights(model, loss, batches)


def _by_kind(model: nn.Module) -> str | None:
    """Layers that are known not to fit."""
    for name, layer in model.named_modules():
        concerned = layers.own(layer) or isinstance(layer, nn.modules.batchnorm._BatchNorm)
        if concerned and (reason := layers.obstacle(layer)):
            return f"layer {name or 'itself'} ({type(layer).__name__}) {reason}"
    return None


def _by_weights(model: nn.Module, loss: Loss, batches: Batches) -> str | None:
    """Compare reverse passes from weighted losses with the weighted reverse pass from all losses.

    Where one example touches another of another weight, the two differ at a layer's output. Where a
    parameter is used outside of its layer's call, the layers' gradients miss that use.
    """
    with recorded(model) as calls:
        losses = losses_of(loss, outputs(model, batches.inputs), batches.labels)
    weights = distinct_weights(len(losses)).to(losses)
    alike = traced(calls, losses, torch.ones_like(losses), retain_graph=True)
    weighted = traced(calls, losses, weights, retain_graph=True)
    if reason := _by_row(alike, weighted, weights):
        return reason
    try:
        parts = parts_of(weighted)
    except LayerwiseUnsupported as error:
        return str(error)
    names = trained(model)
    true = torch.autograd.grad(losses, list(names.values()), weights, materialize_grads=True)
    return _by_gradient(total(parts), dict(zip(names.values(), true, strict=True)))


def _by_row(
    alike: list[tuple[Call, Tensor]], weighted: list[tuple[Call, Tensor]], weights: Tensor
) -> str | None:
    """Whether an example has a part in the loss of another."""
    n = len(weights)
    for (call, b), (_, found) in zip(alike, weighted, strict=True):
        kind = type(call.layer).__name__
        if len(b) != n or len(call.inputs) != n:
            return f"a {kind} does not have the examples in its first dimension"
        rows = b.reshape(n, -1)
        errors = (found.reshape(n, -1) - weights.unsqueeze(1) * rows).norm(dim=1)
        if (errors > _ROUNDING[b.dtype] * rows.norm(dim=1).max()).any():
            return f"examples touch each other after a {kind}"
    return None if alike else "no known layer takes part in the losses"


def _by_gradient(rebuilt: Gradients, true: Gradients) -> str | None:
    norm = sum(float(gradient.square().sum()) for gradient in true.values()) ** 0.5
    for parameter, gradient in true.items():
        mine = rebuilt.get(parameter)
        error = gradient if mine is None else gradient - mine
        if float(error.norm()) > _TOLERANCE * norm:
            shape = tuple(parameter.shape)
            return f"the parameter of shape {shape} is used outside of its layer's call"
    return None
