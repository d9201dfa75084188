"""Alignment layer by layer from one pass over both batches; the update reuses its pieces."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from weightbench.alignment.layers import Part, own, split
from weightbench.alignment.passes import Loss, clean_loss, losses_of, outputs
from weightbench.errors import LayerwiseUnsupported

Gradients = dict[nn.Parameter, Tensor]


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of a layer: its input, and the place in the graph where its output arose."""

    layer: nn.Module
    inputs: Tensor
    version: int  # of the input, which operations in place would raise
    edge: GradientEdge

    def unspoilt(self) -> Tensor:
        """The input, if it still is what the layer saw."""
        if self.inputs._version != self.version:
            kind = type(self.layer).__name__
            raise LayerwiseUnsupported(f"the input of a {kind} is changed in place after its use")
        return self.inputs


@contextlib.contextmanager
def recorded(model: nn.Module) -> Iterator[list[Call]]:
    """Collect the calls of layers that have trained parameters of their own."""
    calls: list[Call] = []

    def note(layer: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        if not output.requires_grad:
            return
        seen: list[Tensor] = [*args, *kwargs.values()]
        inputs = seen[0].detach()
        calls.append(Call(layer, inputs, inputs._version, get_gradient_edge(output)))

    layers = [layer for layer in model.modules() if own(layer)]
    hooks = [layer.register_forward_hook(note, with_kwargs=True) for layer in layers]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def layerwise(
    model: nn.Module,
    loss: Loss,
    inputs: Tensor,
    labels: Tensor,
    clean_inputs: Tensor,
    clean_labels: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Callable[[Tensor], None]]:
    """Alignment (n,), logits (n, K), losses (n,), all detached, and what accumulates the gradient.

    One forward pass over both batches and one reverse pass that stops at the layers' outputs give,
    for each call of a layer, its input and its output gradient. From these: the clean gradient, its
    inner product with every example's gradient, and later the weighted gradient of the update,
    which therefore needs no reverse pass of its own. Right only where no example touches another:
    see :func:`weightbench.alignment.obstacles.obstacle`.
    """
    n = len(labels)
    with recorded(model) as calls:
        logits = outputs(model, torch.cat([inputs, clean_inputs]))
    losses = losses_of(loss, logits[:n], labels)
    clean = clean_loss(logits[n:], clean_labels)
    output_gradients = torch.autograd.grad(
        [losses, clean],
        [call.edge for call in calls],
        [torch.ones_like(losses), torch.ones_like(clean)],
        allow_unused=True,
    )
    with torch.no_grad(), torch.autocast(logits.device.type, enabled=False):
        parts: list[tuple[nn.Parameter, Part]] = []
        clean_parts: list[tuple[nn.Parameter, Part]] = []
        for call, b in zip(calls, output_gradients, strict=True):
            if b is not None:
                a = call.unspoilt()
                parts += split(call.layer, a[:n], b[:n])
                clean_parts += split(call.layer, a[n:], b[n:])
        direction = total(clean_parts)
        alignment = torch.zeros_like(losses)
        for parameter, part in parts:
            alignment += part.product(direction[parameter])
    return alignment, logits[:n].detach(), losses.detach(), lambda w: accumulate(total(parts, w))


def total(parts: list[tuple[nn.Parameter, Part]], weights: Tensor | None = None) -> Gradients:
    """The (weighted) gradient of every parameter, over all calls of its layers."""
    gradients: Gradients = {}
    with torch.no_grad():
        for parameter, part in parts:
            gradient = part.gradient(weights).to(parameter.dtype)
            known = gradients.get(parameter)
            gradients[parameter] = gradient if known is None else known + gradient
    return gradients


def accumulate(gradients: Gradients) -> None:
    """Add to ``.grad``, as a reverse pass would."""
    for parameter, gradient in gradients.items():
        parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
