"""Is this a task? Its data, its splits, its corruption, its network, and a few steps."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from weightbench.check.rules import Broken, Finding, broken
from weightbench.check.surroundings import left_alone
from weightbench.check.training import check_outputs, fixed_globals, judging
from weightbench.data.corrupting import corrupted_labels
from weightbench.data.corruption import describe
from weightbench.data.dataset import DataSet
from weightbench.streams import numpy_stream
from weightbench.training.splits import Splits
from weightbench.training.start import start
from weightbench.training.task import Task, make_task

_SEED, _STEPS = 0, 3


def check_task(task: str | Task) -> list[Finding]:
    """Check a task: takes as long as loading its data, splitting it twice and a few steps.

    Args:
        task: a spec, such as ``my.py:TASK``, or a task.

    Returns:
        What was found, empty for a task that keeps every rule. It stops at the first kind of
        mistake that makes the rest meaningless.
    """
    return left_alone(lambda: _check(task))


def _check(task: str | Task) -> list[Finding]:
    try:
        with judging("loads"):
            made = make_task(task) if isinstance(task, str) else task
        with fixed_globals() as used:
            for check in (_data, _splits, _fingerprint, _corruption, _network, _steps):
                with judging():
                    check(made)
        if used:
            broken("global-random", f"{' and '.join(used)}'s stream was drawn from")
    except Broken as error:
        return [error.finding]
    return []


def _data(task: Task) -> None:
    with judging("data"):
        data = task.data
        if not isinstance(data, DataSet):
            broken("data", f"the data set is a {type(data).__name__}")
        if data.test is None and not task.test:
            broken("data", "neither the data set nor the task says what the test split is")


def _fingerprint(task: Task) -> None:
    with judging("fingerprint"):
        _ = task.fingerprint


def _splits(task: Task) -> None:
    data, splits, again = task.data, task.split(_SEED), task.split(_SEED)
    if splits.sha256 != again.sha256 or splits.corrupted.sha256 != again.corrupted.sha256:
        broken("split-deterministic", f"two splits at seed {_SEED} differ")
    if len(np.unique(splits.train)) != len(splits.train):
        broken("corrupted-labels", "an example is in the training set twice")
    given = splits.given
    if given.dtype != np.int64 or given.shape != splits.train.shape:
        broken("corrupted-labels", f"{given.dtype} {given.shape} for {len(splits.train)} examples")
    if given.min() < 0 or given.max() >= data.num_classes:
        broken("corrupted-labels", f"labels from {given.min()} to {given.max()}")
    _rate(task, splits)


def _rate(task: Task, splits: Splits) -> None:
    data, told = task.data, splits.corrupted
    if not data.truth_known:
        return
    true = data.labels[splits.train]
    really = describe(
        true, splits.given, np.arange(len(true)), data.num_classes, replaced=told.replaced
    )
    if abs(really.rate - told.rate) > 1e-9:
        broken("realised-rate", f"rate {told.rate:.4f} is told; {really.rate:.4f} are wrong")
    if np.shape(told.transition) != really.transition.shape or not np.allclose(
        told.transition, really.transition
    ):
        broken("realised-rate", "the transition matrix is not that of the labels")


def _corruption(task: Task) -> None:
    train = task.split(_SEED).train
    labels = task.data.labels[train]
    before, stream = labels.copy(), numpy_stream(task.stream, "corruption", _SEED)
    corrupted_labels(task.corruption, labels, task.data, train, stream)
    if not np.array_equal(labels, before):
        broken("labels-unchanged", f"{int((labels != before).sum())} labels were overwritten")


def _network(task: Task) -> None:
    model, again = task.build_model(_SEED), task.build_model(_SEED)
    other = again.state_dict()
    for name, tensor in model.state_dict().items():
        if name not in other or not torch.equal(tensor, other[name]):
            broken("model-seeded", f"{name} differs between two networks of seed {_SEED}")
    inputs, _ = start(task, _SEED).holdout
    _outputs(lambda: model.train()(inputs[:4]), (len(inputs[:4]), task.data.num_classes))
    _outputs(lambda: model.eval()(inputs[:4]), (len(inputs[:4]), task.data.num_classes))


def _outputs(forward: Callable[[], Tensor], shape: tuple[int, int]) -> None:
    with judging("model-output"), torch.no_grad():
        check_outputs("model-output", forward(), shape)


def _steps(task: Task) -> None:
    run = start(task, _SEED)
    for batch in itertools.islice(run, min(_STEPS, task.recipe.steps)):
        run.step(torch.full((len(batch),), 1 / len(batch)))
