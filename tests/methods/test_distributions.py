"""Methods about distributions: of groups, of losses, of class sizes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor
from weightbench.methods.cmw_net import CMWNet, kinds_of
from weightbench.methods.diw import DIW, matched, within
from weightbench.methods.group_dro import GroupDRO
from weightbench.methods.linupper import LinUpper
from weightbench.methods.mw_net import MWNet

import weightbench as wb

from .toys import first_batch, of_losses, toy, trained

# ---- group DRO -----------------------------------------------------------------------------------


def grouped(task: wb.Task) -> wb.Task:
    """Four groups, one of them a tenth."""
    groups = np.arange(len(task.data.labels)) % 10 // 3
    return dataclasses.replace(task, dataset=dataclasses.replace(task.data, groups=groups))


def test_with_no_rate_every_group_has_as_much_weight(tiny: wb.Task) -> None:
    weighter, batch = first_batch(grouped(tiny), GroupDRO(eta=0.0))
    assert batch.groups is not None
    weights = weighter.weigh(batch)
    sums = torch.zeros(4).index_add(0, batch.groups, weights)
    torch.testing.assert_close(sums, torch.full((4,), 0.25))
    for group in range(4):
        own = weights[batch.groups == group]
        assert torch.equal(own, own[:1].expand_as(own))


def of_groups(groups: list[int], losses: list[float]) -> tuple[GroupDRO, Tensor]:
    """q after a batch of four examples of these groups with these losses; its weights."""
    task = grouped(toy([(1.0, 0.0), (0.0, 1.0)], [0, 1], [40, 40]))
    weighter, batch = first_batch(task, GroupDRO(eta=0.5))
    assert isinstance(weighter, GroupDRO)
    made = of_losses(batch, losses)
    weighter.groups = weighter.groups.index_copy(0, made.index, torch.tensor(groups))
    return weighter, weighter.weigh(made)


def test_the_group_of_highest_loss_counts_more_by_the_published_factor() -> None:
    weighter, weights = of_groups([0, 1, 2, 2], [1.0, 2.0, 0.0, 1.0])
    q = torch.tensor([0.5, 1.0, 0.25, 0.0]).exp()
    torch.testing.assert_close(weighter.q, q / q.sum())
    torch.testing.assert_close(weights, (q / q.sum())[[0, 1, 2, 2]] / torch.tensor([1, 1, 2, 2]))


def test_losses_that_are_equal_leave_the_groups_as_they_are() -> None:
    weighter, _ = of_groups([0, 1, 2, 3], [0.7] * 4)
    torch.testing.assert_close(weighter.q, torch.full((4,), 0.25))
    other, _ = of_groups([0, 1, 2, 3], [0.7, 0.7, 0.9, 0.7])
    assert (other.q > weighter.q).tolist() == [False, False, True, False]
    torch.testing.assert_close(other.q.sum(), torch.tensor(1.0))


def test_batches_have_groups_alike_and_tracks_say_whose_they_were(tiny: wb.Task) -> None:
    run = trained(grouped(tiny), "group-dro")
    assert isinstance(run.weighter, GroupDRO)
    assert run.track == "D"
    batches = run.weighter.batches(run.run)
    drawn = torch.cat([run.weighter.groups[next(batches).index] for _ in range(40)])
    shares = drawn.bincount() / len(drawn)
    torch.testing.assert_close(shares, torch.full((4,), 0.25), atol=0.05, rtol=0)
    plain = trained(tiny, "group-dro")
    assert plain.track == "A"
    assert isinstance(plain.weighter, GroupDRO)
    assert torch.equal(plain.weighter.groups, plain.labels)
    assert plain.step_work == 1


# ---- LinUpper ------------------------------------------------------------------------------------


def test_linupper_worked_out_by_hand(tiny: wb.Task) -> None:
    """Losses 0 to 4: the middle of the range is 2, above it all are alike."""
    weighter, batch = first_batch(tiny, "linupper")
    weights = weighter.weigh(of_losses(batch, [0.0, 1.0, 2.0, 3.0, 4.0], progress=0.5))
    torch.testing.assert_close(weights, torch.tensor([0.0, 0.5, 1, 1, 1]).softmax(0))
    moved = weighter.weigh(of_losses(batch, [7.0, 10.0, 13.0, 16.0, 19.0], progress=0.5))
    torch.testing.assert_close(moved, weights)


@pytest.mark.parametrize(("rho", "progress"), [(1e9, 0.5), (1.0, 0.05)])
def test_linupper_is_uniform_at_first_and_where_rho_is_large(
    tiny: wb.Task, rho: float, progress: float
) -> None:
    weighter, batch = first_batch(tiny, LinUpper(rho))
    weights = weighter.weigh(of_losses(batch, [0.0, 1.0, 4.0, 9.0], progress))
    torch.testing.assert_close(weights, torch.full((4,), 0.25))
    alike = weighter.weigh(of_losses(batch, [2.0] * 4, progress=0.5))
    torch.testing.assert_close(alike, torch.full((4,), 0.25))


# ---- dynamic importance weighting ----------------------------------------------------------------


def draw(n: int, scale: float, seed: int) -> np.ndarray:
    drawn: np.ndarray = np.random.default_rng(seed).exponential(scale, n)
    return drawn


def test_losses_that_are_distributed_alike_are_left_alone() -> None:
    losses = draw(60, 1.0, 0)
    np.testing.assert_allclose(matched(losses, losses), 1, atol=1e-4)
    np.testing.assert_allclose(matched(np.full(9, 2.0), np.full(4, 2.0)), 1, atol=1e-4)


def test_a_loss_far_from_all_of_the_hold_out_has_no_weight() -> None:
    losses, wanted = np.append(draw(60, 1.0, 0), 1e3), draw(30, 1.0, 1)
    weights = matched(losses, wanted)
    assert weights[-1] == pytest.approx(0, abs=1e-3)
    assert weights[:-1].mean() > 0.9


def test_the_unit_of_losses_is_nothing() -> None:
    losses, wanted = draw(60, 2.0, 0), draw(30, 0.5, 1)
    np.testing.assert_allclose(matched(losses, wanted), matched(100 * losses, 100 * wanted))


def test_it_is_the_least_of_the_programme() -> None:
    """At a least no allowed direction goes down: the conditions of Karush, Kuhn and Tucker."""
    losses, wanted = draw(40, 2.0, 0), draw(30, 0.5, 1)
    weights = matched(losses, wanted)
    both = np.concatenate([losses, wanted])
    apart = np.abs(both[:, None] - both)
    width = np.median(apart[np.triu_indices(70, 1)])
    kernel = np.exp(-(((losses[:, None] - both) / width) ** 2) / 2)
    slope = kernel[:, :40] @ weights + 1e-5 * weights - 40 / 30 * kernel[:, 40:].sum(1)
    scale = 40 / 30 * kernel[:, 40:].sum(1).max()
    assert np.abs(slope[weights > 1e-6]).max() < 0.01 * scale
    assert slope[weights <= 1e-6].min() > -0.01 * scale
    assert abs(weights.mean() - 1) < 1 - 1 / np.sqrt(40)


@pytest.mark.parametrize("shift", [-200.0, -1.0, 0.0, 1.0, 200.0])
def test_the_nearest_point_within_the_bounds(shift: float) -> None:
    values = np.random.default_rng(0).normal(1 + shift, 3, 20)
    point = within(values, 15, 25)
    assert point.min() >= 0
    assert point.max() <= 50
    assert 15 - 1e-9 <= point.sum() <= 25 + 1e-9
    for seed in range(30):  # no other is nearer
        other = within(np.random.default_rng(seed).uniform(0, 2.4, 20), 15, 25)
        assert np.square(values - other).sum() >= np.square(values - point).sum() - 1e-9


def test_diw_is_uniform_in_the_first_epoch_and_then_bounded(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0, weighter := DIW())
    for batch in run:
        weights = weighter.weigh(batch) * len(batch)
        first = batch.step < len(run.labels) // 32
        assert torch.equal(weights, torch.ones(32)) == first
        assert 0 <= float(weights.min()) <= float(weights.max()) <= 50
        assert abs(float(weights.mean()) - 1) <= 1 - 32**-0.5 + 1e-6
        run.step(weights / len(batch))
    assert run.track == "B"


# ---- CMW-Net -------------------------------------------------------------------------------------


def test_kinds_of_class_sizes_go_from_few_to_many_and_not_by_name() -> None:
    sizes = torch.tensor([50, 3, 500, 60, 5, 450])
    assert kinds_of(sizes, 3).tolist() == [1, 0, 2, 1, 0, 2]
    order = torch.randperm(6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(kinds_of(sizes[order], 3), kinds_of(sizes, 3)[order])
    assert kinds_of(torch.tensor([7, 7, 7, 7]), 3).tolist() == [0, 0, 0, 0]
    assert kinds_of(torch.tensor([9, 2]), 3).tolist() == [1, 0]


def test_where_classes_are_of_one_size_it_is_mw_net() -> None:
    """With the same V to begin with, through a whole training."""
    task = toy([(1.0, 0.0), (0.0, 1.0), (1.0, 0.5), (0.5, 1.0)], [0, 1, 1, 0], [40, 40])
    runs = [wb.start(task, 0, one := CMWNet()), wb.start(task, 0, other := MWNet(lr=1e-4))]
    batches = [iter(run) for run in runs]
    assert one.kinds.tolist() == [0, 0]
    with torch.no_grad():
        other.net[0].load_state_dict(one.net[0].state_dict())
        other.net[2].weight.copy_(one.net[2].weight[:1])
        other.net[2].bias.copy_(one.net[2].bias[:1])
    for _ in range(task.recipe.steps):
        pair = [next(own) for own in batches]
        weights = [run.weigh_and_step(batch) for run, batch in zip(runs, pair, strict=True)]
        torch.testing.assert_close(weights[0], weights[1])


def test_each_kind_of_class_has_an_output_of_its_own() -> None:
    task = toy([(1.0, 0, 0), (0, 1, 0), (1, 1, 0)], [0, 1, 2], [40, 20, 4])
    weighter, batch = first_batch(task, "cmw-net")
    assert isinstance(weighter, CMWNet)
    assert weighter.kinds.tolist() == [2, 1, 0]
    values = weighter.values(torch.full((3,), 0.7), torch.tensor([0, 1, 2])).detach()
    torch.testing.assert_close(values, weighter.net(torch.tensor([[0.7]])).detach()[0, [2, 1, 0]])
    assert len(set(values.tolist())) == 3
    run = batch.run
    assert weighter.weigh(batch).shape == (run.recipe.batch_size,)
