"""Alignment layer by layer from one reverse pass, whose pieces the update reuses."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from weightbench.alignment.layers import Part, Weights, own, split
from weightbench.alignment.passes import Loss, clean_gradient, losses_of, outputs
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

    One forward pass and one reverse pass that stops at the layers' outputs give, for each call of a
    layer, its input and its output gradient. From these come the inner products of all examples'
    gradients with the clean gradient and later the weighted gradient of the update, which therefore
    needs no reverse pass of its own. Right only where no example touches another: see
    :func:`weightbench.alignment.obstacles.obstacle`.
    """
    direction = clean_gradient(model, clean_inputs, clean_labels)
    with recorded(model) as calls:
        logits = outputs(model, inputs)
        losses = losses_of(loss, logits, labels)
    parts = parts_of(traced(calls, losses, torch.ones_like(losses)))
    alignment = torch.zeros_like(losses)
    with torch.no_grad(), torch.autocast(logits.device.type, enabled=False):
        for parameter, part in parts:
            alignment += part.product(direction[parameter])
    return alignment, logits.detach(), losses.detach(), lambda w: accumulate(total(parts, w))


def traced(
    calls: list[Call], losses: Tensor, seed: Tensor, *, retain_graph: bool = False
) -> list[tuple[Call, Tensor]]:
    """The calls on which ``losses`` depend, each with the gradient of ``seed . losses`` there."""
    gradients = torch.autograd.grad(
        losses, [call.edge for call in calls], seed, retain_graph=retain_graph, allow_unused=True
    )
    return [(call, b) for call, b in zip(calls, gradients, strict=True) if b is not None]


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
