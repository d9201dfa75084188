"""Exact alignment of per-example gradients with the gradient of a clean batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from weightbench.alignment.virtual_step import virtual_step

Way = Literal["auto", "higher"]
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclasses.dataclass(frozen=True)
class Aligned:
    alignment: Tensor
    way: str
    logits: Tensor | None = None
    losses: Tensor | None = None
    backward: Callable[[Tensor], None] | None = None


def align(
    model: nn.Module,
    loss: Loss,
    inputs: Tensor,
    labels: Tensor,
    clean_inputs: Tensor,
    clean_labels: Tensor,
    way: Way = "auto",
    *,
    loss_has_parameters: bool = False,
) -> Aligned:
    return Aligned(virtual_step(model, loss, inputs, labels, clean_inputs, clean_labels), "higher")
