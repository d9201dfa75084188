"""Algorithm 1 of Ren et al. 2018 as printed, through ``higher``'s differentiable optimiser."""

from __future__ import annotations

from collections.abc import Callable

import higher
import torch
import torch.nn.functional as F
from torch import Tensor, nn


def virtual_step(
    model: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    inputs: Tensor,
    labels: Tensor,
    clean_inputs: Tensor,
    clean_labels: Tensor,
) -> Tensor:
    """``-d(clean loss after a virtual step)/d(eps)`` at eps = 0, (n,) detached."""
    throw_away = torch.optim.SGD(model.parameters(), lr=1.0)
    with higher.innerloop_ctx(model, throw_away) as (virtual, optimizer):
        losses = loss(virtual(inputs), labels)
        eps = torch.zeros_like(losses, requires_grad=True)
        optimizer.step(torch.dot(eps, losses))
        clean_loss = F.cross_entropy(virtual(clean_inputs), clean_labels)
        (gradient,) = torch.autograd.grad(clean_loss, eps)
    return -gradient
