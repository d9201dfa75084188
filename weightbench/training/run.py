"""The contract: what a weighter may see of a run and of its batches, and nothing else.

docs/write-a-weighter.md lists the same names; no chain of public names leads beyond them.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator
from typing import Protocol

from torch import Tensor, nn

from weightbench.alignment import Way
from weightbench.training.facts import Facts


class Batch(abc.ABC):
    """A mini-batch as a weighter sees it. Costly things are computed when first read, and once.

    Attributes:
        index: (n,) int64, positions in the training set (in the hold-out, for a clean batch).
        held_out: whether all of its examples are those of the hold-out.
    """

    index: Tensor
    held_out: bool

    def __len__(self) -> int:
        return len(self.index)

    @property
    @abc.abstractmethod
    def inputs(self) -> Tensor:
        """(n, ...) float32, after augmentation."""

    @property
    @abc.abstractmethod
    def labels(self) -> Tensor:
        """(n,) int64, as given."""

    @property
    @abc.abstractmethod
    def held_out_rows(self) -> Tensor:
        """(n,) bool, which of the examples are the hold-out's: some, in a batch of ``run.join``."""

    @property
    @abc.abstractmethod
    def groups(self) -> Tensor | None:
        """(n,) int64, the groups of the examples; None where the task has none.

        Raises:
            HiddenData: the weighter does not declare ``uses_groups``.
        """

    @property
    @abc.abstractmethod
    def run(self) -> Run:
        """The training run it belongs to."""

    @property
    @abc.abstractmethod
    def step(self) -> int:
        """How many steps were taken before this one."""

    @property
    @abc.abstractmethod
    def progress(self) -> float:
        """The share of the schedule that is behind, in [0, 1)."""

    @property
    @abc.abstractmethod
    def model(self) -> nn.Module:
        """The network in training."""

    @property
    @abc.abstractmethod
    def logits(self) -> Tensor:
        """(n, K) outputs of the network in training mode, with graph. The update reuses them."""

    @property
    @abc.abstractmethod
    def losses(self) -> Tensor:
        """(n,) losses of the examples, with graph. The update reuses them, so reading is free."""

    @property
    @abc.abstractmethod
    def features(self) -> Tensor:
        """(n, d) inputs of the network's last linear layer, detached.

        Free where they are read before the logits; a forward pass more where after.

        Raises:
            NoHead: the network has no such layer.
        """

    @abc.abstractmethod
    def clean(self) -> Batch:
        """The hold-out mini-batch of this step, the same one that :meth:`alignment` uses.

        Reading its logits, losses or features moves nothing, running statistics included.
        """

    @abc.abstractmethod
    def tangent(self) -> Tensor:
        """(n, K), the derivative t of the logits along the hold-out's gradient, detached.

        The alignment of the cross-entropy against any target distribution q follows from it, with
        p the softmax of the logits: ``((p - q) * t).sum(1)``. It is a by-product of ``fused``
        alignment and costs as much. It does not depend on the loss, and :attr:`losses` that were
        not read before are asked for after it: they may be about what it says.

        Raises:
            FusedUnsupported: it cannot be computed for this network.
        """

    @abc.abstractmethod
    def alignment(
        self, way: Way = "auto", *, after: Tensor | Callable[[Tensor], Tensor] | None = None
    ) -> Tensor:
        """How far each example's gradient points where the hold-out's does.

        Element i is <gradient of the mean hold-out loss, gradient of loss i>, that is, up to the
        step size, -d(hold-out loss)/d(eps_i) of Ren et al. 2018, Algorithm 1. It concerns the
        network's parameters; those of a loss take no part. ``fused`` and ``layerwise`` make the
        update's own pass, so after them :attr:`logits` and :attr:`losses` are of that pass (under
        ``layerwise`` without graph). If those were read before, they stay, and this costs a pass
        more.

        Args:
            way: ``higher``, ``fused``, ``layerwise`` or ``auto``; all give the same numbers.
            after: weights of a virtual step of plain SGD on this batch, at the rate of this step,
                (n,), or what makes them of the detached losses; the hold-out's gradient is taken
                after that step, of which nothing stays. Meta-Weight-Net's (Shu et al. 2019) is.

        Returns:
            (n,) float, detached.

        Raises:
            LayerwiseUnsupported: ``layerwise`` was asked for and is not valid here.
            UnknownParameter: there is no such way.
        """


class Weighs(Protocol):
    """Whoever weighs batches; at a run's door this is a ``Weighter``."""

    def weigh(self, batch: Batch) -> Tensor:
        """One weight per example, (n,) float."""


class Run(Facts[Batch]):
    """One training run of one weighter on one task at one seed, as its weighter sees it."""

    __slots__ = ()

    def batch(self, index: Tensor) -> Batch:
        """The training examples ``index``, (b,) int64, as a batch."""
        return self._engine.batch(index)

    def clean_batch(self, size: int | None = None) -> Batch:
        """The next hold-out mini-batch: ``recipe.clean_batch`` examples, or all if there are fewer.

        ``index`` of that batch counts within the hold-out.
        """
        return self._engine.clean_batch(size)

    def epochs(self, size: int) -> Iterator[Batch]:
        """Shuffled passes over the training set, for ever.

        Batches have ``size`` examples; what is left over at the end of a pass sits out, and a set
        smaller than ``size`` is one batch. The order does not depend on the weighter.
        """
        return self._engine.epochs(size)

    def join(self, batch: Batch, clean: Batch) -> Batch:
        """One batch of the examples of both, such as training and hold-out examples together.

        Its ``index`` counts in the set that each example is of; see ``held_out_rows``.
        """
        return self._engine.join(batch, clean)

    def fork(
        self,
        weighter: Weighs,
        role: str,
        on: str = "train",
        steps: int | None = None,
        model: nn.Module | None = None,
        rows: Tensor | None = None,
    ) -> nn.Module:
        """A side training with random streams of its own; its work counts as this run's cost.

        Args:
            weighter: weighs the side training.
            role: names its random streams; two forks of one run have two roles.
            on: ``train`` or ``holdout``.
            steps: how many; the recipe's where not given.
            model: where to start, trained in place; a network with its own initial parameters where
                not given.
            rows: (b,) int64, the examples of that set to train on; all of them where not given.
                ``batch.index`` counts among these.

        Returns:
            The trained network, in evaluation mode.
        """
        return self._engine.fork(weighter, role, on, steps, model, rows)
