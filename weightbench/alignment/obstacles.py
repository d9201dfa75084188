"""What stands in the way of the layerwise method, in words."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from weightbench.alignment import layers
from weightbench.alignment.calls import Call, recorded, traced
from weightbench.alignment.layerwise import Gradients, parts_of, total
from weightbench.alignment.passes import Batches, Loss, losses_of, outputs, trained
from weightbench.errors import LayerwiseUnsupported

_TOLERANCE = 1e-3  # of the gradient's norm, between two ways to sum in float32


def obstacle(model: nn.Module, loss: Loss, batches: Batches) -> str | None:
    """Why layerwise alignment of ``model`` would be wrong, or None.

    Takes about two plain steps: it lays the method's own gradient of half of the losses beside that
    of a reverse pass. The caller sees to it that this leaves no trace.
    """
    return _by_kind(model) or _by_half(model, loss, batches)


def _by_kind(model: nn.Module) -> str | None:
    """Layers that are known not to fit."""
    for name, layer in model.named_modules():
        concerned = layers.own(layer) or isinstance(layer, nn.modules.batchnorm._BatchNorm)
        if concerned and (reason := layers.obstacle(layer)):
            return f"layer {name or 'itself'} ({type(layer).__name__}) {reason}"
    return None


def _by_half(model: nn.Module, loss: Loss, batches: Batches) -> str | None:
    """Compare gradients of the losses of a random half of the batch.

    Where an example touches another, output gradients of the other half are not zero. Where a
    parameter is used outside of its layer's call, the layers' gradients miss that use.
    """
    with recorded(model) as calls:
        losses = losses_of(loss, outputs(model, batches.inputs), batches.labels)
    half = _half(losses)
    pairs = traced(calls, losses, half, retain_graph=True)
    if reason := _by_row(pairs, half):
        return reason
    try:
        parts = parts_of(pairs)
    except LayerwiseUnsupported as error:
        return str(error)
    names = trained(model)
    true = torch.autograd.grad(losses, list(names.values()), half, materialize_grads=True)
    return _by_gradient(total(parts), dict(zip(names.values(), true, strict=True)))


def _half(losses: Tensor) -> Tensor:
    """1 for about half of the examples, 0 for the others; the same ones every time."""
    stream = torch.Generator().manual_seed(0)
    half = torch.rand(len(losses), generator=stream) < 0.5
    half[0], half[-1] = True, False
    return half.to(losses)


def _by_row(pairs: list[tuple[Call, Tensor]], half: Tensor) -> str | None:
    """Whether an example outside of ``half`` has a part in the losses of ``half``."""
    for call, b in pairs:
        kind = type(call.layer).__name__
        if len(b) != len(half) or len(call.inputs) != len(half):
            return f"a {kind} does not have the examples in its first dimension"
        if b[half == 0].count_nonzero():
            return f"examples touch each other after a {kind}"
    return None if pairs else "no known layer takes part in the losses"


def _by_gradient(rebuilt: Gradients, true: Gradients) -> str | None:
    norm = sum(float(gradient.square().sum()) for gradient in true.values()) ** 0.5
    for parameter, gradient in true.items():
        mine = rebuilt.get(parameter)
        error = gradient if mine is None else gradient - mine
        if float(error.norm()) > _TOLERANCE * norm:
            shape = tuple(parameter.shape)
            return f"the parameter of shape {shape} is used outside of its layer's call"
    return None
