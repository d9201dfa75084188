"""The optimiser a recipe names, for whatever parameters a network has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from weightbench.errors import BadSpec
from weightbench.training.recipe import Recipe


def build_optimizer(
    recipe: Recipe, model: nn.Module, loss_parameters: Sequence[nn.Parameter] = ()
) -> torch.optim.Optimizer:
    """Over the trainable parameters of ``model`` and, without weight decay, those of the loss.

    One kernel updates all parameters where each of them allows it (``fused``); where one does not,
    the optimiser is torch's plain one.
    """
    own = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for p in own if recipe.weight_decay and p.ndim > 1]
    plain = [p for p in own if not recipe.weight_decay or p.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": [*plain, *loss_parameters], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    fused = all(_fusible(p) for p in (*own, *loss_parameters))
    if recipe.optimizer == "adamw":
        betas = (recipe.momentum, 0.999)
        return torch.optim.AdamW(groups, lr=recipe.lr, betas=betas, fused=fused)
    return torch.optim.SGD(
        groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=fused
    )


def _fusible(parameter: nn.Parameter) -> bool:
    """Whether torch's fused kernels are right for it.

    They refuse complex numbers, on a CPU they step wrongly in half precision (torch 2.13), and they
    walk over memory from the first element on: a parameter with gaps (a slice of another tensor)
    would have its neighbours overwritten.
    """
    if is_lazy(parameter) or parameter.layout != torch.strided:
        return False
    if parameter.dtype not in (torch.float32, torch.float64):
        return False
    return torch.empty_like(parameter, device="meta").stride() == parameter.stride()


def is_fused(optimizer: torch.optim.Optimizer) -> bool:
    """Whether all its parameters are updated by fused kernels."""
    return all(group["fused"] for group in optimizer.param_groups)


def take_step(optimizer: torch.optim.Optimizer) -> None:
    """Take a step on the gradients that are there.

    A network shows only in its gradients that they are sparse. Fused kernels refuse those before
    they change anything, and the optimiser goes on without them from the group they refused.

    Raises:
        BadSpec: torch has no such step for sparse gradients.
    """
    try:
        optimizer.step()
    except RuntimeError:
        groups = optimizer.param_groups
        refused = next((i for i, group in enumerate(groups) if _is_sparse(group)), None)
        if refused is None:
            raise
        _leave_fused_kernels(optimizer)
        optimizer.param_groups = groups[refused:]  # a step was taken on those before
        try:
            optimizer.step()
        finally:
            optimizer.param_groups = groups


def _is_sparse(group: Mapping[str, Any]) -> bool:
    """Whether a gradient in the group is sparse."""
    return any(p.grad is not None and p.grad.is_sparse for p in group["params"])


def _leave_fused_kernels(optimizer: torch.optim.Optimizer) -> None:
    if not isinstance(optimizer, torch.optim.SGD):
        raise BadSpec("adamw takes no sparse gradients; build the network with sparse=False")
    for group in optimizer.param_groups:
        group["fused"] = False
        if group["weight_decay"] and _is_sparse(group):
            raise BadSpec(
                "weight decay takes no sparse gradients; set weight_decay=0 or build the network "
                "with sparse=False"
            )


def forget_gradients(optimizer: torch.optim.Optimizer) -> None:
    """What ``zero_grad`` does, without its entry in a profile: 3 % of the smallest steps."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = None


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every group."""
    for group in optimizer.param_groups:
        group["lr"] = rate
