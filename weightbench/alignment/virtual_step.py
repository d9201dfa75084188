"""Algorithm 1 of Ren et al. 2018 as printed, through ``higher``'s differentiable optimiser."""

from __future__ import annotations

import higher
import torch
from torch import nn

from weightbench.alignment.passes import (
    Aligned,
    Batches,
    Loss,
    clean_loss,
    derivable_kernels,
    losses_of,
    outputs,
)


def virtual_step(model: nn.Module, loss: Loss, batches: Batches) -> Aligned:
    """``-d(clean loss after a virtual step)/d(eps)`` at eps = 0, (n,) detached.

    The virtual step is plain SGD whatever the real optimiser is: at eps = 0 it moves nothing, while
    momentum or weight decay would, and the clean gradient would be taken elsewhere. Buffers of
    ``model`` stay as they are. The library works on a copy of the network that lacks hooks, forward
    methods of instances and what hangs on them: there, :func:`double_reverse` is the reference.
    """
    throw_away = torch.optim.SGD(model.parameters(), lr=1.0)
    with (
        derivable_kernels(model),
        higher.innerloop_ctx(model, throw_away) as (virtual, optimizer),
    ):
        losses = losses_of(loss, outputs(virtual, batches.inputs), batches.labels)
        eps = torch.zeros_like(losses, requires_grad=True)
        optimizer.step(torch.dot(eps, losses))
        clean = clean_loss(outputs(virtual, batches.clean_inputs), batches.clean_labels)
        (gradient,) = torch.autograd.grad(clean, eps)
    return Aligned(-gradient)
