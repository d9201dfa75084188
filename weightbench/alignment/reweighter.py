"""Learning to reweight in a training loop of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from weightbench.alignment import Aligned, Loss, Way, align
from weightbench.alignment.passes import losses_of, outputs
from weightbench.alignment.preconditions import check_examples, check_network
from weightbench.alignment.weights import normalize
from weightbench.errors import Misuse

Examples = tuple[Any, Tensor]  # inputs, (n, ...) or whatever the network takes, and labels (n,)


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
            example helps. Not finite where a loss is not.
        losses: (n,) of the last batch, detached.
    """

    alignment: Tensor
    weights: Tensor
    losses: Tensor

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
            model: inputs to (n, K) logits, called with one argument. Whatever mode it is in is the
                one that counts.
            clean: examples whose labels are right: inputs (m, ...) and labels (m,), all of them
                used in every step; or batches of such, a DataLoader say, one a step, gone through
                again and again. They are moved to where the training batch is.
            loss: (n, K) logits and (n,) labels to (n,) losses.
            way: of computing the alignment, see :func:`weightbench.align`.

        Raises:
            AlignmentUnsupported: ``model`` is a wrapper that spreads or compiles a network.
            Misuse: ``model`` is no module.
        """
        check_network(model)
        self._model, self._loss, self._way = model, loss, way
        self._clean = _for_ever(clean)
        self._aligned: Aligned | None = None

    def __call__(self, inputs: Any, labels: Tensor) -> Tensor:
        """The weights, (n,), of a training batch; its forward pass is done with it.

        Args:
            inputs: (n, ...), or a dict or tuple of such where the network takes one.
            labels: (n,) int64, as given.

        Raises:
            AlignmentUnsupported: no way of alignment is right for the network.
            Misuse: the clean batches are at their end or empty, labels are not (n,) int64, the loss
                is not one per example, nothing is trained, or gradients are switched off.
        """
        self._aligned = None
        check_examples("a training batch", inputs, labels)
        clean = self._clean_batch(labels.device)
        check_examples("a clean batch", *clean)
        aligned = align(self._model, self._loss, inputs, labels, *clean, self._way)
        losses = aligned.losses
        if losses is None:  # in the caller's precision, which backward() is outside of
            losses = losses_of(self._loss, outputs(self._model, inputs), labels)
            aligned = Aligned(aligned.alignment, losses=losses)
        self._aligned = aligned
        self.alignment, self.losses = aligned.alignment, losses.detach()
        self.weights = normalize(self.alignment)
        return self.weights

    def backward(self, scale: float | Tensor = 1.0) -> None:
        """Add the gradient of ``scale * sum_i weights_i * losses_i`` to ``.grad``.

        Args:
            scale: ``1 / k`` to accumulate over k batches, or a ``GradScaler``'s factor.

        Raises:
            Misuse: there is no batch, or its gradient has been added already.
        """
        if self._aligned is None:
            raise Misuse("call the reweighter on a batch before each backward()")
        aligned, self._aligned = self._aligned, None
        weights = self.weights * scale
        if aligned.backward is not None:
            aligned.backward(weights)
        elif aligned.losses is not None:
            torch.autograd.backward(aligned.losses, weights.to(aligned.losses.dtype))

    def _clean_batch(self, device: torch.device) -> Examples:
        """The next one, on ``device``."""
        batch = next(self._clean, None)
        if batch is None:
            raise Misuse("clean has no more batches; give a DataLoader or a list, not a generator")
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise Misuse(f"a clean batch is a {type(batch).__name__}; expected inputs and labels")
        return _moved(batch[0], device), _moved(batch[1], device)


def _moved(value: Any, device: torch.device) -> Any:
    """``value`` on ``device``: a tensor, what moves like one, or a dict, list or tuple of such."""
    if hasattr(value, "to"):
        return value.to(device)
    if isinstance(value, dict):
        return {name: _moved(part, device) for name, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_moved(part, device) for part in value)
    return value


def _for_ever(clean: Examples | Iterable[Examples]) -> Iterator[Any]:
    """The clean batch of every step; ends where there are no more."""
    batches: Any = clean
    if isinstance(clean, tuple | list) and len(clean) == 2 and isinstance(clean[1], Tensor):
        batches = [clean]
    found = True
    while found:
        found = False
        for batch in batches:
            found = True
            yield batch
