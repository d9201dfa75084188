"""The clean gradient, in the form that products with it are cheapest in."""

from __future__ import annotations

import collections
from typing import Any

import torch
from torch import Tensor, nn

from weightbench.alignment.calls import Call, recorded
from weightbench.alignment.layers import own
from weightbench.alignment.parts import LinearWeight
from weightbench.alignment.passes import clean_loss, outputs, trained
from weightbench.alignment.untouched import kept_state

Direction = dict[nn.Parameter, Tensor | LinearWeight]

_WORTHWHILE = 0.01  # of a plain step: what pairs must save in all, or they are not used


def clean_direction(model: nn.Module, inputs: Any, labels: Tensor, n: int) -> Direction:
    """The gradient of the clean loss; of some linear layers as the factors it is the product of.

    Products of ``n`` examples' gradients with factors are sums over pairs of examples (eq. 25 of
    Ren et al. 2018, appendix). Which layers those are is a matter of counting: see :func:`_paired`.
    """
    with kept_state(model), recorded(model) as calls:
        loss = clean_loss(outputs(model, inputs), labels)
        paired = _paired(calls, n)
        formed = [p for p in trained(model).values() if p not in paired]
        wanted = [*formed, *(call.edge for call in paired.values())]
        found = torch.autograd.grad(loss, wanted, allow_unused=True)  # type: ignore[arg-type]
    direction: Direction = {}
    for parameter, gradient in zip([*formed, *paired], found, strict=True):
        if gradient is None:
            direction[parameter] = torch.zeros_like(parameter)
        elif call := paired.get(parameter):
            direction[parameter] = LinearWeight(call.unspoilt(), gradient)
        else:
            direction[parameter] = gradient
    return direction


def _paired(calls: list[Call], n: int) -> dict[nn.Parameter, Call]:
    """Weights whose products cost fewer multiplications by pairs, each with its only call."""
    weighted = [
        (call, weight) for call in calls if (weight := own(call.layer).get("weight")) is not None
    ]
    uses = collections.Counter(weight for _, weight in weighted)
    paired, saved, step = {}, 0, 0
    for call, weight in weighted:
        step += 3 * n * call.outputs * (weight.numel() // len(weight)) // len(call.inputs)
        saving = _saved_by_pairs(call, n)
        if saving > 0 and uses[weight] == 1:
            paired[weight] = call
            saved += saving
    return paired if saved > _WORTHWHILE * step else {}


def _saved_by_pairs(call: Call, n: int) -> int:
    """Multiplications that pairs of rows save in the products with a layer's clean gradient.

    Forming the gradient and passing the rows of the training batch through it takes
    ``(rows + clean rows) in out`` of them, pairs take ``rows clean rows (in + out)``.
    """
    if not isinstance(call.layer, nn.Linear):
        return 0
    clean = call.inputs.numel() // call.layer.in_features  # examples times positions
    rows = clean * n // len(call.inputs)
    pairs = rows * clean * (call.layer.in_features + call.layer.out_features)
    return (rows + clean) * call.layer.weight.numel() - pairs
