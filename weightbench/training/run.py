"""The contract: what a weighter may see of a run and of its batches, and nothing else.

docs/write-a-weighter.md lists the same names; no chain of public names leads beyond them.
"""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from weightbench.alignment import Way
from weightbench.training.recipe import Recipe

Loss = Callable[[Tensor, Tensor], Tensor]


class Batch(abc.ABC):
    """A mini-batch as a weighter sees it. Costly things are computed when first read, and once.

    Attributes:
        index: (n,) int64, positions in the training set (in the hold-out, for a clean batch).
        held_out: whether the examples are those of the hold-out.
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

    @abc.abstractmethod
    def clean(self) -> Batch:
        """The hold-out mini-batch of this step, the same one that :meth:`alignment` uses."""

    @abc.abstractmethod
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


class Weighs(Protocol):
    """Whoever weighs batches; at a run's door this is a ``Weighter``."""

    def weigh(self, batch: Batch) -> Tensor:
        """One weight per example, (n,) float."""


class _Engine(Protocol):
    """What answers a :class:`Run`: a trainer, as far as a weighter's questions go."""

    model: nn.Module
    device: torch.device
    labels: Tensor
    recipe: Recipe
    steps_taken: int
    side_steps: int
    generator: torch.Generator

    @property
    def granted_steps(self) -> int: ...
    @property
    def progress(self) -> float: ...
    @property
    def num_classes(self) -> int: ...
    @property
    def true_labels(self) -> Tensor: ...
    @property
    def holdout(self) -> tuple[Tensor, Tensor]: ...
    @property
    def loss_parameters(self) -> tuple[nn.Parameter, ...]: ...
    @property
    def losses(self) -> Loss: ...
    def batch(self, index: Tensor) -> Batch: ...
    def clean_batch(self, size: int | None = None) -> Batch: ...
    def epochs(self, size: int) -> Iterator[Batch]: ...
    def predict(self, model: nn.Module | None = None, on: str = "train") -> Tensor: ...
    def fork(
        self, weighter: Weighs, role: str, on: str, steps: int | None, model: nn.Module | None
    ) -> nn.Module: ...
    def new_model(self, role: str) -> nn.Module: ...
    def selected_model(self) -> nn.Module: ...
    def autocast(self) -> contextlib.AbstractContextManager[Any]: ...


class Run:
    """One training run of one weighter on one task at one seed, as its weighter sees it."""

    __slots__ = ("__weakref__", "_engine")

    def __init__(self, engine: _Engine) -> None:
        self._engine = engine

    @property
    def model(self) -> nn.Module:
        """The network in training."""
        return self._engine.model

    @property
    def device(self) -> torch.device:
        """Where everything lives."""
        return self._engine.device

    @property
    def recipe(self) -> Recipe:
        """The schedule, as the weighter's ``recipe`` hook left it."""
        return self._engine.recipe

    @property
    def granted_steps(self) -> int:
        """The steps of the task's own schedule."""
        return self._engine.granted_steps

    @property
    def steps_taken(self) -> int:
        """Optimiser steps so far."""
        return self._engine.steps_taken

    @property
    def side_steps(self) -> int:
        """Steps taken by side trainings (:meth:`fork`).

        A weighter that trains something else besides adds its steps.
        """
        return self._engine.side_steps

    @side_steps.setter
    def side_steps(self, steps: int) -> None:
        self._engine.side_steps = steps

    @property
    def progress(self) -> float:
        """The share of the schedule that is behind, in [0, 1)."""
        return self._engine.progress

    @property
    def num_classes(self) -> int:
        """K."""
        return self._engine.num_classes

    @property
    def labels(self) -> Tensor:
        """(n,) int64, the training labels as given."""
        return self._engine.labels

    @property
    def true_labels(self) -> Tensor:
        """(n,) int64, the training set's true labels.

        Raises:
            HiddenData: the weighter is not declared ``privileged``.
        """
        return self._engine.true_labels

    @property
    def holdout(self) -> tuple[Tensor, Tensor]:
        """Clean inputs and labels, for the weighter's use."""
        return self._engine.holdout

    @property
    def generator(self) -> torch.Generator:
        """The weighter's own random stream, the only randomness it may use."""
        return self._engine.generator

    @property
    def loss_parameters(self) -> tuple[nn.Parameter, ...]:
        """What the weighter's ``parameters`` gave."""
        return self._engine.loss_parameters

    @property
    def losses(self) -> Loss:
        """The weighter's ``losses``: of each example, (n, K) and (n,) to (n,)."""
        return self._engine.losses

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

    def predict(self, model: nn.Module | None = None, on: str = "train") -> Tensor:
        """(n, K) outputs on the whole ``train`` or ``holdout`` set: no augmentation, no graph."""
        return self._engine.predict(model, on)

    def fork(
        self,
        weighter: Weighs,
        role: str,
        on: str = "train",
        steps: int | None = None,
        model: nn.Module | None = None,
    ) -> nn.Module:
        """A side training with random streams of its own; its steps count as this run's cost.

        Args:
            weighter: weighs the side training.
            role: names its random streams; two forks of one run have two roles.
            on: ``train`` or ``holdout``.
            steps: how many; the recipe's where not given.
            model: where to start, trained in place; a network with its own initial parameters where
                not given.

        Returns:
            The trained network, in evaluation mode.
        """
        return self._engine.fork(weighter, role, on, steps, model)

    def new_model(self, role: str) -> nn.Module:
        """A second network of the task's kind, with its own initial parameters."""
        return self._engine.new_model(role)

    def selected_model(self) -> nn.Module:
        """The network that did best on the select split, for a weighter's ``finish`` alone.

        Raises:
            HiddenData: the training is still going on; a choice made on the select split would get
                into the weights.
        """
        return self._engine.selected_model()

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The precision the recipe runs networks in; for a weighter that calls one itself."""
        return self._engine.autocast()
