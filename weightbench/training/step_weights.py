"""Whether what a weighter returned can weigh a batch, and the form in which a step takes it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from weightbench.errors import BadWeights
from weightbench.training.run import Batch


def is_finite(batch: Batch, weights: Tensor) -> bool:
    """Whether ``sum_i weights_i * losses_i`` is a finite number."""
    return math.isfinite(torch.dot(weights, batch.losses.detach()).item())


def faults_of_form(weights: object, batch: Batch) -> Iterator[tuple[str, str]]:
    """What keeps ``weights`` from weighing ``batch``: a rule of the checker, the fault in words."""
    if not isinstance(weights, Tensor):
        yield "tensor", f"weigh returned a {type(weights).__name__}; expected a tensor"
        return
    if weights.shape != batch.labels.shape:
        expected = f"expected {tuple(batch.labels.shape)}, one per example"
        yield "shape", f"weights have shape {tuple(weights.shape)}; {expected}"
    if weights.device != batch.labels.device:
        yield "device", f"weights are on {weights.device}; the batch is on {batch.labels.device}"
    if not weights.is_floating_point():
        yield "dtype", f"weights are {weights.dtype}; use .float()"


def faults_of_values(weights: Tensor, batch: Batch, negative: bool) -> Iterator[tuple[str, str]]:
    """As :func:`faults_of_form`, of the values of (n,) weights that are of the right form.

    Args:
        weights: (n,) floating point.
        batch: what they are weights of.
        negative: whether they may be negative.
    """
    bad = weights[~weights.isfinite()]
    if len(bad):
        share = f"{len(bad)} of {len(weights)} weights are not finite ({bad[0].item()})"
        yield "finite", f"{share} at step {batch.step}"
    elif not negative and (low := weights.min().item()) < 0:
        mend = "clamp it (weightbench.normalize) or declare negative = True"
        yield "negative", f"a weight is {low:.3g} at step {batch.step}; {mend}"


def as_step_weights(weights: Tensor, batch: Batch) -> Tensor:
    """``weights`` in the form a step takes, (n,) float32, detached, whatever their values.

    Raises:
        BadWeights: not a tensor, or of the wrong shape, device or type.
    """
    for _, fault in faults_of_form(weights, batch):
        raise BadWeights(fault)
    if weights.requires_grad:
        weights = weights.detach()
    return weights if weights.dtype == torch.float32 else weights.float()


def check_values(weights: Tensor, batch: Batch, negative: bool) -> None:
    """Say what is wrong with the values of ``weights``, if anything is.

    Raises:
        BadWeights: one is not finite, or is negative and may not be.
    """
    for _, fault in faults_of_values(weights, batch, negative):
        raise BadWeights(fault)
