"""Algorithm 1 of Ren et al. 2018 as printed, through ``higher``'s differentiable optimiser."""

from __future__ import annotations

import higher
import torch
from torch import Tensor, nn

from weightbench.alignment.passes import Loss, clean_loss, losses_of, outputs


def virtual_step(
    model: nn.Module,
    loss: Loss,
    inputs: Tensor,
    labels: Tensor,
    clean_inputs: Tensor,
    clean_labels: Tensor,
) -> Tensor:
    """``-d(clean loss after a virtual step)/d(eps)`` at eps = 0, (n,) detached.

    The virtual step is plain SGD whatever the real optimiser is: at eps = 0 it moves nothing, while
    momentum or weight decay would, and the clean gradient would be taken elsewhere. Buffers of
    ``model`` stay as they are.
    """
    throw_away = torch.optim.SGD(model.parameters(), lr=1.0)
    with higher.innerloop_ctx(model, throw_away) as (virtual, optimizer):
        losses = losses_of(loss, outputs(virtual, inputs), labels)
        eps = torch.zeros_like(losses, requires_grad=True)
        optimizer.step(torch.dot(eps, losses))
        (gradient,) = torch.autograd.grad(
            clean_loss(outputs(virtual, clean_inputs), clean_labels), eps
        )
    return -gradient
