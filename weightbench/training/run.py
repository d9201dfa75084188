"""The training loop: reset, batches, step. ``weightbench evaluate`` runs nothing but this."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from weightbench.data.dataset import Pool
from weightbench.errors import HiddenData, Misuse, OverBudget
from weightbench.streams import seeded_globals, stream_seed, torch_stream
from weightbench.training.batch import Batch, Drawn, usable
from weightbench.training.checkpoint import Checkpoint
from weightbench.training.clock import PhaseClock
from weightbench.training.loop import batches_of, check_values, forget_gradients
from weightbench.training.recipe import Recipe
from weightbench.training.replay import stepper
from weightbench.training.selection import Selection
from weightbench.training.sets import Passes, Sets, predict
from weightbench.training.task import Task
from weightbench.training.weight_log import WeightLog
from weightbench.training.weighter import Weighter, stream_of

_BUDGET = 20  # schedules of the task that a run may take, side trainings included


class _ByHand(Weighter):
    """The weighter of a loop that is driven by hand: default hooks, weights from outside."""

    def weigh(self, batch: Batch) -> Tensor:
        raise Misuse("this run has no weighter: call run.step(weights)")


class Run:
    """One training run of one weighter on one task at one seed.

    Attributes:
        model: the network in training.
        device: where everything lives.
        recipe: the schedule, as the weighter's ``recipe`` hook left it.
        steps_taken: optimiser steps so far.
        side_steps: steps taken by side trainings (:meth:`fork`); a weighter that trains something
            else besides adds its steps.
        num_classes: K.
        labels: (n,) int64, the training labels as given.
        used_holdout: whether clean data had a say (the hold-out was touched, or the deployed
            network was chosen on the select split); noted, for tables tell the two apart.
        generator: the weighter's own random stream, the only randomness it may use.
        replays: whether :meth:`train` replays steps where it can (the module ``replay``).
    """

    def __init__(
        self,
        task: Task,
        seed: int = 0,
        *,
        weighter: Weighter | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        clock = PhaseClock(torch.device(device))
        with clock.phase("setup"):
            self.splits = task.split(seed)
            sets = Sets.of(task, self.splits, torch.device(device))
            self._setup(task, seed, weighter or _ByHand(), sets, task.recipe, clock, role="")

    def _setup(
        self,
        task: Task,
        seed: int,
        weighter: Weighter,
        sets: Sets,
        recipe: Recipe,
        clock: PhaseClock,
        role: str,
    ) -> None:
        self.task, self.seed, self.weighter = task, seed, weighter
        self._sets, self._clock, self._role = sets, clock, role
        self.device = sets.train.labels.device
        self.labels = sets.train.labels
        self.used_holdout = False
        self.num_classes = task.data.num_classes
        self.recipe = weighter.recipe(recipe)
        if not role:
            recipe.admit(self.recipe)
        self._privileged = weighter.privileged  # as declared before it saw anything
        self.generator = torch_stream(task.stream, role + "weighter", seed, stream_of(weighter))
        self._order = torch_stream(task.stream, role + "order", seed)
        self._clean_order = torch_stream(task.stream, role + "clean", seed)
        self._passes: dict[tuple[str, int], Passes] = {}
        self._checkpoint: Checkpoint | None = None
        self.model = task.build_model(seed, role + "model").to(self.device)
        self.steps_taken = self.side_steps = 0
        self.loss_parameters: list[nn.Parameter] = []
        self.optimizer: torch.optim.Optimizer | None = None
        self._batch: Batch | None = None
        self._deployed: nn.Module | None = None
        self._selection = Selection()
        self.weight_log: WeightLog | None = None
        self.replays = self.device.type == "cuda"

    # ---- what a weighter reads -------------------------------------------------------------------

    @property
    def progress(self) -> float:
        """The share of the schedule that is behind, in [0, 1)."""
        return self.steps_taken / self.recipe.steps

    @property
    def true_labels(self) -> Tensor:
        """(n,) int64, the training set's true labels.

        Raises:
            HiddenData: the weighter is not declared ``privileged``.
        """
        if not self._privileged:
            raise HiddenData(
                "the true labels belong to the scorer; a weighter that must see them declares "
                "privileged = True and is shown unranked"
            )
        return self._sets.true_labels

    @property
    def holdout(self) -> tuple[Tensor, Tensor]:
        """Clean inputs and labels, for the weighter's use."""
        return self._pool("holdout").whole()

    def _pool(self, on: str) -> Pool:
        """The set a weighter asked for by name; the hidden ones are refused."""
        if on not in ("train", "holdout"):
            raise HiddenData(f"{on!r} is not for weighters; they may see 'train' and 'holdout'")
        self.used_holdout |= on == "holdout"
        pool: Pool = getattr(self._sets, on)
        return pool

    def batch(self, index: Tensor) -> Batch:
        """The training examples ``index``, (b,) int64, as a batch."""
        return self._batch_of(self._sets.train, index, "augment")

    def _batch_of(self, pool: Pool, index: Tensor, role: str) -> Batch:
        """A batch of ``pool``, augmented by draws that depend on the step and nothing before it."""
        drawn = None
        if pool.augmentation is not None:
            role = f"{self._role}{role}/{self.steps_taken}"
            stream = torch_stream(self.task.stream, role, self.seed)
            drawn = pool.augmentation.draw(len(index), stream)
        return Drawn(self, pool, index, drawn, held_out=pool is self._sets.holdout)

    def epochs(self, size: int) -> Iterator[Batch]:
        """Shuffled passes over the training set, for ever.

        Batches have ``size`` examples; what is left over at the end of a pass sits out, and a set
        smaller than ``size`` is one batch. The order does not depend on the weighter.
        """
        for index in self._passes_over("train", size):
            yield self.batch(index)

    def _passes_over(self, on: str, size: int) -> Passes:
        if (on, size) not in self._passes:
            order = self._order if on == "train" else self._clean_order
            self._passes[on, size] = Passes(getattr(self._sets, on), size, order)
        return self._passes[on, size]

    def clean_batch(self, size: int | None = None) -> Batch:
        """The next hold-out mini-batch: ``recipe.clean_batch`` examples, or all if there are fewer.

        ``index`` of that batch counts within the hold-out.
        """
        size = min(size or self.recipe.clean_batch, len(self._pool("holdout")))
        pool = self._sets.holdout
        if size == len(pool):
            index = torch.arange(size, device=self.device)
        else:
            index = next(self._passes_over("holdout", size))
        return self._batch_of(pool, index, "clean-augment")

    def predict(self, model: nn.Module | None = None, on: str = "train") -> Tensor:
        """(n, K) outputs on the whole ``train`` or ``holdout`` set: no augmentation, no graph."""
        with self.autocast():
            return predict(model or self.model, self._pool(on))

    def fork(
        self,
        weighter: Weighter,
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
        if weighter.privileged and not self._privileged:
            raise HiddenData("a side training cannot be privileged where its owner is not")
        pool = self._pool(on)
        true = self._sets.true_labels if on == "train" else pool.labels
        child = Run.__new__(Run)
        recipe = dataclasses.replace(self.recipe, steps=steps or self.recipe.steps)
        self._afford(recipe.steps)
        sets = dataclasses.replace(self._sets, train=pool, true_labels=true)
        clock = PhaseClock(self.device)  # its time is part of the phase it is called from
        child._setup(self.task, self.seed, weighter, sets, recipe, clock, f"{self._role}{role}/")
        child.model = child.model if model is None else model
        child.replays = self.replays
        child._train(child.unwatched())
        model = child.finish()
        self.side_steps += child.steps_taken + child.side_steps
        self.used_holdout |= child.used_holdout
        return model

    def _afford(self, more: int) -> None:
        """Raise OverBudget where ``more`` steps of side trainings are too many."""
        all_in_all, granted = self.recipe.steps + self.side_steps + more, self.task.recipe.steps
        if all_in_all > _BUDGET * granted:
            raise OverBudget(
                f"with its side trainings it comes to {all_in_all} steps; "
                f"{_BUDGET} times the task's {granted} are granted"
            )

    @property
    def phases(self) -> dict[str, float]:
        """Seconds spent in ``setup``, ``begin``, ``train``, ``select``, ``finish``, ``test``."""
        return dict(self._clock.seconds)

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """The precision the recipe runs networks in; for a weighter that calls one itself."""
        return self.recipe.autocast(self.device)

    def new_model(self, role: str) -> nn.Module:
        """A second network of the task's kind, with its own initial parameters."""
        return self.task.build_model(self.seed, f"{self._role}{role}").to(self.device)

    def selected_model(self) -> nn.Module:
        """The network that did best on the select split, for a weighter's ``finish`` alone.

        Raises:
            HiddenData: the training is still going on; a choice made on the select split would get
                into the weights.
        """
        if self.steps_taken < self.recipe.steps:
            raise HiddenData("the selected network is handed out after the last step, in finish()")
        self.used_holdout = True
        return self._best()

    # ---- the loop --------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Batch]:
        return batches_of(self, monitor=True)

    def unwatched(self) -> Iterator[Batch]:
        """The loop without looks at the select split: for side trainings and for timing."""
        return batches_of(self, monitor=False)

    def _train(self, batches: Iterator[Batch]) -> None:
        step = stepper(self)
        # Dropout draws from torch's global stream; nobody is to meet what ran before in a process.
        with seeded_globals(stream_seed(self.task.stream, f"{self._role}dropout", self.seed)):
            for batch in batches:
                step(batch)

    def train(self, checkpoint: Checkpoint | None = None) -> nn.Module:
        """Run the whole loop with the run's own weighter and return the network to be judged.

        Args:
            checkpoint: where to leave the state now and then, and to go on from.
        """
        self._checkpoint = checkpoint
        self._train(iter(self))
        return self.finish()

    def step(self, weights: Tensor) -> None:
        """Take one optimiser step on ``sum_i weights_i * loss_i`` of the current batch.

        Args:
            weights: (n,) floating point, finite, on the batch's device; not negative unless the
                weighter declares it.

        Raises:
            BadWeights: they are not.
            Diverged: the weighted loss is not finite.
        """
        batch, optimizer = self._batch, self.optimizer
        if batch is None or optimizer is None:
            raise Misuse("run.step(weights) belongs inside `for batch in run:`, once per batch")
        weights = usable(weights, batch)
        forget_gradients(optimizer)
        batch.backward(weights)
        check_values(self, weights, batch)
        optimizer.step()
        self._count(batch, weights)

    def _count(self, batch: Batch, weights: Tensor) -> None:
        """Note a step that was taken."""
        if self.weight_log is not None:
            self.weight_log.note(batch, weights)
        self.steps_taken += 1
        self._batch = None

    # ---- what the engine and the scorer read -----------------------------------------------------

    @property
    def select_accuracy(self) -> list[tuple[int, float]]:
        """(step, accuracy on the select split) of every look."""
        return self._selection.curve

    def _look(self) -> None:
        if len(self._sets.select):
            with self._clock.phase("select"), self.autocast():
                self._selection.look(self.steps_taken, self.model, self._sets.select)

    def _best(self) -> nn.Module:
        """A copy of the network that did best on the select split; of the last where none was."""
        model = self.new_model("model")
        model.load_state_dict(self._selection.best or self.model.state_dict())
        return model.eval()

    def finish(self) -> nn.Module:
        """The network to be judged, in evaluation mode; the weighter's ``finish`` runs once.

        Raises:
            Misuse: the training still goes on.
            OverBudget: there were too many steps of side trainings.
        """
        if self._deployed is None:
            if self.steps_taken < self.recipe.steps:
                raise Misuse(
                    f"a network is judged after the last step; this run has taken "
                    f"{self.steps_taken} of {self.recipe.steps}"
                )
            with self._clock.phase("finish"):
                self._deployed = self.weighter.finish(self).eval()
            self._afford(0)
        return self._deployed

    def test_predictions(self, selected: bool = False) -> Tensor:
        """(n_test,) int64, predicted classes of the judged network, for the scorer.

        Args:
            selected: of the network that did best on the select split instead of the last one.
        """
        model = self._best() if selected and self._selection.best else self.finish()
        with self._clock.phase("test"), self.autocast():
            return predict(model, self._sets.test).argmax(1)

    def score(self) -> float:
        """Test accuracy of the judged network, in [0, 1]."""
        return float((self.test_predictions() == self._sets.test.labels).float().mean())
