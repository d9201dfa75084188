"""What a training keeps while it goes on, and what of it a weighter may read."""

from __future__ import annotations

import abc
import contextlib
import functools
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from weightbench.alignment import Loss
from weightbench.errors import HiddenData, OverBudget
from weightbench.registry.tracks import Track
from weightbench.training.batch_kinds import JoinedBatch, LazyBatch
from weightbench.training.clock import PhaseClock
from weightbench.training.device_splits import predict
from weightbench.training.flops import FlopMeter, plain_step_flops
from weightbench.training.head import head_of, seen_by
from weightbench.training.loss_hook import loss_on
from weightbench.training.random_streams import (
    global_states,
    restore_globals,
    seeded_globals,
)
from weightbench.training.recipe import Recipe
from weightbench.training.run import Batch, Run, Weighs
from weightbench.training.sampling import Sampler
from weightbench.training.setting import Setting
from weightbench.training.splits import Splits
from weightbench.training.task import Task
from weightbench.training.weighter import Weighter, stream_of

_BUDGET = 20  # trainings of the task that a run may work as much as, side trainings included
_LITTLE = 10**9  # operations always granted: a network can be smaller than what helps it


class TrainingState(abc.ABC):
    """One training in one setting: it answers what a :class:`Run` offers to its weighter.

    Attributes:
        setting: task, seed, data on the device.
        weighter: whose hooks are called.
        device: where everything lives.
        labels: (n,) int64, the training labels as given.
        model: the network in training.
        recipe: the schedule, as the weighter's ``recipe`` hook left it.
        epoch_steps: in how many steps an epoch ends, at least 1.
        optimizer: from ``begin`` on.
        steps_taken: optimiser steps so far.
        meter: the work so far.
        used_holdout: whether clean data had a say: the hold-out was touched, or the judged network
            was chosen on the select split.
        used_groups: ``train`` or ``holdout``, or both: whose groups were read.
        generator: the weighter's own random stream.
        loss_parameters: what the weighter's ``parameters`` gave.
        clock: seconds by phase.
    """

    def __init__(
        self, setting: Setting, weighter: Weighter, model: nn.Module | None, clock: PhaseClock
    ) -> None:
        self.setting, self.weighter, self.clock = setting, weighter, clock
        self.device, self.labels = setting.device, setting.on_device.train.labels
        self.recipe: Recipe = weighter.recipe(setting.recipe)
        if not setting.role:
            setting.recipe.refuse_changes(self.recipe)
        self.epoch_steps = max(1, len(self.labels) // self.recipe.batch_size)
        self.model = setting.build_model("model") if model is None else model
        self.generator = setting.stream("weighter", stream_of(weighter))
        self.optimizer: torch.optim.Optimizer | None = None
        self.loss_parameters: tuple[nn.Parameter, ...] = ()
        self.steps_taken = 0
        self.meter = FlopMeter(self.recipe.steps)
        self.used_holdout = False
        self.used_groups: set[str] = set()
        self._privileged = weighter.privileged  # as declared before it saw anything
        self._sampler = Sampler(setting)
        self._run: weakref.ReferenceType[Run] | None = None

    # ---- what a weighter reads, through its Run --------------------------------------------------

    @property
    def run(self) -> Run:
        """What the weighter is handed; one and the same as long as somebody has it.

        It is not kept here: the circle would leave a GPU's memory to the garbage collector.
        """
        run = None if self._run is None else self._run()
        if run is None:
            run = Run(self)
            self._run = weakref.ref(run)
        return run

    @property
    def granted_steps(self) -> int:
        """The steps of the task's own schedule."""
        return self.task.recipe.steps

    @property
    def progress(self) -> float:
        """The share of the schedule that is behind, in [0, 1)."""
        return self.steps_taken / self.recipe.steps

    @property
    def num_classes(self) -> int:
        """K."""
        return self.task.data.num_classes

    @property
    def true_labels(self) -> Tensor:
        """(n,) int64, for a privileged weighter."""
        if not self._privileged:
            raise HiddenData(
                "the true labels belong to the scorer; a weighter that must see them declares "
                "privileged = True and is shown unranked"
            )
        return self.setting.true_labels

    @property
    def holdout(self) -> tuple[Tensor, Tensor]:
        """Clean inputs and labels."""
        self.used_holdout = True
        return self.setting.on_device.holdout.whole()

    def groups(self, on: str = "train") -> Tensor | None:
        """(n,) int64, the groups of a set; see :meth:`Run.groups`."""
        if not self.weighter.uses_groups:
            raise HiddenData("a weighter that reads groups declares uses_groups = True")
        groups = self.setting.visible(on).groups
        if groups is not None:
            self.used_groups.add("holdout" if self.setting.held_out else on)
            self.used_holdout |= on == "holdout"
        return groups

    @property
    def losses(self) -> Loss:
        """The weighter's."""
        return loss_on(self.weighter, None)

    def loss_on(self, batch: Batch) -> Loss:
        """The weighter's on ``batch``, as a function of logits and labels alone."""
        return loss_on(self.weighter, batch)

    def batch(self, index: Tensor) -> Batch:
        """The training examples ``index``, (b,) int64, as a batch."""
        return LazyBatch(self.run, self._sampler.train(index, self.steps_taken))

    def epochs(self, size: int) -> Iterator[Batch]:
        """Shuffled passes over the training set, for ever; see :meth:`Run.epochs`."""
        return map(self.batch, self._sampler.indices("train", size))

    def clean_batch(self, size: int | None = None) -> Batch:
        """The next hold-out mini-batch; see :meth:`Run.clean_batch`."""
        self.used_holdout = True
        draw = self._sampler.clean(size or self.recipe.clean_batch, self.steps_taken)
        return LazyBatch(self.run, draw)

    def predict(self, model: nn.Module | None = None, on: str = "train") -> Tensor:
        """(n, K) outputs on the whole ``train`` or ``holdout`` set; see :meth:`Run.predict`."""
        pool = self.setting.visible(on)
        self.used_holdout |= on == "holdout"
        with self.autocast():
            return predict(model or self.model, pool)

    def join(self, batch: Batch, clean: Batch) -> Batch:
        """The examples of both; see :meth:`Run.join`."""
        return JoinedBatch(self.run, batch, clean)

    def head(self, model: nn.Module | None = None) -> nn.Linear:
        """The last linear layer; see :meth:`Run.head`."""
        with self.autocast():
            return head_of(model or self.model, self.setting.on_device.train.first(2)[0])

    def features(self, model: nn.Module | None = None, on: str = "train") -> Tensor:
        """(n, d) inputs of the last linear layer; see :meth:`Run.features`."""
        model, pool = model or self.model, self.setting.visible(on)
        self.used_holdout |= on == "holdout"
        with self.autocast():
            return seen_by(self.head(model), lambda: predict(model, pool))[0]

    def new_model(self, role: str) -> nn.Module:
        """A second network of the task's kind, with its own initial parameters."""
        return self.setting.build_model(role)

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The precision the recipe runs networks in."""
        return self.recipe.autocast(self.device)

    @abc.abstractmethod
    def fork(
        self,
        weighter: Weighs,
        role: str,
        on: str = "train",
        steps: int | None = None,
        model: nn.Module | None = None,
        rows: Tensor | None = None,
    ) -> nn.Module:
        """A side training; see :meth:`Run.fork`."""

    @abc.abstractmethod
    def selected_model(self) -> nn.Module:
        """The network that did best on the select split; see :meth:`Run.selected_model`."""

    # ---- what is the engine's --------------------------------------------------------------------

    @property
    def task(self) -> Task:
        """What is trained on."""
        return self.setting.task

    @property
    def splits(self) -> Splits:
        """Positions in the data set."""
        return self.setting.splits

    @property
    def phases(self) -> dict[str, float]:
        """Seconds spent in ``setup``, ``begin``, ``train``, ``select``, ``finish``, ``test``."""
        return dict(self.clock.seconds)

    @functools.cached_property
    def plain_flops(self) -> int:
        """Operations of a step of plain training on the task; 0 where torch has no formula."""
        setting = self.setting
        with seeded_globals(0), self.meter.paused(), self.task.recipe.autocast(self.device):
            model, train = setting.build_model("model"), setting.on_device.train
            return plain_step_flops(model, train, self.task.recipe.batch_size)

    @property
    def step_work(self) -> float | None:
        """Operations of a step on average, in plain steps; None where nothing is counted."""
        a_step = self.meter.a_step
        return a_step / self.plain_flops if a_step and self.plain_flops else None

    @property
    def side_work(self) -> float:
        """Operations outside of the steps, in plain steps."""
        return self.meter.outside / self.plain_flops if self.plain_flops else 0.0

    def check_budget(self, more: float = 0) -> None:
        """See that the whole training, with ``more`` plain steps, is within what is granted.

        Raises:
            OverBudget: it is not.
        """
        granted, plain = _BUDGET * self.granted_steps, self.plain_flops
        trained = self.recipe.steps + (self.meter.trained / plain if plain else 0) + more
        a_step = 1 if self.step_work is None else self.step_work
        everything = self.recipe.steps * a_step + self.side_work + more
        if trained > granted or (everything > granted and everything * plain > _LITTLE):
            raise OverBudget(
                f"it comes to the work of {max(trained, everything):,.0f} plain steps; {_BUDGET} "
                f"times the task's {self.granted_steps} are granted"
            )

    @property
    def track(self) -> Track:
        """What it was given beside noisy labels; of several things the one furthest down."""
        if self.weighter.told_noise:
            return "E"
        if self.used_groups:
            return "D" if "train" in self.used_groups else "C"
        return "B" if self.used_holdout else "A"

    def state_dict(self) -> dict[str, Any]:
        """Enough to go on from after ``begin``, as tensors and plain values."""
        assert self.optimizer is not None
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "weighter": self.weighter.state_dict(),
            "sampler": self._sampler.state_dict(),
            "generator": self.generator.get_state(),
            "globals": global_states(self.device),
            "seconds": self.clock.so_far(),
            "steps_taken": self.steps_taken,
            "work": self.meter.state_dict(),
            "used_holdout": self.used_holdout,
            "used_groups": sorted(self.used_groups),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state_dict` gave."""
        assert self.optimizer is not None
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.weighter.load_state_dict(state["weighter"])
        self._sampler.load_state_dict(state["sampler"])
        self.generator.set_state(state["generator"].cpu())
        restore_globals(state["globals"], self.device)
        self.clock.seconds.update(state["seconds"])
        self.steps_taken, self.used_holdout = state["steps_taken"], state["used_holdout"]
        self.used_groups = set(state["used_groups"])
        self.meter.load_state_dict(state["work"])
