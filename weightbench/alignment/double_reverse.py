"""Alignment by a reverse pass and the reverse pass of that one, on the network as it stands."""

from __future__ import annotations

import torch
from torch import nn

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
)
from weightbench.alignment.untouched import kept_state


def double_reverse(model: nn.Module, loss: Loss, batches: Batches) -> Aligned:
    """Alignment (n,) detached, logits (n, K) and losses (n,) with graph.

    The reverse pass from ``sum_i seed_i * losses_i`` is linear in the seeds; its inner product with
    the clean gradient, differentiated in the seeds, is the alignment. That is what a virtual step
    differentiated at eps = 0 comes to, without a copy of the network: hooks, pruning, normalised
    weights and values held fixed are those of a plain step. The pass is the training pass: it moves
    the running statistics, and the losses' graph serves the update.
    """
    clean = batches.clean_inputs, batches.clean_labels
    direction = None if batches.virtual else clean_gradient(model, *clean)
    with derivable_kernels(model):
        logits = outputs(model, batches.inputs)
        losses = losses_of(loss, logits, batches.labels)
        seeds = torch.zeros_like(losses, requires_grad=True)
    if batches.virtual is not None:
        with derivable_kernels(model), kept_state(model):
            step = virtual_gradient(model, losses, batches.virtual)
        with stepped(step, batches.virtual.rate):
            direction = clean_gradient(model, *clean)
    assert direction is not None
    # What a reverse pass runs again (activation checkpointing) moves buffers in the update alone.
    with derivable_kernels(model), kept_state(model):
        pulled = torch.autograd.grad(
            losses, list(trained(model).values()), seeds, create_graph=True, allow_unused=True
        )
        moving = [
            (gradient, along)
            for gradient, along in zip(pulled, direction.values(), strict=True)
            if gradient is not None and gradient.requires_grad
        ]
        (pushed,) = torch.autograd.grad(
            [gradient for gradient, _ in moving], seeds, [along for _, along in moving],
            retain_graph=True, materialize_grads=True,
        )  # fmt: skip
    return Aligned(pushed, logits, losses)
