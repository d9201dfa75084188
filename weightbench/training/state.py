"""What a training keeps while it goes on, and what of it a weighter may read."""

from __future__ import annotations

import abc
import contextlib
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from weightbench.errors import HiddenData, OverBudget
from weightbench.training.batch import LazyBatch
from weightbench.training.clock import PhaseClock
from weightbench.training.device_splits import predict
from weightbench.training.random_streams import global_states, restore_globals
from weightbench.training.recipe import Recipe
from weightbench.training.run import Batch, Loss, Run, Weighs
from weightbench.training.sampling import Sampler
from weightbench.training.setting import Setting
from weightbench.training.splits import Splits
from weightbench.training.task import Task
from weightbench.training.weighter import Weighter, stream_of

_BUDGET = 20  # schedules of the task that a run may take, side trainings included


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
        side_steps: steps taken by side trainings.
        used_holdout: whether clean data had a say (the hold-out was touched, or the judged network
            was chosen on the select split); noted, for tables tell the two apart.
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
        self.steps_taken = self.side_steps = 0
        self.used_holdout = False
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
        return self.setting.on_device.true_labels

    @property
    def holdout(self) -> tuple[Tensor, Tensor]:
        """Clean inputs and labels."""
        self.used_holdout = True
        return self.setting.on_device.holdout.whole()

    @property
    def losses(self) -> Loss:
        """The weighter's."""
        return self.weighter.losses

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

    def check_budget(self, more: int = 0) -> None:
        """Raise OverBudget where ``more`` steps of side trainings are too many."""
        all_in_all = self.recipe.steps + self.side_steps + more
        if all_in_all > _BUDGET * self.granted_steps:
            raise OverBudget(
                f"with its side trainings it comes to {all_in_all} steps; "
                f"{_BUDGET} times the task's {self.granted_steps} are granted"
            )

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
            "side_steps": self.side_steps,
            "used_holdout": self.used_holdout,
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
        self.steps_taken, self.side_steps = state["steps_taken"], state["side_steps"]
        self.used_holdout = state["used_holdout"]
