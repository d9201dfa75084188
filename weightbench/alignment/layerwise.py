"""Alignment layer by layer from one reverse pass, whose pieces the update reuses."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from weightbench.alignment.calls import Call, recorded, traced
from weightbench.alignment.direction import clean_direction
from weightbench.alignment.layers import split
from weightbench.alignment.parts import LinearWeight, Part, Weights
from weightbench.alignment.passes import Aligned, Batches, Loss, losses_of, outputs, stepped

Gradients = dict[nn.Parameter, Tensor]


def layerwise(model: nn.Module, loss: Loss, batches: Batches) -> Aligned:
    """Alignment (n,), logits (n, K), losses (n,), all detached, and what accumulates the gradient.

    One forward pass and one reverse pass that stops at the layers' outputs give, for each call of a
    layer, its input and its output gradient. From these come the inner products of all examples'
    gradients with the clean gradient and later the weighted gradient of the update, which therefore
    needs no reverse pass of its own. Right only where no example touches another: see
    :func:`weightbench.alignment.obstacles.obstacle`.
    """
    clean = batches.clean_inputs, batches.clean_labels, len(batches.labels)
    direction = None if batches.virtual else clean_direction(model, *clean)
    with recorded(model) as calls:
        logits = outputs(model, batches.inputs)
        losses = losses_of(loss, logits, batches.labels)
    parts = parts_of(traced(calls, losses, torch.ones_like(losses)))
    if batches.virtual is not None:
        step = total(parts, batches.virtual.weigh(losses.detach()).detach().to(losses.dtype))
        with stepped(step, batches.virtual.rate):
            direction = clean_direction(model, *clean)
    assert direction is not None
    alignment = torch.zeros_like(losses)
    with torch.no_grad(), torch.autocast(logits.device.type, enabled=False):
        for parameter, part in parts:
            along = direction[parameter]
            alignment += (
                along.pairs(part) if isinstance(along, LinearWeight) else part.product(along)
            )
    return Aligned(
        alignment, logits.detach(), losses.detach(), lambda w: accumulate(total(parts, w))
    )


def parts_of(pairs: list[tuple[Call, Tensor]]) -> list[tuple[nn.Parameter, Part]]:
    """The parts of calls with the gradients at their outputs.

    Raises:
        LayerwiseUnsupported: an input is no longer what the layer saw.
    """
    with torch.no_grad(), torch.autocast(pairs[0][1].device.type, enabled=False):
        return [part for call, b in pairs for part in split(call.layer, call.unspoilt(), b)]


def total(parts: list[tuple[nn.Parameter, Part]], weights: Tensor | None = None) -> Gradients:
    """The gradient of every parameter over all calls of its layers; ``weights`` is (n,)."""
    gradients: Gradients = {}
    by = None if weights is None else Weights(weights)
    with torch.no_grad():
        for parameter, part in parts:
            gradient = part.gradient(by).to(parameter.dtype)
            known = gradients.get(parameter)
            gradients[parameter] = gradient if known is None else known + gradient
    return gradients


def accumulate(gradients: Gradients) -> None:
    """Add to ``.grad``, as a reverse pass would."""
    for parameter, gradient in gradients.items():
        parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
