"""Learning to reweight in a training loop of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from weightbench.alignment import Aligned, Loss, Way, align
from weightbench.alignment.passes import losses_of, outputs
from weightbench.alignment.weights import normalize
from weightbench.errors import Misuse

Examples = tuple[Tensor, Tensor]  # inputs (n, ...) and labels (n,)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Of each example, (n, K) and (n,) to (n,)."""
    return F.cross_entropy(logits, labels, reduction="none")


class Reweighter:
    """The weights of Ren et al. 2018, Algorithm 1, and the gradient of the weighted loss.

    Three lines take the place of a training step::

        reweighter = wb.Reweighter(model, clean=(clean_inputs, clean_labels))
        for inputs, labels in loader:
            optimizer.zero_grad()
            weights = reweighter(inputs, labels)
            reweighter.backward()
            optimizer.step()

    Any optimiser, schedule, clipping and precision may stand around them;
    docs/reweight-your-own-loop.md shows how.

    Attributes:
        alignment: (n,) of the last batch: <gradient of the clean loss, gradient of loss i>.
        weights: (n,) of the last batch, not negative; they sum to 1, or are all zero where no
            example helps.
        losses: (n,) of the last batch, detached; None where the way is ``higher``.
    """

    alignment: Tensor
    weights: Tensor
    losses: Tensor | None

    def __init__(
        self,
        model: nn.Module,
        *,
        clean: Examples | Iterable[Examples],
        loss: Loss = cross_entropy,
        way: Way = "auto",
    ) -> None:
        """Reweigh the training of ``model``.

        Args:
            model: (n, ...) inputs to (n, K) logits.
            clean: examples whose labels are right: inputs (m, ...) and labels (m,), all of them
                used in every step; or batches of such, a DataLoader say, one a step, gone through
                again and again.
            loss: (n, K) logits and (n,) labels to (n,) losses.
            way: of computing the alignment, see :func:`weightbench.align`.
        """
        self._model, self._loss, self._way = model, loss, way
        self._clean = _for_ever(clean)
        self._batch: Examples | None = None
        self._aligned: Aligned | None = None

    def __call__(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """The weights, (n,), of a training batch; its forward pass is done with it.

        Args:
            inputs: (n, ...).
            labels: (n,) int64, as given.

        Raises:
            AlignmentUnsupported: no way of alignment is right for the network.
            Misuse: the clean batches are at their end, or the loss is not one per example.
        """
        clean_inputs, clean_labels = (part.to(labels.device) for part in next(self._clean))
        self._aligned = align(
            self._model, self._loss, inputs, labels, clean_inputs, clean_labels, self._way
        )
        self._batch = inputs, labels
        self.alignment = self._aligned.alignment
        self.losses = None if self._aligned.losses is None else self._aligned.losses.detach()
        self.weights = normalize(self.alignment)
        return self.weights

    def backward(self, scale: float | Tensor = 1.0) -> None:
        """Add the gradient of ``scale * sum_i weights_i * losses_i`` to ``.grad``.

        Args:
            scale: ``1 / k`` to accumulate over k batches, or a ``GradScaler``'s factor.

        Raises:
            Misuse: there is no batch, or its gradient has been added already.
        """
        if self._aligned is None or self._batch is None:
            raise Misuse("call the reweighter on a batch before each backward()")
        aligned, batch, self._aligned = self._aligned, self._batch, None
        weights = self.weights * scale
        if aligned.backward is not None:
            aligned.backward(weights)
            return
        losses = aligned.losses
        if losses is None:
            losses = losses_of(self._loss, outputs(self._model, batch[0]), batch[1])
        torch.autograd.backward(losses, weights.to(losses.dtype))


def _for_ever(clean: Examples | Iterable[Examples]) -> Iterator[Examples]:
    """The clean batch of every step."""
    batches: Any = clean
    if isinstance(clean, tuple | list) and isinstance(clean[0], Tensor):
        batches = [clean]
    while True:
        found = False
        for inputs, labels in batches:
            found = True
            yield inputs, labels
        if not found:
            raise Misuse("clean has no more batches; give a DataLoader or a list, not a generator")
