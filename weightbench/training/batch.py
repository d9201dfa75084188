"""Mini-batches, and what is done with the weights that a weighter returns for them."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Callable

import torch
from torch import Tensor, nn
from typing_extensions import override

from weightbench.alignment import Aligned, VirtualStep, Way, align
from weightbench.alignment.untouched import kept_state
from weightbench.errors import Misuse
from weightbench.training.head import seen_by
from weightbench.training.random_streams import seeded_globals
from weightbench.training.run import Batch, Run


class ComputedBatch(Batch):
    """A batch that a step can be taken on; its examples are gathered when they are first read."""

    def __init__(self, run: Run, index: Tensor, held_out: bool) -> None:
        self._run = run
        self.held_out = held_out
        self.index = index
        self._step = run.steps_taken
        self._step_independent = True
        self._aside = False  # whether no step is taken on it, and its passes move nothing
        self._examples: tuple[Tensor, Tensor] | None = None
        self._logits: Tensor | None = None
        self._losses: Tensor | None = None
        self._clean: Batch | None = None
        self._update: Callable[[Tensor], None] | None = None
        self._features: Tensor | None = None
        self._tangent: Tensor | None = None
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
    def held_out_rows(self) -> Tensor:
        return torch.full_like(self.index, self.held_out, dtype=torch.bool)

    @property
    @override
    def groups(self) -> Tensor | None:
        groups = self._run.groups("holdout" if self.held_out else "train")
        return None if groups is None else groups[self.index]

    @property
    @override
    def logits(self) -> Tensor:
        if self._logits is None:
            self._logits = self._forward()
        return self._logits

    def _forward(self) -> Tensor:
        kept = kept_state(self.model) if self._aside else contextlib.nullcontext()
        with kept, self._run.autocast():
            logits: Tensor = self._run.model(self.inputs)
        return logits if logits.dtype == torch.float32 else logits.float()

    @property
    @override
    def losses(self) -> Tensor:
        if self._losses is None:
            self._losses = self._run._engine.loss_on(self)(self.logits, self.labels)
        return self._losses

    @property
    @override
    def features(self) -> Tensor:
        if self._features is None:
            head = self._run.head()
            if self._logits is None:
                self._features, self._logits = seen_by(head, self._forward)
            else:
                with torch.no_grad(), kept_state(self.model), seeded_globals(0):
                    self._features, _ = seen_by(head, self._forward)
        return self._features

    @override
    def clean(self) -> Batch:
        if self._clean is None:
            with_clean(self, computed(self._run.clean_batch()))
        assert self._clean is not None
        return self._clean

    @override
    def alignment(
        self, way: Way = "auto", *, after: Tensor | Callable[[Tensor], Tensor] | None = None
    ) -> Tensor:
        if after is not None:
            weigh = after if callable(after) else lambda _: after
            rate = self._run.recipe.rate_at(self._step)
            return self._aligned(way, VirtualStep(weigh, rate)).alignment
        if way not in self._alignment:
            aligned = self._aligned(way)
            self._alignment[way] = aligned.alignment
            self._tangent = aligned.tangent if self._tangent is None else self._tangent
        return self._alignment[way]

    @override
    def tangent(self) -> Tensor:
        if self._tangent is None:
            losses = self._losses  # no loss has a part in it: the hook may yet be about it
            self.alignment("fused")
            self._losses = losses
        assert self._tangent is not None
        return self._tangent

    def _aligned(self, way: Way, after: VirtualStep | None = None) -> Aligned:
        """The alignment; its pass is the update's where none was made before."""
        if self._losses is not None or self._logits is not None:
            with kept_state(self.model):
                return self._align(way, after)
        aligned = self._align(way, after)
        self._logits, self._losses = aligned.logits, aligned.losses
        self._update = aligned.backward
        return aligned

    def _align(self, way: Way, after: VirtualStep | None) -> Aligned:
        run, clean = self._run, self.clean()
        with run.autocast():
            return align(
                run.model, run._engine.loss_on(self), self.inputs, self.labels, clean.inputs,
                clean.labels, way, loss_has_parameters=bool(run.loss_parameters), after=after,
            )  # fmt: skip

    def _backward(self, weights: Tensor) -> None:
        if self._update is None:
            self.losses.backward(weights)  # type: ignore[no-untyped-call]
        else:
            self._update(weights)


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
    """Accumulate the gradient of ``sum_i weights_i * losses_i``, without the sum in the graph."""
    computed(batch)._backward(weights)


def step_independent(batch: Batch) -> bool:
    """Whether nobody has asked it, or its clean batch, for ``run``, ``step`` or ``progress``.

    What is computed from the rest alone is the same computation in every step.
    """
    batch = computed(batch)
    return batch._step_independent and (batch._clean is None or step_independent(batch._clean))


def with_losses(batch: Batch, losses: Tensor) -> Batch:
    """``batch`` with the losses that another pass computed."""
    computed(batch)._losses = losses
    return batch


def with_clean(batch: ComputedBatch, clean: Batch) -> ComputedBatch:
    """``batch`` with ``clean`` as its clean batch."""
    computed(clean)._aside = True
    batch._clean = clean
    return batch
