"""The last linear layer of a network, and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from weightbench.alignment.untouched import kept_state
from weightbench.errors import NoHead

T = TypeVar("T")


def head_of(model: nn.Module, inputs: Tensor) -> nn.Linear:
    """The linear layer whose outputs are the network's, found by a pass that moves nothing.

    Args:
        model: the network.
        inputs: (n, ...) any examples.

    Raises:
        NoHead: there is none.
    """
    last: list[tuple[nn.Linear, Tensor]] = []

    def note(layer: nn.Module, _: Any, output: Tensor) -> None:
        if isinstance(layer, nn.Linear):
            last[:] = [(layer, output)]

    hooks = [module.register_forward_hook(note) for module in model.modules()]
    training = model.training
    try:
        with torch.no_grad(), kept_state(model):
            logits = model.eval()(inputs)
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    if not last or not torch.equal(last[0][1], logits):
        raise NoHead(
            f"the outputs of a {type(model).__name__} are not those of a linear layer; features "
            "and head are of networks that end in one"
        )
    return last[0][0]


def seen_by(head: nn.Linear, work: Callable[[], T]) -> tuple[Tensor, T]:
    """What ``head`` is given while ``work`` runs, (n, d) float32 detached; and what that gives."""
    seen: list[Tensor] = []
    hook = head.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach().float()))
    try:
        result = work()
    finally:
        hook.remove()
    return torch.cat(seen), result
