"""Exact alignment of per-example gradients with the gradient of a clean batch, in three ways.

``higher`` takes the virtual step of Ren et al. 2018, Algorithm 1, and differentiates through it.
``fused`` and ``layerwise`` compute the same numbers as the inner products they are;
docs/alignment.md has the derivation, the costs and the limits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal, cast, get_args

from torch import Tensor, nn

from weightbench.alignment.fused import fused
from weightbench.alignment.layerwise import layerwise
from weightbench.alignment.obstacles import obstacle
from weightbench.alignment.passes import Loss
from weightbench.alignment.virtual_step import virtual_step
from weightbench.errors import LayerwiseUnsupported, UnknownParameter

Way = Literal["auto", "higher", "fused", "layerwise"]


@dataclasses.dataclass(frozen=True)
class Aligned:
    """Alignment, and what the passes made for it that the update can use.

    Attributes:
        alignment: (n,) <gradient of the clean loss, gradient of loss i>, detached.
        logits: (n, K) of the training batch, where the pass was the training pass.
        losses: (n,) of that pass; with graph, unless ``backward`` is there to replace it.
        backward: accumulates the gradient of ``sum_i weights_i * losses_i`` in the parameters.
    """

    alignment: Tensor
    logits: Tensor | None = None
    losses: Tensor | None = None
    backward: Callable[[Tensor], None] | None = None


def alignment_way(text: str) -> Way:
    """``text`` as a way to compute alignment.

    Raises:
        UnknownParameter: there is no such way.
    """
    ways = get_args(Way)
    if text not in ways:
        raise UnknownParameter(f"alignment={text}: expected {', '.join(ways[:-1])} or {ways[-1]}")
    return cast(Way, text)


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
    """Align a training batch with a clean batch: Ren et al. 2018, ``-d l_g / d eps_i`` at eps = 0.

    Args:
        model: (n, ...) inputs to (n, K) logits, in the mode it trains in.
        loss: (n, K) logits and (n,) labels to (n,) losses, twice differentiable in the logits.
        inputs: (n, ...) of the training batch.
        labels: (n,) int64.
        clean_inputs: (m, ...) of the clean batch, whose loss is the mean cross-entropy.
        clean_labels: (m,) int64.
        way: ``layerwise`` where it is right and else ``fused`` (``auto``), or one of the three.
        loss_has_parameters: whether ``loss`` has trained parameters of its own.

    Returns:
        The alignment and what the update can use. ``higher`` leaves buffers as they are; the others
        leave them as one forward pass of the training batch does.

    Raises:
        LayerwiseUnsupported: ``layerwise`` was asked for and is not right here.
        FusedUnsupported: ``fused`` meets an operation that has no forward derivative.
        UnknownParameter: there is no such way.
    """
    batches = (inputs, labels, clean_inputs, clean_labels)
    way = alignment_way(way)
    if way == "higher":
        return Aligned(virtual_step(model, loss, *batches))
    if way != "fused":
        reason = (
            "the loss has trained parameters of its own"
            if loss_has_parameters
            else obstacle(model, loss, inputs, labels)
        )
        if reason is None:
            return Aligned(*layerwise(model, loss, *batches))
        if way == "layerwise":
            raise LayerwiseUnsupported(f"layerwise alignment is not right here: {reason}")
    return Aligned(*fused(model, loss, *batches))
