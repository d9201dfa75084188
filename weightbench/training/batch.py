"""Mini-batches, and what is done with the weights that a weighter returns for them."""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from typing_extensions import override

from weightbench.alignment import Aligned, Way, align
from weightbench.alignment.untouched import kept_state
from weightbench.data.dataset import Pool
from weightbench.errors import BadWeights, Misuse
from weightbench.training.run import Batch, Run


class ComputedBatch(Batch):
    """A batch that a step can be taken on; its examples are gathered when they are first read."""

    def __init__(self, run: Run, index: Tensor, held_out: bool) -> None:
        self._run = run
        self.held_out = held_out
        self.index = index
        self._step = run.steps_taken
        self._step_independent = True
        self._examples: tuple[Tensor, Tensor] | None = None
        self._logits: Tensor | None = None
        self._losses: Tensor | None = None
        self._clean: Batch | None = None
        self._update: Callable[[Tensor], None] | None = None
        self._alignment: dict[Way, Tensor] = {}

    @abc.abstractmethod
    def _gather(self) -> tuple[Tensor, Tensor]:
        """Inputs and labels."""

    # functools.cached_property takes a lock before Python 3.12: 3 % of the smallest steps.

    @property
    @override
    def inputs(self) -> Tensor:
        if self._examples is None:
            self._examples = self._gather()
        return self._examples[0]

    @property
    @override
    def labels(self) -> Tensor:
        if self._examples is None:
            self._examples = self._gather()
        return self._examples[1]

    @property
    @override
    def run(self) -> Run:
        self._step_independent = False
        return self._run

    @property
    @override
    def step(self) -> int:
        self._step_independent = False
        return self._step

    @property
    @override
    def progress(self) -> float:
        self._step_independent = False
        return self._step / self._run.recipe.steps

    @property
    @override
    def model(self) -> nn.Module:
        return self._run.model

    @property
    @override
    def logits(self) -> Tensor:
        if self._logits is None:
            with self._run.autocast():
                logits: Tensor = self._run.model(self.inputs)
            self._logits = logits if logits.dtype == torch.float32 else logits.float()
        return self._logits

    @property
    @override
    def losses(self) -> Tensor:
        if self._losses is None:
            self._losses = self._run.losses(self.logits, self.labels)
        return self._losses

    @override
    def clean(self) -> Batch:
        if self._clean is None:
            self._clean = self._run.clean_batch()
        return self._clean

    @override
    def alignment(self, way: Way = "auto") -> Tensor:
        if way not in self._alignment:
            if self._losses is None and self._logits is None:
                aligned = self._aligned(way)
                self._logits, self._losses = aligned.logits, aligned.losses
                self._update = aligned.backward
            else:
                with kept_state(self.model):
                    aligned = self._aligned(way)
            self._alignment[way] = aligned.alignment
        return self._alignment[way]

    def _aligned(self, way: Way) -> Aligned:
        run, clean = self._run, self.clean()
        with run.autocast():
            return align(
                run.model, run.losses, self.inputs, self.labels, clean.inputs, clean.labels, way,
                loss_has_parameters=bool(run.loss_parameters),
            )  # fmt: skip

    def _backward(self, weights: Tensor) -> None:
        if self._update is None:
            # The gradient of the weighted sum, without forming the sum in the graph.
            self.losses.backward(weights)  # type: ignore[no-untyped-call]
        else:
            self._update(weights)


@dataclasses.dataclass(eq=False)
class Draw:
    """Which examples a batch has, before they are gathered.

    Attributes:
        pool: what they are drawn from.
        index: (n,) int64, positions in the pool.
        augmentation: what the augmentation drew for the images; None where there is none.
        held_out: whether they are of the hold-out.
    """

    pool: Pool
    index: Tensor
    augmentation: Tensor | None
    held_out: bool


class LazyBatch(ComputedBatch):
    """A batch by position in a pool."""

    def __init__(self, run: Run, draw: Draw) -> None:
        super().__init__(run, draw.index, draw.held_out)
        self._draw = draw

    @override
    def _gather(self) -> tuple[Tensor, Tensor]:
        return self._draw.pool.take(self.index, self._draw.augmentation)


class GivenBatch(ComputedBatch):
    """A batch of the examples it is given."""

    def __init__(
        self, run: Run, index: Tensor, inputs: Tensor, labels: Tensor, held_out: bool = False
    ) -> None:
        super().__init__(run, index, held_out)
        self._given = inputs, labels

    @override
    def _gather(self) -> tuple[Tensor, Tensor]:
        return self._given


# ---- what the engine does with a batch and no weighter may ---------------------------------------


def computed(batch: Batch) -> ComputedBatch:
    """The batch, seen to be one that a step can be taken on.

    Raises:
        Misuse: it is of somebody else's making.
    """
    if not isinstance(batch, ComputedBatch):
        raise Misuse(
            f"batches() yielded a {type(batch).__name__}; yield what run.batch, run.clean_batch or "
            "run.epochs give"
        )
    return batch


def backward(batch: Batch, weights: Tensor) -> None:
    """Accumulate the gradient of ``sum_i weights_i * losses_i``."""
    (batch if type(batch) is LazyBatch else computed(batch))._backward(weights)


def step_independent(batch: Batch) -> bool:
    """Whether nobody has asked it, or its clean batch, for ``run``, ``step`` or ``progress``.

    What is computed from the rest alone is the same computation in every step.
    """
    batch = computed(batch)
    return batch._step_independent and (batch._clean is None or step_independent(batch._clean))


def draws_of(batch: Batch) -> tuple[Draw | None, Draw | None]:
    """What the batch is drawn from, and the clean batch that was asked of it; None where not."""
    batch = computed(batch)
    return tuple(  # type: ignore[return-value]
        one._draw if isinstance(one, LazyBatch) else None for one in (batch, batch._clean)
    )


def with_losses(batch: Batch, losses: Tensor) -> Batch:
    """``batch`` with the losses that another pass computed."""
    computed(batch)._losses = losses
    return batch


def with_clean(batch: ComputedBatch, clean: Batch) -> ComputedBatch:
    """``batch`` with ``clean`` as its clean batch."""
    batch._clean = clean
    return batch


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
