"""Alignment by one forward pass that carries its own derivative; the update reuses that pass."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.forward_ad import dual_level, make_dual, unpack_dual
from torch.func import functional_call

from weightbench.alignment.passes import (
    Aligned,
    Batches,
    Loss,
    clean_gradient,
    derivable_kernels,
    losses_of,
    outputs,
    stepped,
    trained,
    virtual_gradient,
    widened,
)
from weightbench.alignment.tangents import own_tangents
from weightbench.alignment.untouched import kept_state
from weightbench.errors import FusedUnsupported


def fused(model: nn.Module, loss: Loss, batches: Batches) -> Aligned:
    """Alignment (n,) detached, logits (n, K) and losses (n,) with graph.

    The directional derivative of the losses along the clean gradient is, element by element,
    <clean gradient, gradient of loss i>. Dual numbers yield it beside the losses in one pass,
    which couples examples exactly as the network does. That pass is the training pass: it moves the
    running statistics, and the losses' graph serves the update. The clean pass moves nothing.

    Raises:
        FusedUnsupported: an operation of ``model`` has no forward derivative.
    """
    direction = _direction(model, loss, batches)
    logits, tangent = _dual_pass(model, direction, batches.inputs)
    logits = widened(logits)
    losses = losses_of(loss, logits, batches.labels)
    tangent = tangent.to(logits.dtype)
    return Aligned(_derivative(losses, logits, tangent), logits, losses, tangent=tangent)


def _direction(model: nn.Module, loss: Loss, batches: Batches) -> dict[nn.Parameter, Tensor]:
    """The clean gradient; after the virtual step, where there is one, by a pass more."""
    clean = batches.clean_inputs, batches.clean_labels
    if batches.virtual is None:
        return clean_gradient(model, *clean)
    with kept_state(model):
        losses = losses_of(loss, outputs(model, batches.inputs), batches.labels)
        step = virtual_gradient(model, losses, batches.virtual)
    with stepped(step, batches.virtual.rate):
        return clean_gradient(model, *clean)


def _dual_pass(
    model: nn.Module, direction: dict[nn.Parameter, Tensor], inputs: Any
) -> tuple[Tensor, Tensor]:
    """Outputs (n, K) with graph, and their derivative along ``direction`` without."""
    # The level must be left before any reverse pass, which would carry tangents too.
    with (
        dual_level(),
        _tangents_without_graph(model),
        own_tangents(model),
        derivable_kernels(model),
    ):
        duals = {name: make_dual(p, direction[p]) for name, p in trained(model).items()}
        try:
            logits, tangent = unpack_dual(functional_call(model, duals, (inputs,)))
        except NotImplementedError as error:
            raise FusedUnsupported(str(error).splitlines()[0]) from error
        return logits, torch.zeros_like(logits) if tangent is None else tangent.detach()


def _derivative(losses: Tensor, logits: Tensor, tangent: Tensor) -> Tensor:
    """The directional derivative of ``losses`` along ``tangent``, the graph of ``losses`` intact.

    By two reverse passes over the loss alone, which respect ``no_grad`` and ``detach`` inside it
    (forward derivatives pass through ``no_grad``) and need no forward formula of its operations;
    where an operation has no second derivative, by one for each example.
    """
    seed = torch.zeros_like(losses, requires_grad=True)
    try:
        (pulled,) = torch.autograd.grad(losses, logits, seed, create_graph=True)
        (pushed,) = torch.autograd.grad(pulled, seed, tangent)
    except RuntimeError:
        rows = torch.eye(len(losses)).to(losses)
        slopes = [torch.autograd.grad(losses, logits, row, retain_graph=True)[0] for row in rows]
        pushed = torch.stack([(slope * tangent).sum() for slope in slopes])
    return pushed


@contextlib.contextmanager
def _tangents_without_graph(model: nn.Module) -> Iterator[None]:
    """Cut the reverse graph of tangents after every layer.

    Nothing is differentiated through them, and their graph would keep more than twice the memory
    of the network's own.
    """
    layers = [module for module in model.modules() if next(module.children(), None) is None]
    hooks = [layer.register_forward_hook(_cut) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _cut(layer: nn.Module, inputs: Any, output: Any) -> Any:
    if not isinstance(output, Tensor):
        return output
    primal, tangent = unpack_dual(output)
    if tangent is None or not tangent.requires_grad:
        return output
    return make_dual(primal, tangent.detach())
