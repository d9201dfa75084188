"""The mini-batch a weighter sees, and what is done with the weights it returns."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from weightbench.alignment import Aligned, Way, align
from weightbench.alignment.passes import kept_buffers
from weightbench.data.dataset import Pool
from weightbench.errors import BadWeights

if TYPE_CHECKING:
    from weightbench.training.run import Run


def normalize(weights: Tensor) -> Tensor:
    """Clamp at 0 and divide by the sum; an all-zero batch stays zero.

    Ren et al. 2018, section 3.3: w = max(u, 0) / (sum + delta(sum)).

    Args:
        weights: (n,) float.

    Returns:
        (n,) float, detached, non-negative; sums to 1 or is all zero.
    """
    weights = weights.detach().clamp(min=0)
    total = weights.sum()
    return weights / (total + (total == 0))


class Batch:
    """A mini-batch as a weighter sees it. Costly things are computed when first read, and once.

    Attributes:
        run: the training run it belongs to.
        index: (n,) int64, positions in the training set (in the hold-out, for a clean batch).
        inputs: (n, ...) float32, after augmentation.
        labels: (n,) int64, as given.
        step: how many steps were taken before this one.
        progress: the share of the schedule that is behind, in [0, 1).
        held_out: whether the examples are those of the hold-out.
        timeless: whether nobody has asked it for ``run``, ``step`` or ``progress``: what is
            computed from the rest alone is the same computation in every step.
    """

    __slots__ = (
        "_alignment", "_clean", "_logits", "_losses", "_progress", "_run", "_step", "_update",
        "held_out", "index", "inputs", "labels", "timeless",
    )  # fmt: skip

    def __init__(
        self, run: Run, index: Tensor, inputs: Tensor, labels: Tensor, held_out: bool = False
    ) -> None:
        self._open(run, index, held_out)
        self.inputs = inputs
        self.labels = labels

    def _open(self, run: Run, index: Tensor, held_out: bool) -> None:
        self._run = run
        self.held_out = held_out
        self.index = index
        self._step = run.steps_taken
        self._progress = run.progress
        self.timeless = True
        self._logits: Tensor | None = None
        self._losses: Tensor | None = None
        self._clean: Batch | None = None
        self._update: Callable[[Tensor], None] | None = None
        self._alignment: dict[Way, Tensor] = {}

    def __len__(self) -> int:
        return len(self.index)

    @property
    def run(self) -> Run:
        """See the class."""
        self.timeless = False
        return self._run

    @property
    def step(self) -> int:
        """See the class."""
        self.timeless = False
        return self._step

    @property
    def progress(self) -> float:
        """See the class."""
        self.timeless = False
        return self._progress

    @property
    def model(self) -> nn.Module:
        """The network in training."""
        return self._run.model

    @property
    def logits(self) -> Tensor:
        """(n, K) outputs of the network in training mode, with graph. The update reuses them."""
        if self._logits is None:
            with self._run.autocast():
                logits: Tensor = self._run.model(self.inputs)
            self._logits = logits if logits.dtype == torch.float32 else logits.float()
        return self._logits

    @property
    def losses(self) -> Tensor:
        """(n,) losses of the examples, with graph. The update reuses them, so reading is free."""
        if self._losses is None:
            self._losses = self._run.weighter.losses(self.logits, self.labels)
        return self._losses

    def clean(self) -> Batch:
        """The hold-out mini-batch of this step, the same one that :meth:`alignment` uses."""
        if self._clean is None:
            self._clean = self._run.clean_batch()
        return self._clean

    def alignment(self, way: Way = "auto") -> Tensor:
        """How far each example's gradient points where the hold-out's does.

        Element i is <gradient of the mean hold-out loss, gradient of loss i>, that is, up to the
        step size, -d(hold-out loss)/d(eps_i) of Ren et al. 2018, Algorithm 1. It concerns the
        network's parameters; those of a loss take no part. ``fused`` and ``layerwise`` make the
        update's own pass, so after them :attr:`logits` and :attr:`losses` are of that pass (under
        ``layerwise`` without graph). If those were read before, they stay, and this costs a pass
        more.

        Args:
            way: ``higher``, ``fused``, ``layerwise`` or ``auto``; all give the same numbers.

        Returns:
            (n,) float, detached.

        Raises:
            LayerwiseUnsupported: ``layerwise`` was asked for and is not valid here.
            UnknownParameter: there is no such way.
        """
        if way not in self._alignment:
            if self._losses is None and self._logits is None:
                aligned = self._aligned(way)
                self._logits, self._losses = aligned.logits, aligned.losses
                self._update = aligned.backward
            else:
                with kept_buffers(self._run.model):
                    aligned = self._aligned(way)
            self._alignment[way] = aligned.alignment
        return self._alignment[way]

    def _aligned(self, way: Way) -> Aligned:
        run, clean = self._run, self.clean()
        with run.autocast():
            return align(
                run.model, run.weighter.losses, self.inputs, self.labels,
                clean.inputs, clean.labels, way,
                loss_has_parameters=bool(run.loss_parameters),
            )  # fmt: skip

    def backward(self, weights: Tensor) -> None:
        """Accumulate the gradient of ``sum_i weights_i * losses_i``."""
        if self._update is None:
            # The gradient of the weighted sum, without forming the sum in the graph.
            self.losses.backward(weights)  # type: ignore[no-untyped-call]
        else:
            self._update(weights)

    def is_finite(self, weights: Tensor) -> bool:
        """Whether ``sum_i weights_i * losses_i`` is a finite number."""
        return math.isfinite(torch.dot(weights, self.losses.detach()).item())


class Drawn(Batch):
    """A batch by position in a pool; its examples are gathered when they are first read.

    Attributes:
        pool: what it is drawn from.
        drawn: what the augmentation drew for its images; None where there is none.
    """

    __slots__ = ("drawn", "pool")

    def __init__(
        self, run: Run, pool: Pool, index: Tensor, drawn: Tensor | None, held_out: bool
    ) -> None:
        self._open(run, index, held_out)
        self.pool = pool
        self.drawn = drawn

    def __getattr__(self, name: str) -> Tensor:
        """Called for what is not there yet."""
        if name not in ("inputs", "labels"):
            raise AttributeError(f"a batch has no attribute {name!r}")
        self.inputs, self.labels = self.pool.take(self.index, self.drawn)
        return self.inputs if name == "inputs" else self.labels


def usable(weights: Tensor, batch: Batch) -> Tensor:
    """``weights`` in the form a step takes, (n,) float32, detached; see :func:`explain` for values.

    Raises:
        BadWeights: not a tensor, or of the wrong shape, device or type.
    """
    if not isinstance(weights, Tensor):
        raise BadWeights(f"weigh returned a {type(weights).__name__}; expected a tensor")
    if weights.shape != batch.labels.shape:
        raise BadWeights(
            f"weights have shape {tuple(weights.shape)}; expected {tuple(batch.labels.shape)}, "
            "one per example"
        )
    if weights.device != batch.labels.device:
        raise BadWeights(f"weights are on {weights.device}; the batch is on {batch.labels.device}")
    if not weights.is_floating_point():
        raise BadWeights(f"weights are {weights.dtype}; use .float()")
    if weights.requires_grad:
        weights = weights.detach()
    return weights if weights.dtype == torch.float32 else weights.float()


def explain(weights: Tensor, batch: Batch, negative: bool) -> None:
    """Say what is wrong with the values of ``weights``, if anything is.

    Args:
        weights: (n,) float32.
        batch: what they are weights of.
        negative: whether they may be negative.

    Raises:
        BadWeights: one is not finite, or is negative and may not be.
    """
    bad = weights[~weights.isfinite()]
    if len(bad):
        raise BadWeights(
            f"{len(bad)} of {len(weights)} weights are not finite ({bad[0].item()}) "
            f"at step {batch.step}"
        )
    if not negative and (low := weights.min().item()) < 0:
        raise BadWeights(
            f"a weight is {low:.3g} at step {batch.step}; clamp it (weightbench.normalize) "
            "or declare negative = True"
        )
