"""What must hold of every registered weighter, and of every composition the paper lists."""

from __future__ import annotations

import copy
import dataclasses
import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import weightbench as wb
from tests.shell import TINY
from weightbench.registry import SUITES, WEIGHTERS
from weightbench.training.batch import with_clean
from weightbench.training.batch_kinds import GivenBatch
from weightbench.training.best_on_select import BestOnSelect
from weightbench.training.checkpoint import Checkpoint
from weightbench.training.state import TrainingState

from .toys import trained

NAMES = sorted({*WEIGHTERS.names(), *SUITES.get("paper-digits").weighters})
EACH = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in NAMES]
)


@functools.cache
def weights_of(name: str) -> list[Tensor]:
    """The weights of every step; found once, where all the tests of a weighter run."""
    return training(wb.make_task(TINY), name)


def training(task: wb.Task, name: str) -> list[Tensor]:
    """The weights of every step, hooks called as in an evaluation."""
    weighter = wb.make_weighter(name)
    run = wb.start(task, 0, weighter=weighter)
    found = []
    for batch in run:
        found.append(weighter.weigh(batch))
        run.step(found[-1])
    run.finish()
    return found


def half_way(task: wb.Task, name: str) -> tuple[wb.Trainer, wb.Weighter, wb.Batch]:
    """A run in the middle of its training, its weighter, and the batch that is to be weighed."""
    weighter = wb.make_weighter(name)
    run = wb.start(task, 0, weighter=weighter)
    batches = iter(run)
    for _ in range(run.recipe.steps // 2):
        run.step(weighter.weigh(next(batches)))
    return run, weighter, next(batches)


def again(batch: wb.Batch, order: Tensor) -> wb.Batch:
    """The same examples in another order, with nothing computed yet, beside the same clean ones."""
    made = GivenBatch(batch.run, batch.index[order], batch.inputs[order], batch.labels[order])
    return with_clean(made, batch.clean())


@EACH
def test_weights_are_finite_and_sum_to_1_or_to_nothing(name: str) -> None:
    weighter = wb.make_weighter(name)
    negative, normalized = weighter.negative, weighter.normalized
    seen = weights_of(name)
    assert seen
    for weights in seen:
        assert weights.isfinite().all()
        total = float(weights.sum())
        assert not normalized or total == pytest.approx(1, abs=1e-5) or not weights.any()
        assert negative or (weights >= 0).all()


@EACH
def test_one_seed_gives_one_sequence_and_leaves_the_global_stream_alone(
    tiny: wb.Task, name: str
) -> None:
    one, before = weights_of(name), torch.random.get_rng_state()
    other = training(tiny, name)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert len(one) == len(other) > 0
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@EACH
def test_weights_go_with_the_examples(tiny: wb.Task, name: str) -> None:
    """In another order the examples get the same weights, unless weights are drawn by position."""
    _, weighter, batch = half_way(tiny, name)
    state, stream = copy.deepcopy(weighter.state_dict()), batch.run.generator.get_state()
    batch.clean()
    plain = weighter.weigh(again(batch, torch.arange(len(batch))))
    if not torch.equal(stream, batch.run.generator.get_state()):
        pytest.skip("draws a random number for each position")
    weighter.load_state_dict(state)
    order = torch.randperm(len(batch), generator=torch.Generator().manual_seed(0))
    shuffled = weighter.weigh(again(batch, order))
    torch.testing.assert_close(shuffled, plain[order], atol=1e-5, rtol=1e-3)


@EACH
def test_state_is_enough_to_go_on_from(tiny: wb.Task, name: str) -> None:
    """A weighter that has begun on other data weighs alike once it is given the state."""
    run, weighter, batch = half_way(tiny, name)
    state = copy.deepcopy(weighter.state_dict())
    other = wb.make_weighter(name)
    next(iter(wb.start(tiny, 1, weighter=other)))
    other.load_state_dict(state)
    batch.clean()
    stream = batch.run.generator.get_state()
    order = torch.arange(len(batch))
    expected, losses = weighter.weigh(one := again(batch, order)), one.losses
    batch.run.generator.set_state(stream)
    run.weighter = other
    torch.testing.assert_close(other.weigh(two := again(batch, order)), expected)
    torch.testing.assert_close(two.losses, losses)


class StopHalfWay(Checkpoint):
    """Saves after every step, and pulls the plug after half of them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, seconds=0)

    def after_step(self, training: TrainingState, batch: wb.Batch, weights: Tensor) -> None:
        super().after_step(training, batch, weights)
        if training.steps_taken == training.recipe.steps // 2:
            raise KeyboardInterrupt


@EACH
def test_a_stopped_training_goes_on_as_if_it_had_not_been(
    tiny: wb.Task, name: str, tmp_path: Path
) -> None:
    def saved(checkpoint: Checkpoint) -> wb.Trainer:
        watchers = [BestOnSelect(), checkpoint]
        return wb.start(tiny, 0, wb.make_weighter(name), watchers=watchers)

    path = tmp_path / "a.pt"
    with pytest.raises(KeyboardInterrupt):
        saved(StopHalfWay(path)).train()
    pieces = saved(Checkpoint(path))
    pieces.train()
    whole = trained(tiny, name)
    assert (pieces.step_work, pieces.side_work) == (whole.step_work, whole.side_work)
    one, other = pieces.finish().state_dict(), whole.finish().state_dict()
    assert all(torch.equal(one[key], other[key]) for key in other)
    assert torch.equal(pieces.test_predictions(), whole.test_predictions())


@EACH
def test_hidden_data_reaches_no_weight(
    tiny: wb.Task, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With garbage in the select and test splits, and as true labels, no bit of a weight moves."""
    splits, data, rng = tiny.split(0), tiny.data, np.random.default_rng(0)
    inputs, labels = data.inputs.copy(), data.labels.copy()
    hidden = np.concatenate([splits.select, splits.test])
    inputs[hidden] = rng.normal(0, 9, inputs[hidden].shape)
    labels[hidden] = rng.integers(0, data.num_classes, len(hidden))
    if not wb.make_weighter(name).privileged:
        labels[splits.train] = rng.integers(0, data.num_classes, len(splits.train))
    garbage = dataclasses.replace(data, inputs=inputs, labels=labels)
    monkeypatch.setattr(wb.Task, "split", lambda self, seed: splits)
    poisoned = training(dataclasses.replace(tiny, dataset=garbage), name)
    assert all(torch.equal(a, b) for a, b in zip(weights_of(name), poisoned, strict=True))
