"""Exact alignment of per-example gradients with the gradient of a clean batch, in several ways.

``higher`` takes the virtual step of Ren et al. 2018, Algorithm 1, and differentiates through it.
``fused`` and ``layerwise`` compute the same numbers as the inner products they are, ``auto`` is the
cheapest way that is right for the network, each of them tried beside plain reverse passes;
docs/alignment.md has the derivation, the costs and the limits.
"""

from __future__ import annotations

from typing import Any, cast, get_args

from torch import Tensor, nn

from weightbench.alignment.choice import Way, form_for
from weightbench.alignment.passes import Aligned, Batches, Loss, VirtualStep
from weightbench.errors import UnknownParameter

__all__ = ["Aligned", "Loss", "VirtualStep", "Way", "align", "alignment_way"]


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
    inputs: Any,
    labels: Tensor,
    clean_inputs: Any,
    clean_labels: Tensor,
    way: Way = "auto",
    *,
    loss_has_parameters: bool = False,
    after: VirtualStep | None = None,
) -> Aligned:
    """Align a training batch with a clean batch: Ren et al. 2018, ``-d l_g / d eps_i`` at eps = 0.

    Args:
        model: inputs to (n, K) logits, in the mode it trains in; called with one argument.
        loss: (n, K) logits and (n,) labels to (n,) losses, twice differentiable in the logits.
        inputs: (n, ...) of the training batch, or a dict or tuple where ``model`` takes one.
        labels: (n,) int64.
        clean_inputs: (m, ...) of the clean batch, whose loss is the mean cross-entropy; as
            ``inputs``.
        clean_labels: (m,) int64.
        way: the cheapest that is right (``auto``), or one of the three.
        loss_has_parameters: whether ``loss`` has trained parameters of its own.
        after: ``VirtualStep(weigh, rate)``, a step of plain SGD on the training batch with the
            weights that ``weigh`` makes of the (n,) losses; the clean gradient is taken after it.

    Returns:
        The alignment and what the update can use. ``higher`` leaves buffers as they are; the others
        leave them as one forward pass of the training batch does. The numbers are those of one
        reverse pass per example, to 1e-4 of the largest in float32 and 1e-9 in float64: each way
        was compared with that, once for this network, mode and loss, on some rows of this batch.

    Raises:
        LayerwiseUnsupported: ``layerwise`` was asked for and is not right here.
        FusedUnsupported: ``fused`` was asked for and is not right here.
        AlignmentUnsupported: no way is right here, or ``model`` is a wrapper that spreads or
            compiles a network.
        Misuse: labels are not (n,) int64, the loss is not one per example, nothing is trained,
            or the like.
        UnknownParameter: there is no such way.
    """
    batches = Batches(inputs, labels, clean_inputs, clean_labels, after)
    way = alignment_way(way)
    return form_for(model, loss, batches, way, loss_has_parameters)(model, loss, batches)
