"""Alignment inside a run: what a weighter meets, and what a step leaves behind."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import weightbench as wb
from tests.alignment.cases import case
from weightbench.alignment import Way
from weightbench.alignment.passes import clean_gradient
from weightbench.errors import UnknownParameter
from weightbench.training.batch import computed, with_clean

WAYS: list[Way] = ["higher", "fused", "layerwise"]


def with_model(task: wb.Task, *middle: Callable[[], nn.Module]) -> wb.Task:
    """``task`` with ``middle`` in its network."""

    def build(data: wb.DataSet) -> nn.Module:
        inputs = data.inputs[0].size
        first = nn.Linear(inputs, 8)
        return nn.Sequential(
            nn.Flatten(), first, *(make() for make in middle), nn.ReLU(),
            nn.Linear(8, data.num_classes),
        )  # fmt: skip

    return dataclasses.replace(task, model=build)


def aligned_by_hand(run: wb.Trainer, batch: wb.Batch) -> Tensor:
    """<clean gradient, gradient of loss i> by one reverse pass an example."""
    parameters = list(run.model.parameters())
    direction = clean_gradient(run.model, batch.clean().inputs, batch.clean().labels)
    rows = [torch.autograd.grad(loss, parameters, retain_graph=True) for loss in batch.losses]
    products = [
        torch.stack([(g * direction[p]).sum() for g, p in zip(row, parameters, strict=True)])
        for row in rows
    ]
    return torch.stack(products).sum(1)


@pytest.mark.parametrize("way", WAYS)
def test_running_statistics_are_those_of_a_plain_step(tiny: wb.Task, way: Way) -> None:
    task = with_model(tiny, lambda: nn.BatchNorm1d(8))
    way = "auto" if way == "layerwise" else way
    runs = [wb.start(task, 0), wb.start(task, 0)]
    for run, weights in zip(runs, (None, way), strict=True):
        batch = next(iter(run))
        uniform = torch.full((len(batch),), 1 / len(batch))
        if weights is not None:
            batch.alignment(weights)
        run.step(uniform)
    plain, other = (run.model.state_dict() for run in runs)
    assert int(plain["2.num_batches_tracked"]) == 1
    for name, value in plain.items():
        torch.testing.assert_close(other[name], value)


@pytest.mark.parametrize("way", ["higher", "fused"])
def test_losses_may_be_read_before(tiny: wb.Task, way: Way) -> None:
    """The update goes through the pass that was read, whose running statistics are the step's."""
    task = with_model(tiny, lambda: nn.BatchNorm1d(8))
    found = []
    for read_first in (True, False):
        run = wb.start(task, 0)
        batch = next(iter(run))
        if read_first:
            batch.losses  # noqa: B018 - reading is the point
        run.step(wb.normalize(batch.alignment(way)))
        found.append(run.model.state_dict())
    assert found[0]
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value)


@pytest.mark.parametrize("way", WAYS)
def test_momentum_and_weight_decay_take_no_part(tiny: wb.Task, way: Way) -> None:
    """The alignment after some steps is the inner product at the parameters as they are."""
    recipe = dataclasses.replace(tiny.recipe, momentum=0.9, weight_decay=0.1, lr=0.1)
    run = wb.start(dataclasses.replace(tiny, recipe=recipe), 0)
    batches = iter(run)
    for _ in range(3):
        batch = next(batches)
        run.step(torch.full((len(batch),), 1 / len(batch)))
    batch = next(batches)
    found = batch.alignment(way)
    again = run.batch(batch.index)  # nothing computed yet
    again = with_clean(computed(again), batch.clean())
    torch.testing.assert_close(found, aligned_by_hand(run, again), rtol=1e-4, atol=1e-5)


def test_fused_weighs_and_updates_under_one_dropout_mask() -> None:
    own = case(
        lambda: nn.Sequential(nn.Linear(9, 32), nn.Dropout(0.5), nn.Linear(32, 10)).double(), 9
    )
    torch.manual_seed(1)
    aligned = own.align("fused")
    torch.manual_seed(1)
    direction = clean_gradient(own.model, own.clean_inputs, own.clean_labels)
    assert aligned.losses is not None
    for loss, expected in zip(aligned.losses, aligned.alignment, strict=True):
        gradients = torch.autograd.grad(loss, list(direction), retain_graph=True)
        product = sum((a * b).sum() for a, b in zip(gradients, direction.values(), strict=True))
        torch.testing.assert_close(product, expected)


def passes(run: wb.Trainer) -> list[int]:
    """Sizes of the batches the network sees from here on."""
    sizes: list[int] = []
    run.model.register_forward_hook(lambda _, inputs, __: sizes.append(len(inputs[0])))
    return sizes


@pytest.mark.parametrize("way", ["fused", "layerwise"])
def test_nothing_is_computed_twice(tiny: wb.Task, way: Way) -> None:
    run = wb.start(tiny, 0)
    batches = iter(run)
    sizes = passes(run)
    next(batches).alignment(way)  # what is asked once per network
    run.step(torch.zeros(len(run._batch)))  # type: ignore[arg-type]
    batch = next(batches)
    sizes.clear()
    first = batch.alignment(way)
    assert batch.alignment(way) is first
    batch.losses, batch.logits  # noqa: B018 - reading is the point
    run.step(wb.normalize(first))
    assert sizes == [len(batch.clean()), len(batch)]


@pytest.mark.parametrize("way", WAYS)
def test_losses_that_were_read_before_stay(tiny: wb.Task, way: Way) -> None:
    run = wb.start(with_model(tiny, lambda: nn.GroupNorm(2, 8)), 0)
    batch = next(iter(run))
    losses = batch.losses
    wanted = aligned_by_hand(run, batch)
    torch.testing.assert_close(batch.alignment(way), wanted, rtol=1e-4, atol=1e-5)
    assert batch.losses is losses
    run.step(torch.full((len(batch),), 1 / len(batch)))


def test_asking_after_reading_moves_running_statistics_once(tiny: wb.Task) -> None:
    run = wb.start(with_model(tiny, lambda: nn.BatchNorm1d(8)), 0)
    batch = next(iter(run))
    batch.losses  # noqa: B018 - reading is the point
    batch.alignment("fused")
    assert int(run.model[2].num_batches_tracked) == 1  # type: ignore[index]


@pytest.mark.parametrize("name", ["l2rw-fused", "l2rw-layerwise", "l2rw-auto"])
def test_the_weighters_train_alike(tiny: wb.Task, name: str) -> None:
    models = [
        wb.start(tiny, 0, weighter=wb.make_weighter(weighter)).train()
        for weighter in ("l2rw", name)
    ]
    for wanted, found in zip(*(model.parameters() for model in models), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)


def test_an_unknown_way_is_named_when_a_weighter_is_made() -> None:
    with pytest.raises(UnknownParameter, match="alignment=fast"):
        wb.make_weighter("l2rw[alignment=fast]")


def test_the_way_is_a_parameter_of_the_weighter() -> None:
    assert str(wb.make_weighter("l2rw[alignment=fused]").spec) == "l2rw[alignment=fused]"
    assert str(wb.make_weighter("l2rw-fused[alignment=fused]").spec) == "l2rw-fused"
