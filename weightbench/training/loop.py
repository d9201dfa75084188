"""The loop around the steps of a run: its beginning, what happens between steps, and its end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from weightbench.errors import Diverged, Misuse
from weightbench.training.batch import Batch, explain
from weightbench.training.weight_log import WeightLog

if TYPE_CHECKING:
    from weightbench.training.run import Run

# Steps between looks at weights and at losses. A look stalls a GPU; on a CPU, weights are looked at
# in every step, while a loss that is not finite stays so and can wait.
_LOOKS = {"cpu": (1, 10)}
_LOOKS_ELSEWHERE = (50, 50)


def batches_of(run: Run, monitor: bool) -> Iterator[Batch]:
    """The batches of the whole training; the caller takes a step on each.

    Args:
        run: a fresh one.
        monitor: whether to look at the select split and to keep weights.
    """
    if run.optimizer is not None:
        raise Misuse("this run has been trained; task.reset(seed) starts another")
    with run._clock.phase("begin"):
        _begin(run, monitor)
    decays, epoch = run.recipe.decay_steps(), _steps_an_epoch(run)
    looks = run.recipe.evaluation_steps() if monitor else frozenset()
    with run._clock.phase("train"):
        left = run.recipe.steps - run.steps_taken
        for batch in itertools.islice(run.weighter.batches(run), left):
            run._batch = batch
            yield batch
            if run._batch is not None:
                raise Misuse("a batch was passed over: call run.step(weights) once for each")
            if run.steps_taken % epoch == 0:
                run.weighter.end_epoch(run)
                if run.weight_log is not None:
                    run.weight_log.end_epoch(run.steps_taken)
            if run.steps_taken in decays:
                _decay(run)
            if run.steps_taken in looks:
                run._look()
            if run._checkpoint is not None:
                run._checkpoint.save_if_due(run)
    if run.steps_taken < run.recipe.steps:
        raise Misuse(f"batches() ended after {run.steps_taken} of {run.recipe.steps} steps")


def _begin(run: Run, monitor: bool) -> None:
    run.model.train()
    run.weighter.begin(run)
    run.loss_parameters = list(run.weighter.parameters())
    run.optimizer = run.recipe.optimizer(run.model, run.loss_parameters)
    if monitor:
        epochs = run.recipe.steps // _steps_an_epoch(run)
        run.weight_log = WeightLog(run.labels, run._sets.true_labels, epochs)
    if run._checkpoint is not None:
        run._checkpoint.restore(run)


def _decay(run: Run) -> None:
    assert run.optimizer is not None
    for group in run.optimizer.param_groups:
        group["lr"] *= run.recipe.decay


def _steps_an_epoch(run: Run) -> int:
    return max(1, len(run.labels) // run.recipe.batch_size)


def forget_gradients(optimizer: torch.optim.Optimizer) -> None:
    """What ``zero_grad`` does, without its entry in a profile: 3 % of the smallest steps."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = None


def check_values(run: Run, weights: Tensor, batch: Batch) -> None:
    """Look at the values of a step now and then, and in the last step.

    Raises:
        BadWeights: weights are not what they may be.
        Diverged: the weighted loss is not finite.
    """
    step, (weights_every, losses_every) = run.steps_taken, _looks(run)
    last = step == run.recipe.steps - 1
    if last or step % weights_every == 0:
        low = weights.min().item()  # not a number if one weight is none
        if not low >= 0:
            explain(weights, batch, run.weighter.negative)
    if (last or step % losses_every == 0) and not batch.is_finite(weights):
        explain(weights, batch, run.weighter.negative)
        raise Diverged(f"the loss is not finite at step {step}")


def _looks(run: Run) -> tuple[int, int]:
    return _LOOKS.get(run.device.type, _LOOKS_ELSEWHERE)
