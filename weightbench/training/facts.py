"""What a run tells its weighter, apart from batches."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from weightbench.alignment import Loss
from weightbench.training._engine import B, Engine
from weightbench.training.optimizer import build_optimizer
from weightbench.training.recipe import Recipe

M = TypeVar("M", bound=nn.Module)


class Facts(Generic[B]):
    """What can be read of a run; nothing can be hung on it."""

    __slots__ = ("__weakref__", "_engine")

    def __init__(self, engine: Engine[B]) -> None:
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
            HiddenData: the weighter is not declared ``privileged``, or nobody knows them.
        """
        return self._engine.true_labels

    @property
    def holdout(self) -> tuple[Tensor, Tensor]:
        """Clean inputs and labels, for the weighter's use."""
        return self._engine.holdout

    def groups(self, on: str = "train") -> Tensor | None:
        """(n,) int64, the groups of the ``train`` or ``holdout`` set; None where there are none.

        Raises:
            HiddenData: the weighter does not declare ``uses_groups``.
        """
        return self._engine.groups(on)

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
        """The weighter's ``losses``: of each example, (n, K) and (n,) to (n,).

        Raises:
            Misuse: that hook asks for the batch; read ``batch.losses``.
        """
        return self._engine.losses

    def head(self, model: nn.Module | None = None) -> nn.Linear:
        """The last linear layer of ``model``, the network in training where not given.

        Raises:
            NoHead: its outputs are not those of a linear layer.
        """
        return self._engine.head(model)

    def features(self, model: nn.Module | None = None, on: str = "train") -> Tensor:
        """(n, d) inputs of the last linear layer on the whole ``train`` or ``holdout`` set.

        In evaluation mode, without augmentation and graph.

        Raises:
            NoHead: the network has no such layer.
        """
        return self._engine.features(model, on)

    def predict(self, model: nn.Module | None = None, on: str = "train") -> Tensor:
        """(n, K) outputs on the whole ``train`` or ``holdout`` set: no augmentation, no graph."""
        return self._engine.predict(model, on)

    def new_model(self, role: str) -> nn.Module:
        """A second network of the task's kind, with its own initial parameters."""
        return self._engine.new_model(role)

    def build(self, make: Callable[[], M]) -> M:
        """A module of the weighter's own, on its device, initialised from :attr:`generator`.

        Layers initialise themselves from torch's global stream, which a weighter leaves alone.
        """
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(int(torch.randint(2**62, (), generator=self.generator)))
            return make().to(self.device)

    def optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """The recipe's optimiser for a second network, which the weighter steps by itself.

        Its rate stays ``recipe.lr``; that of a step is ``recipe.rate_at(batch.step)``.
        """
        return build_optimizer(self.recipe, model)

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
