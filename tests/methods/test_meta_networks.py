"""Meta-Weight-Net against the literal bilevel graph, and its class-aware form."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from weightbench.methods.mw_net import MWNet

import weightbench as wb
from weightbench.training.batch import ComputedBatch, with_clean
from weightbench.training.batch_kinds import GivenBatch

from .toys import first_batch, trained


def chain(data: wb.DataSet) -> nn.Module:
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, data.num_classes))


def normed(data: wb.DataSet) -> nn.Module:
    return nn.Sequential(
        nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, data.num_classes)
    )


NETWORKS = {"chain": chain, "batch norm": normed}


def in_double(
    tiny: wb.Task, network: Callable[[wb.DataSet], nn.Module], weighter: MWNet, lr: float = 0.5
) -> wb.Batch:
    """The first batch of a run in float64; V moves by plain SGD at rate 1."""
    recipe = dataclasses.replace(tiny.recipe, lr=lr)
    _, batch = first_batch(dataclasses.replace(tiny, model=network, recipe=recipe), weighter)
    run, clean = batch.run, batch.clean()
    run.model.double()
    weighter.net.double()
    weighter.optimizer = torch.optim.SGD(weighter.net.parameters(), lr=1.0)
    made = GivenBatch(run, batch.index, batch.inputs.double(), batch.labels)
    return with_clean(
        made, GivenBatch(run, clean.index, clean.inputs.double(), clean.labels, held_out=True)
    )


def literal(batch: wb.Batch, weighter: MWNet, rate: float) -> list[Tensor]:
    """d (hold-out loss after a virtual step with V's weights) / d V's parameters, as one graph."""
    model, clean = copy.deepcopy(batch.model), batch.clean()
    parameters = dict(model.named_parameters())
    losses = F.cross_entropy(model(batch.inputs), batch.labels, reduction="none")
    weights = weighter.values(losses.detach(), batch.labels) / len(batch)
    gradients = torch.autograd.grad(weights @ losses, list(parameters.values()), create_graph=True)
    moved = {name: p - rate * g for (name, p), g in zip(parameters.items(), gradients, strict=True)}
    held = F.cross_entropy(functional_call(model, moved, (clean.inputs,)), clean.labels)
    return list(torch.autograd.grad(held, list(weighter.net.parameters())))


def moves(batch: wb.Batch, weighter: MWNet) -> list[Tensor]:
    """How far a step moves V's parameters."""
    before = [p.detach().clone() for p in weighter.net.parameters()]
    weighter.weigh(batch)
    return [p.detach() - was for p, was in zip(weighter.net.parameters(), before, strict=True)]


@pytest.mark.parametrize("network", NETWORKS)
def test_v_moves_along_the_literal_bilevel_gradient(tiny: wb.Task, network: str) -> None:
    batch = in_double(tiny, NETWORKS[network], weighter := MWNet())
    wanted = literal(batch, weighter, 0.5)
    moved = moves(batch, weighter)
    assert sum(float(move.abs().sum()) for move in moved) > 1e-4
    for move, gradient in zip(moved, wanted, strict=True):
        torch.testing.assert_close(move, -gradient, rtol=1e-9, atol=1e-13)


def test_the_first_order_form_is_off_by_the_rate(tiny: wb.Task) -> None:
    """In what V is moved by, the rate itself left out: half the rate, half the difference."""
    apart = []
    for lr in (0.02, 0.01):
        found = [
            moves(in_double(tiny, chain, weighter := MWNet(first_order=first), lr), weighter)
            for first in (False, True)
        ]
        apart.append(sum(float((a - b).square().sum()) for a, b in zip(*found, strict=True)) ** 0.5)
        apart[-1] /= lr
    assert apart[1] > 0
    assert apart[0] / apart[1] == pytest.approx(2, rel=0.02)


@pytest.mark.parametrize(("helps", "sign"), [(0.0, 0), (2.0, 1), (-2.0, -1)])
def test_v_rises_where_all_examples_help_and_falls_where_none_does(
    tiny: wb.Task, helps: float, sign: int
) -> None:
    weighter, batch = first_batch(tiny, MWNet(first_order=True))
    assert isinstance(weighter, MWNet)
    assert isinstance(batch, ComputedBatch)
    batch._alignment["auto"] = torch.full((len(batch),), helps)
    weighter.optimizer = torch.optim.SGD(weighter.net.parameters(), lr=1.0)
    losses = batch.losses.detach()
    before = weighter.values(losses, batch.labels).detach()
    weighter.weigh(batch)
    rise = float((weighter.values(losses, batch.labels).detach() - before).mean())
    assert rise * sign > 0 or (rise == 0 and sign == 0)


def test_a_v_that_is_constant_is_plain_training_at_that_rate(tiny: wb.Task) -> None:
    weighter, batch = first_batch(tiny, MWNet(lr=0.0))
    assert isinstance(weighter, MWNet)
    with torch.no_grad():
        weighter.net[2].weight.zero_()
        weighter.net[2].bias.fill_(-1.0)
    share = float(torch.tensor(-1.0).sigmoid())
    torch.testing.assert_close(weighter.weigh(batch), torch.full((32,), share / 32))


def test_v_begins_anywhere_near_a_half_and_otherwise_at_each_seed(tiny: wb.Task) -> None:
    starts = []
    for seed in range(3):
        weighter = wb.make_weighter("mw-net")
        batch = next(iter(wb.start(tiny, seed, weighter)))
        assert isinstance(weighter, MWNet)
        starts.append(float(weighter.values(torch.ones(1), batch.labels[:1]).detach()))
    assert len(set(starts)) == 3
    assert all(0.2 < start < 0.8 for start in starts)


def test_its_work_is_that_of_passes_of_first_order() -> None:
    """At most 5/3 + r plain steps, r = .3 here; without the virtual step at most 4/3 + r."""
    task = wb.make_task("digits-background-flip-v0[steps=30]")
    exact, first_order = trained(task, "mw-net"), trained(task, "mw-net-fo")
    assert exact.step_work is not None
    assert first_order.step_work is not None
    assert 1 < first_order.step_work <= 4 / 3 + 0.3
    assert first_order.step_work + 1 / 3 < exact.step_work <= 5 / 3 + 0.3
    assert exact.side_work == first_order.side_work == 0
    assert exact.track == first_order.track == "B"
