"""The training loop: batches, steps, the end. ``weightbench evaluate`` runs nothing but this."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from typing_extensions import override

from weightbench.errors import Diverged, HiddenData, Misuse
from weightbench.training.batch import backward
from weightbench.training.best_on_select import BestOnSelect
from weightbench.training.clock import PhaseClock
from weightbench.training.device_splits import predict
from weightbench.training.optimizer import build_optimizer, forget_gradients, set_rate, take_step
from weightbench.training.run import Batch, Run, Weighs
from weightbench.training.setting import Setting
from weightbench.training.state import TrainingState
from weightbench.training.step_weights import as_step_weights, check_values, is_finite
from weightbench.training.watcher import Watcher
from weightbench.training.weighter import Weighter

# Steps between checks of weights and of losses. A check stalls a GPU; on a CPU, weights are checked
# in every step, while a loss that is not finite stays so and can wait.
_CHECKS = {"cpu": (1, 10)}
_CHECKS_ELSEWHERE = (50, 50)
_NOTHING = contextlib.nullcontext()


class _ByHand(Weighter):
    """The weighter of a loop that is driven by hand: default hooks, weights from outside."""

    @override
    def weigh(self, batch: Batch) -> Tensor:
        raise Misuse("this run has no weighter: call run.step(weights)")


class Trainer(TrainingState):
    """Trains one network in one setting. Iterate over it and take a step on each batch."""

    def __init__(
        self,
        setting: Setting,
        *,
        weighter: Weighter | None = None,
        watchers: Iterable[Watcher] = (),
        stepper: Stepper | None = None,
        model: nn.Module | None = None,
        clock: PhaseClock | None = None,
    ) -> None:
        """Prepare a training; ``wb.start`` is the usual door.

        Args:
            setting: where it takes place.
            weighter: who weighs; without one, :meth:`step` is given weights.
            watchers: who looks on, in the order in which they are called.
            stepper: how :meth:`train` takes steps, :func:`eager` where not given.
            model: where to start, trained in place; a fresh network where not given.
            clock: to go on counting on.
        """
        clock = clock or PhaseClock(setting.device)
        super().__init__(setting, weighter or _ByHand(), model, clock)
        self.watchers = tuple(watchers)
        self._stepper = stepper or eager
        self._batch: Batch | None = None  # that a step is to be taken on
        self._weights: Tensor | None = None  # of the last step
        self._judged: nn.Module | None = None

    # ---- the loop --------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Batch]:
        if self.optimizer is not None:
            raise Misuse("this run has been trained; wb.start(task, seed) starts another")
        run = self.run
        with self.clock.phase("begin"):
            self._begin(run)
        return self._batches(run)

    def _batches(self, run: Run) -> Iterator[Batch]:
        with self.clock.phase("train"):
            left = self.recipe.steps - self.steps_taken
            rates = self.recipe.rate_steps()
            for batch in itertools.islice(self.weighter.batches(run), left):
                self._batch = batch
                yield batch
                self._between_steps(run, batch, rates)
        if self.steps_taken < self.recipe.steps:
            raise Misuse(f"batches() ended after {self.steps_taken} of {self.recipe.steps} steps")

    def _begin(self, run: Run) -> None:
        self.model.train()
        with self.meter.aside():
            self.weighter.begin(run)
        self.loss_parameters = tuple(self.weighter.parameters())
        self.optimizer = build_optimizer(self.recipe, self.model, self.loss_parameters)
        set_rate(self.optimizer, self.recipe.rate_at(0))
        with self.meter.paused():
            for watcher in self.watchers:
                watcher.begin(self)

    def _between_steps(self, run: Run, batch: Batch, rates: frozenset[int]) -> None:
        if self._weights is None or self.optimizer is None:
            raise Misuse("a batch was passed over: call run.step(weights) once for each")
        weights, self._weights = self._weights, None
        epoch_ends = self.steps_taken % self.epoch_steps == 0
        if epoch_ends:
            with self.meter.aside():
                self.weighter.end_epoch(run)
        if self.steps_taken in rates:
            set_rate(self.optimizer, self.recipe.rate_at(self.steps_taken))
        with self.meter.paused() if self.meter.counting else _NOTHING:
            for watcher in self.watchers:
                watcher.after_step(self, batch, weights)
                if epoch_ends:
                    watcher.after_epoch(self)

    def train(self) -> nn.Module:
        """Run the whole loop with the own weighter and return the network to be judged."""
        take = self._stepper(self)
        with self.setting.dropout():
            batches = iter(self)
            while self._take_one(take, batches):
                pass
        return self.finish()

    def _take_one(self, take: Callable[[Batch], object], batches: Iterator[Batch]) -> bool:
        """Take a step, what ``batches`` does for it included; False where there is none left."""
        counted = self.meter.samples(self.steps_taken)
        with self.meter.step() if counted else _NOTHING:
            batch = next(batches, None)
            if batch is not None:
                take(batch)
        if counted:
            self.check_budget()
        return batch is not None

    def weigh_and_step(self, batch: Batch) -> Tensor:
        """Have ``batch`` weighed and take the step on it, operation by operation; the weights."""
        weights = self.weighter.weigh(batch)
        self.step(weights)
        return weights

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
        weights = as_step_weights(weights, batch)
        forget_gradients(optimizer)
        backward(batch, weights)
        self.check_now_and_then(batch, weights)
        take_step(optimizer)
        self.finish_step(weights)

    def check_now_and_then(self, batch: Batch, weights: Tensor) -> None:
        """Check the values of a step now and then, and in the last step.

        Raises:
            BadWeights: weights are not what they may be.
            Diverged: the weighted loss is not finite.
        """
        weights_every, losses_every = _CHECKS.get(self.device.type, _CHECKS_ELSEWHERE)
        last = self.steps_taken == self.recipe.steps - 1
        if last or self.steps_taken % weights_every == 0:
            low = weights.min().item()  # not a number if one weight is none
            if not low >= 0:
                check_values(weights, batch, self.weighter.negative)
        if (last or self.steps_taken % losses_every == 0) and not is_finite(batch, weights):
            check_values(weights, batch, self.weighter.negative)
            raise Diverged(f"the loss is not finite at step {self.steps_taken}")

    def finish_step(self, weights: Tensor) -> None:
        """Note that a step was taken on the current batch."""
        self.steps_taken += 1
        self._batch, self._weights = None, weights

    @override
    def fork(
        self,
        weighter: Weighs,
        role: str,
        on: str = "train",
        steps: int | None = None,
        model: nn.Module | None = None,
        rows: Tensor | None = None,
    ) -> nn.Module:
        if not isinstance(weighter, Weighter):
            raise Misuse(f"a side training needs a Weighter; this is a {type(weighter).__name__}")
        if weighter.privileged and not self._privileged:
            raise HiddenData("a side training cannot be privileged where its owner is not")
        recipe = dataclasses.replace(self.recipe, steps=steps or self.recipe.steps)
        setting = self.setting.side(role, on, recipe, rows)
        self.used_holdout |= on == "holdout"
        self.check_budget(recipe.steps)
        side = Trainer(setting, weighter=weighter, stepper=self._stepper, model=model)
        with self.meter.side_training(side.meter):
            trained = side.train()
        self.used_holdout |= side.used_holdout
        self.used_groups |= side.used_groups
        return trained

    @override
    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "watchers": [w.state_dict() for w in self.watchers]}

    @override
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        for watcher, seen in zip(self.watchers, state["watchers"], strict=True):
            watcher.load_state_dict(seen)

    # ---- what the engine and the scorer read -----------------------------------------------------

    @property
    def _on_select(self) -> BestOnSelect:
        """The watcher of the select split; one that has seen nothing where there is none."""
        found = (w for w in self.watchers if isinstance(w, BestOnSelect))
        return next(found, None) or BestOnSelect()

    @property
    def select_accuracy(self) -> list[tuple[int, float]]:
        """(step, accuracy on the select split) of every look."""
        return self._on_select.curve

    @override
    def selected_model(self) -> nn.Module:
        if self.steps_taken < self.recipe.steps:
            raise HiddenData("the selected network is handed out after the last step, in finish()")
        self.used_holdout = True
        return self._best()

    def _best(self) -> nn.Module:
        """A copy of the network that did best on the select split; of the last where none was."""
        model = self.new_model("model")
        model.load_state_dict(self._on_select.best or self.model.state_dict())
        return model.eval()

    def finish(self) -> nn.Module:
        """The network to be judged, in evaluation mode; the weighter's ``finish`` runs once.

        Raises:
            Misuse: the training still goes on.
            OverBudget: there were too many steps of side trainings.
        """
        if self._judged is None:
            if self.steps_taken < self.recipe.steps:
                raise Misuse(
                    f"a network is judged after the last step; this run has taken "
                    f"{self.steps_taken} of {self.recipe.steps}"
                )
            with self.clock.phase("finish"), self.meter.aside():
                self._judged = self.weighter.finish(self.run).eval()
            self.check_budget()
        return self._judged

    def test_predictions(self, selected: bool = False) -> Tensor:
        """(n_test,) int64, predicted classes of the judged network, for the scorer.

        Args:
            selected: of the network that did best on the select split instead of the last one.
        """
        return self.outputs("test", selected).argmax(1)

    def outputs(self, on: str, selected: bool = False) -> Tensor:
        """(n, K) float32, what the judged network makes of a whole split, for the scorer."""
        model = self.finish()
        if selected and self._on_select.best:
            model = self._best()
        with self.clock.phase("test"), self.autocast():
            return predict(model, getattr(self.setting.on_device, on))

    def score(self) -> float:
        """Test accuracy of the judged network, in [0, 1]."""
        return float((self.test_predictions() == self.setting.on_device.test.labels).float().mean())


Stepper = Callable[[Trainer], Callable[[Batch], object]]  # a way of taking a trainer's steps


def eager(trainer: Trainer) -> Callable[[Batch], object]:
    """Steps that are taken operation by operation."""
    return trainer.weigh_and_step
