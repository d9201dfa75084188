"""What the three ways share: outputs and losses of a pass, and passes that leave no trace."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor], Tensor]


def outputs(model: nn.Module, inputs: Tensor) -> Tensor:
    """Logits, (n, K); float32 where autocast made them narrower."""
    return widened(model(inputs))


def widened(values: Tensor) -> Tensor:
    """``values``, in float32 where their type is a narrow one."""
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values


def losses_of(loss: Loss, logits: Tensor, labels: Tensor) -> Tensor:
    """Losses per example, (n,), computed in the type of ``logits`` whatever autocast says."""
    with torch.autocast(logits.device.type, enabled=False):
        return loss(logits, labels)


def clean_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean cross-entropy of a clean batch, a scalar: l_g of Ren et al. 2018, Algorithm 1."""
    with torch.autocast(logits.device.type, enabled=False):
        return F.cross_entropy(logits, labels)


def trained(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that training moves, each once, by name."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def clean_gradient(model: nn.Module, inputs: Tensor, labels: Tensor) -> dict[nn.Parameter, Tensor]:
    """The gradient of the clean loss in every trained parameter; buffers stay as they are."""
    parameters = list(trained(model).values())
    with kept_buffers(model):
        gradients = torch.autograd.grad(
            clean_loss(outputs(model, inputs), labels), parameters, materialize_grads=True
        )
    return dict(zip(parameters, gradients, strict=True))


@contextlib.contextmanager
def kept_buffers(model: nn.Module) -> Iterator[None]:
    """Let the block move copies of running statistics and other buffers, thrown away after it.

    The buffers themselves are not written to: the graph of an earlier pass may still need them.
    """
    owned = [
        (module, name, buffer)
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    copies = {buffer: buffer.clone() for _, _, buffer in owned}  # of a shared one, one copy
    for module, name, buffer in owned:
        module._buffers[name] = copies[buffer]
    try:
        yield
    finally:
        for module, name, buffer in owned:
            module._buffers[name] = buffer
