"""Calls of layers in a forward pass, and the gradients that arrive at their outputs."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from weightbench.alignment import attention
from weightbench.alignment.layers import own
from weightbench.errors import LayerwiseUnsupported


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of a layer: its input, and the place in the graph where its output arose."""

    layer: nn.Module
    inputs: Tensor
    version: int  # of the input, which operations in place would raise
    outputs: int  # numbers in the output
    edge: GradientEdge
    by_example: Callable[[Tensor], Tensor] | None = None  # what brings examples to the front

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

    def note(
        layer: nn.Module,
        inputs: Tensor,
        output: Tensor,
        by_example: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        if output.requires_grad:
            inputs = inputs.detach()
            rows = inputs if by_example is None else by_example(inputs)
            edge = get_gradient_edge(output)
            calls.append(Call(layer, rows, rows._version, output.numel(), edge, by_example))

    def hook(layer: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        seen: list[Tensor] = [*args, *kwargs.values()]
        note(layer, seen[0], output)

    # First of a layer's hooks, to meet what the layer itself gives.
    hooks = [
        layer.register_forward_hook(hook, with_kwargs=True, prepend=True)
        for layer in model.modules()
        if own(layer) and not attention.is_known(layer)
    ]
    try:
        with attention.noted(model, note):
            yield calls
    finally:
        for handle in hooks:
            handle.remove()


def traced(
    calls: list[Call], losses: Tensor, seed: Tensor, *, retain_graph: bool = False
) -> list[tuple[Call, Tensor]]:
    """The calls on which ``losses`` depend, each with the gradient of ``seed . losses`` there."""
    gradients = torch.autograd.grad(
        losses, [call.edge for call in calls], seed, retain_graph=retain_graph, allow_unused=True
    )
    return [
        (call, b if call.by_example is None else call.by_example(b))
        for call, b in zip(calls, gradients, strict=True)
        if b is not None
    ]
