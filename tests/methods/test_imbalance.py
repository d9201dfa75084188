"""Methods for class imbalance against weights worked out by hand."""

from __future__ import annotations

import pytest
import torch
from weightbench.methods.hard_mining import hardest

import weightbench as wb

from .toys import draws, first_batch, of_labels, toy


@pytest.fixture
def rare() -> wb.Task:
    """4 examples of class 0, 36 of class 1; the network is the surer of a 1 the larger x is."""
    kinds = [(0.0, 0.0), *((0.0, x / 10) for x in range(9))]
    return toy(kinds, [0, *[1] * 9], [4, 36])


def test_uniform_is_one_over_n(rare: wb.Task) -> None:
    weighter, batch = first_batch(rare, "uniform")
    torch.testing.assert_close(weighter.weigh(batch), torch.full((10,), 0.1))


def test_proportion_is_the_inverse_count(rare: wb.Task) -> None:
    weighter, batch = first_batch(rare, "proportion")
    weights = weighter.weigh(of_labels(batch, [0, 1, 1, 1]))
    torch.testing.assert_close(weights, torch.tensor([9, 1, 1, 1]) / 12)


def test_proportion_as_released_is_the_share_of_the_other_class(rare: wb.Task) -> None:
    weighter, batch = first_batch(rare, "proportion[normalized=false]")
    weights = weighter.weigh(of_labels(batch, [0, 1, 1, 1]))
    torch.testing.assert_close(weights, torch.tensor([0.9, 0.1, 0.1, 0.1]))


def test_resampled_batches_are_balanced(rare: wb.Task) -> None:
    weighter, batch = first_batch(rare, "resample")
    batches = weighter.batches(batch.run)
    labels = torch.cat([next(batches).labels for _ in range(200)])
    assert float((labels == 0).float().mean()) == pytest.approx(0.5, abs=0.05)
    assert len(next(batches)) == rare.recipe.batch_size


def test_random_weights_are_a_rectified_gaussian(rare: wb.Task) -> None:
    weighter, batch = first_batch(rare, "random")
    normal = torch.randn(10, generator=draws(rare, weighter))
    expected = torch.where(normal > 0, normal, 0)
    torch.testing.assert_close(weighter.weigh(batch), expected / expected.sum())
    assert not torch.equal(weighter.weigh(batch), expected / expected.sum())


def test_the_hardest_are_all_of_the_minority_and_as_many_others() -> None:
    losses = torch.tensor([5.0, 1.0, 3.0, 4.0, 2.0, 9.0])
    minority = torch.tensor([True, False, False, False, True, False])
    assert sorted(hardest(losses, minority).tolist()) == [0, 3, 4, 5]


@pytest.mark.parametrize(("minority", "kept"), [([False] * 3, [2]), ([True] * 3, [0, 1, 2])])
def test_the_hardest_where_one_side_is_missing(minority: list[bool], kept: list[int]) -> None:
    chosen = hardest(torch.tensor([0.1, 0.2, 0.3]), torch.tensor(minority))
    assert chosen.tolist() == kept


def test_hard_mining_takes_the_rare_class_and_the_highest_losses(rare: wb.Task) -> None:
    weighter, batch = first_batch(rare, "hard-mining")
    run = batch.run
    assert sorted(batch.labels.tolist()) == [0] * 4 + [1] * 4
    frequent = (run.labels == 1).nonzero().squeeze(1)
    hard = run.batch(frequent).losses.sort(descending=True).values[:4]
    mined = batch.losses[batch.labels == 1].sort(descending=True).values
    torch.testing.assert_close(mined, hard)
    torch.testing.assert_close(weighter.weigh(batch), torch.full((8,), 1 / 8))
