"""What an alignment is asked for: networks that stand by themselves, batches that have labels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from weightbench.alignment.passes import Batches, trained
from weightbench.errors import AlignmentUnsupported, Misuse

# Modules around a network, by where their classes are defined; with what to do about them.
_BARE = "give it the network inside (model.module) and average the gradients yourself"
_WHOLE = "its parameters are in pieces; train whole copies and average the gradients yourself"
_AROUND = {
    "torch.nn.parallel": _BARE,
    "torch.distributed.fsdp": _WHOLE,
    "torch.distributed._composable": _WHOLE,
    "deepspeed": _BARE,
    "torch._dynamo": "give it the network that torch.compile was called on",
    "torch.jit": "give it the network that this was made from",
}


def check_network(model: nn.Module) -> None:
    """Refuse what only looks like the network that is trained.

    Raises:
        AlignmentUnsupported: a wrapper that spreads or compiles a network is or is in ``model``.
        Misuse: ``model`` is no module.
    """
    if not isinstance(model, nn.Module):
        raise Misuse(f"a {type(model).__name__} is no network; alignment needs a torch.nn.Module")
    for module in model.modules():
        if mend := _around(module):
            kind = type(module).__name__
            raise AlignmentUnsupported(f"alignment does not see through {kind}: {mend}")


def _around(module: nn.Module) -> str | None:
    """What to do about ``module`` if it is a wrapper."""
    if "_compiled_call_impl" in vars(module):
        return "leave out its .compile()"
    origins = [f"{base.__module__}." for base in type(module).__mro__]
    found = (
        mend for place, mend in _AROUND.items() for origin in origins
        if origin.startswith(f"{place}.")
    )  # fmt: skip
    return next(found, None)


def check_trained(model: nn.Module) -> None:
    """Refuse a network of which nothing is trained.

    Raises:
        Misuse: no parameter requires a gradient.
    """
    if not trained(model):
        raise Misuse("the network has no parameter that requires a gradient; thaw those to train")


def check_batches(batches: Batches) -> None:
    """Both of them by :func:`check_examples`."""
    check_examples("a training batch", batches.inputs, batches.labels)
    check_examples("a clean batch", batches.clean_inputs, batches.clean_labels)


def check_examples(what: str, inputs: Any, labels: Any) -> None:
    """Refuse a batch that cannot be aligned. Asked in every step of a loop, at little cost.

    Raises:
        Misuse: labels are not (n,) int64 and at least one, or not as many as inputs; or gradients
            are switched off.
    """
    if not isinstance(labels, Tensor):
        raise Misuse(f"the labels of {what} are a {type(labels).__name__}; expected a Tensor")
    if labels.dtype is not torch.int64 or labels.dim() != 1:
        found = f"{labels.dtype} of shape {tuple(labels.shape)}"
        raise Misuse(f"the labels of {what} are {found}; expected torch.int64 of shape (n,)")
    if not labels.numel():
        raise Misuse(f"{what} has no examples")
    if isinstance(inputs, Tensor) and inputs.shape[:1] != labels.shape:
        raise Misuse(
            f"the inputs of {what} have shape {tuple(inputs.shape)} beside {len(labels)} labels; "
            "expected examples in the first dimension of both"
        )
    if not torch.is_grad_enabled():
        raise Misuse("alignment is a matter of gradients; call it outside of torch.no_grad()")
