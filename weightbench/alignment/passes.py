"""What the ways share: batches, outputs and losses of a pass, and what an alignment comes with."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from weightbench.alignment.untouched import kept_state
from weightbench.errors import Misuse

Loss = Callable[[Tensor, Tensor], Tensor]


class VirtualStep(NamedTuple):
    """A step of plain SGD on the training batch, after which the clean gradient is taken.

    Attributes:
        weigh: (n,) losses, detached, to the (n,) weights of the step.
        rate: its learning rate.
    """

    weigh: Callable[[Tensor], Tensor]
    rate: float


class Batches(NamedTuple):
    """A training batch of n examples and a clean batch of m; inputs are the network's argument.

    The clean gradient is taken at the parameters as they are, or after a virtual step.
    """

    inputs: Any
    labels: Tensor
    clean_inputs: Any
    clean_labels: Tensor
    virtual: VirtualStep | None = None


@dataclasses.dataclass(frozen=True)
class Aligned:
    """Alignment, and what the passes made for it that the update can use.

    Attributes:
        alignment: (n,) <gradient of the clean loss, gradient of loss i>, detached.
        tangent: (n, K) derivative of the logits along the former, where the pass made it.
        logits: (n, K) of the training batch, where the pass was the training pass.
        losses: (n,) of that pass; with graph, unless ``backward`` is there to replace it.
        backward: accumulates the gradient of ``sum_i weights_i * losses_i`` in the parameters.
    """

    alignment: Tensor
    logits: Tensor | None = None
    losses: Tensor | None = None
    backward: Callable[[Tensor], None] | None = None
    tangent: Tensor | None = None


Form = Callable[[nn.Module, Loss, Batches], Aligned]


def outputs(model: nn.Module, inputs: Any) -> Tensor:
    """Logits, (n, K); float32 where autocast made them narrower.

    Raises:
        Misuse: they are something else.
    """
    logits = model(inputs)
    if not isinstance(logits, Tensor) or logits.dim() != 2:
        found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise Misuse(
            f"the network gives {found}; expected logits, a tensor (n, K): wrap it in a module "
            "that returns them"
        )
    return widened(logits)


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


def clean_gradient(model: nn.Module, inputs: Any, labels: Tensor) -> dict[nn.Parameter, Tensor]:
    """The gradient of the clean loss in every trained parameter; buffers stay as they are."""
    parameters = list(trained(model).values())
    with kept_state(model):
        gradients = torch.autograd.grad(
            clean_loss(outputs(model, inputs), labels), parameters, materialize_grads=True
        )
    dense = (gradient.to_dense() if gradient.is_sparse else gradient for gradient in gradients)
    return dict(zip(parameters, dense, strict=True))


def virtual_gradient(
    model: nn.Module, losses: Tensor, virtual: VirtualStep
) -> dict[nn.Parameter, Tensor]:
    """The gradient that the virtual step goes along; the graph of ``losses`` stays."""
    weights = virtual.weigh(losses.detach()).detach().to(losses.dtype)
    parameters = list(trained(model).values())
    gradients = torch.autograd.grad(
        losses, parameters, weights, retain_graph=True, materialize_grads=True
    )
    return dict(zip(parameters, gradients, strict=True))


@contextlib.contextmanager
def stepped(gradients: Mapping[nn.Parameter, Tensor], rate: float) -> Iterator[None]:
    """Have parameters a step of plain SGD further in the block, and back to the bit after it.

    They move behind autograd's back, as the graph of an earlier pass may still need them.
    """
    kept = [(parameter.data, parameter.data.clone()) for parameter in gradients]
    try:
        for (values, _), gradient in zip(kept, gradients.values(), strict=True):
            values.add_(gradient.to(values.dtype), alpha=-rate)
        yield
    finally:
        for values, before in kept:
            values.copy_(before)


def distinct_weights(n: int) -> Tensor:
    """Weights of n examples, from 0 to 1 and in no order, of which no two are alike."""
    if n == 1:
        return torch.ones(1)
    return torch.randperm(n, generator=torch.Generator().manual_seed(0)) / (n - 1)


@contextlib.contextmanager
def derivable_kernels(model: nn.Module) -> Iterator[None]:
    """Run attention and recurrent layers through kernels that have every derivative.

    Torch's faster ones have a reverse pass alone: those of attention everywhere, oneDNN's LSTM on a
    CPU in float32, cuDNN's recurrent layers.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        if any(isinstance(module, nn.RNNBase) for module in model.modules()):
            stack.enter_context(_disabled(torch.backends.mkldnn))
            stack.enter_context(_disabled(torch.backends.cudnn))
        yield


@contextlib.contextmanager
def _disabled(library: Any) -> Iterator[None]:
    """Do without a library of kernels. Its own ``flags`` would set other switches, too."""
    before = library.enabled
    library.enabled = False
    try:
        yield
    finally:
        library.enabled = before
