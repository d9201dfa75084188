"""Co-teaching, with two networks and alone."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from torch import Tensor
from weightbench.methods.co_teaching import CoTeaching, CoTeachingAlone

import weightbench as wb

from .toys import first_batch, of_outputs, trained

BOTH = ["co-teaching", "co-teaching-alone"]


def judged(run: wb.Trainer) -> dict[str, Tensor]:
    return run.finish().state_dict()


@pytest.mark.parametrize("name", BOTH)
def test_without_noise_it_is_plain_training_bit_for_bit(tiny: wb.Task, name: str) -> None:
    plain, other = trained(tiny, "uniform"), trained(tiny, f"{name}[noise=0.0]")
    one, two = judged(plain), judged(other)
    assert all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize(
    ("noise", "passes", "kept"),
    [(0.4, 0.0, 10), (0.4, 5, 8), (0.4, 10, 6), (0.4, 36, 6), (0.45, 20, 5), (0.95, 40, 1)],
)
def test_the_share_that_is_kept_falls_to_1_minus_noise(
    noise: float, passes: float, kept: int
) -> None:
    weighter = CoTeachingAlone(noise)
    weighter.rate = noise
    losses = torch.tensor([3.0, 1, 4, 1.5, 9, 2, 6, 5, 3.5, 8])
    weights = weighter.kept(losses, passes)
    expected = torch.zeros(10)
    expected[losses.argsort()[:kept]] = 1 / kept
    torch.testing.assert_close(weights, expected)


def test_it_takes_ten_passes_over_the_data_whatever_the_schedule(tiny: wb.Task) -> None:
    for steps in (100, 200):
        task = dataclasses.replace(tiny, recipe=dataclasses.replace(tiny.recipe, steps=steps))
        weighter = CoTeachingAlone(0.5)
        run = wb.start(task, 0, weighter)
        kept = []
        for batch in run:
            weights = weighter.weigh(batch)
            run.step(weights)
            kept.append(int((weights > 0).sum()) / len(weights))
        passes = torch.arange(steps) * 32 / len(run.labels)
        expected = 1 - 0.5 * (passes / 10).clamp(max=1)
        torch.testing.assert_close(torch.tensor(kept), expected, atol=1 / 32, rtol=0)


def test_weights_are_chosen_by_the_other_network_alone(tiny: wb.Task) -> None:
    """With the own outputs turned round, the own weights stay and the other's lesson changes."""
    found, taught = [], []
    for sign in (1.0, -1.0):
        weighter, batch = first_batch(tiny, CoTeaching(0.5, ramp=1))
        assert isinstance(weighter, CoTeaching)
        outputs = sign * 3 * torch.randn(32, 3, generator=torch.Generator().manual_seed(0))
        found.append(weighter.weigh(of_outputs(batch, outputs, batch.labels, at=0.9)))
        taught.append(torch.cat([p.flatten() for p in weighter.other.parameters()]))
    assert torch.equal(*found)
    assert int((found[0] > 0).sum()) == 16
    assert not torch.allclose(taught[0], taught[1])


def test_two_equal_networks_stay_equal_and_are_one_that_chooses_for_itself(tiny: wb.Task) -> None:
    class Twins(CoTeaching):  # type: ignore[misc]
        def begin(self, run: wb.Run) -> None:
            super().begin(run)
            self.other.load_state_dict(copy.deepcopy(run.model.state_dict()))

    run = wb.start(tiny, 0, twins := Twins(0.3))
    run.train()
    alone = judged(trained(tiny, "co-teaching-alone[noise=0.3]"))
    for key, value in judged(run).items():
        torch.testing.assert_close(value, alone[key])
        torch.testing.assert_close(value, twins.other.state_dict()[key])


@pytest.mark.parametrize(("name", "work"), [("co-teaching", 2.0), ("co-teaching-alone", 1.0)])
def test_its_work_is_that_of_its_networks(tiny: wb.Task, name: str, work: float) -> None:
    run = trained(tiny, name)
    assert run.step_work == work
    assert run.side_work == 0
    assert run.track == "A"
    assert trained(tiny, f"{name}[noise=0.2]").track == "E"


def test_the_rate_is_estimated_from_the_losses_last_seen() -> None:
    """On real digits a mixture comes near the 40 % that are wrong."""
    run = trained(wb.make_task("digits-uniform-flip-v0"), "co-teaching")
    assert isinstance(run.weighter, CoTeaching)
    assert run.weighter.rate == pytest.approx(0.4, abs=0.1)


def test_an_impossible_rate_is_refused() -> None:
    with pytest.raises(wb.errors.BadSpec, match=r"must be in \[0, 1\)"):
        wb.make_weighter("co-teaching[noise=1.0]")
    with pytest.raises(wb.errors.BadSpec, match=r"ramp=0\.0: must be above 0"):
        wb.make_weighter("co-teaching[ramp=0]")
