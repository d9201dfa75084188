"""Curricula against weights worked out by hand: self-paced, MentorNet, AdaBoost."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from weightbench.methods.adaboost import Vote, boosted
from weightbench.methods.mentornet import MentorNet
from weightbench.methods.mentornet_dd import STAGES, Mentor, MentorNetDD, Watched, fit, lessons
from weightbench.methods.self_paced import SelfPaced

import weightbench as wb

from .toys import draws, first_batch, of_losses, trained


def test_self_paced_takes_all_in_the_first_epoch(tiny: wb.Task) -> None:
    weighter, batch = first_batch(tiny, "self-paced")
    torch.testing.assert_close(weighter.weigh(of_losses(batch, [0.1, 9.0])), torch.full((2,), 0.5))


def test_self_paced_starts_at_the_median_loss(tiny: wb.Task) -> None:
    weighter = SelfPaced()
    run = wb.start(tiny, 0, weighter=weighter)
    next(iter(run))
    losses = nn.functional.cross_entropy(run.predict(), run.labels, reduction="none")
    weighter.end_epoch(run)
    assert float((losses <= weighter.start).float().mean()) == pytest.approx(0.5, abs=0.01)
    run.model.requires_grad_(False).get_parameter("0.weight").add_(1)
    before = weighter.start
    weighter.end_epoch(run)
    assert weighter.start is before


@pytest.mark.parametrize(
    ("progress", "expected"), [(0.1, [1.0, 0.0, 0.0]), (0.5, [0.5, 0.5, 0.0]), (0.99, [1 / 3] * 3)]
)
def test_the_threshold_grows(tiny: wb.Task, progress: float, expected: list[float]) -> None:
    """1.3^1 = 1.3, 1.3^5 = 3.7, 1.3^9.9 = 13.4."""
    weighter, batch = first_batch(tiny, "self-paced")
    assert isinstance(weighter, SelfPaced)
    weighter.start = torch.tensor(1.0)
    weights = weighter.weigh(of_losses(batch, [1.2, 3.6, 13.0], progress))
    torch.testing.assert_close(weights, torch.tensor(expected))


@pytest.mark.parametrize(
    ("progress", "expected"), [(0.5, [1.0, 1.0, 0.0, 0.0]), (0.95, [1.0, 1.0, 0.75, 0.0])]
)
def test_mentornet_is_self_paced_then_linear(
    tiny: wb.Task, progress: float, expected: list[float]
) -> None:
    _, batch = first_batch(tiny, "mentornet")
    excess = torch.tensor([-1.0, 0.0, 0.25, 2.0])
    values = MentorNet().values(of_losses(batch, [0.0] * 4, progress), excess + 1, excess)
    torch.testing.assert_close(values, torch.tensor(expected))


def test_mentornets_threshold_is_a_moving_percentile() -> None:
    weighter = MentorNet()
    weighter.track(torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0]))  # its 75th percentile is 3
    assert float(weighter.threshold) == pytest.approx(1.5)
    weighter.track(torch.tensor([0.0, 0.0, 0.0, 1.0, 5.0]))
    assert float(weighter.threshold) == pytest.approx(1.25)


@pytest.mark.parametrize(("progress", "rate"), [(0.0, 0.5), (0.18, 0.05)])
def test_mentornet_drops_examples_out(tiny: wb.Task, progress: float, rate: float) -> None:
    """In the burn-in everything counts alike, but for what drops out."""
    weighter, batch = first_batch(tiny, "mentornet")
    kept = (torch.rand(32, generator=draws(tiny, weighter)) >= rate).float()
    weights = weighter.weigh(of_losses(batch, [0.0] * 32, progress))
    torch.testing.assert_close(weights, kept / kept.sum())


def test_the_mentor_is_taught_right_and_wrong_labels(tiny: wb.Task) -> None:
    _, batch = first_batch(tiny, "uniform")
    run, watched = batch.run, Watched(0.75, 0.5)
    run.fork(watched, "watched")
    assert list(watched.seen) == list(range(STAGES))
    (losses, excess, labels, stages), truths = lessons(watched.seen, run)
    m = len(run.holdout[1])
    assert len(truths) == STAGES * 2 * m
    assert float(truths.mean()) == 0.5
    last = stages == STAGES - 1
    seen, threshold = watched.seen[STAGES - 1]
    torch.testing.assert_close(losses[last], seen.gather(1, labels[last].view(2, m).T).T.flatten())
    torch.testing.assert_close(excess[last], losses[last] - threshold)
    assert torch.equal(labels[last & (truths == 1)], run.holdout[1])
    assert (labels[last & (truths == 0)] != run.holdout[1]).all()


def test_the_mentor_learns_to_tell_small_losses_from_large() -> None:
    torch.manual_seed(0)
    losses = torch.rand(200) * 4
    nothing = torch.zeros(200, dtype=torch.int64)
    mentor = Mentor(3)
    fit(mentor, (losses, losses - 2, nothing, nothing), (losses < 2).float(), 150)
    told = mentor(losses, losses - 2, nothing, nothing).detach() > 0
    assert float((told == (losses < 2)).float().mean()) > 0.95


def test_the_mentor_is_a_side_training_that_is_paid_for(tiny: wb.Task) -> None:
    run = trained(tiny, "mentornet-dd[fit_steps=7]")
    assert run.side_work > tiny.recipe.steps
    assert run.side_work < trained(tiny, "mentornet-dd[fit_steps=70]").side_work
    assert run.used_holdout


def test_a_mentors_values_are_chances(tiny: wb.Task) -> None:
    weighter, batch = first_batch(tiny, "mentornet-dd")
    assert isinstance(weighter, MentorNetDD)
    losses = torch.tensor([0.01, 6.0])
    values = weighter.values(of_losses(batch, [0.01, 6.0], 0.8), losses, losses - 1)
    assert 0 <= values[1] < values[0] <= 1


def test_boosting_leaves_half_of_the_mass_on_what_was_wrong() -> None:
    wrong = torch.tensor([True, False, False, False])
    shares, vote = boosted(torch.ones(4), wrong, 2)
    assert vote == pytest.approx(math.log(3))
    torch.testing.assert_close(shares, torch.tensor([2.0, 2 / 3, 2 / 3, 2 / 3]))


def test_boosting_of_several_classes_adds_log_k_minus_1() -> None:
    shares, vote = boosted(torch.tensor([1.0, 1, 1, 1]), torch.tensor([True] + [False] * 3), 3)
    assert vote == pytest.approx(math.log(3) + math.log(2))
    torch.testing.assert_close(shares, torch.tensor([6.0, 1, 1, 1]) / 9 * 4)


def test_a_member_no_better_than_chance_has_next_to_no_vote() -> None:
    shares, vote = boosted(torch.ones(4), torch.tensor([True, True, True, False]), 2)
    assert 0 < vote < 1e-4
    torch.testing.assert_close(shares, torch.ones(4), atol=1e-4, rtol=0)


def test_a_member_without_error_has_a_finite_vote() -> None:
    shares, vote = boosted(torch.ones(4), torch.zeros(4, dtype=torch.bool), 2)
    assert 10 < vote < 20
    torch.testing.assert_close(shares, torch.ones(4))


class Says(nn.Module):
    def __init__(self, label: int) -> None:
        super().__init__()
        self.label = label

    def forward(self, inputs: Tensor) -> Tensor:
        return nn.functional.one_hot(torch.full((len(inputs),), self.label), 3).float()


def test_the_vote_is_weighted() -> None:
    members = nn.ModuleList([Says(0), Says(2), Says(2)])
    scores = Vote(members, torch.tensor([1.0, 0.7, 0.6]))(torch.zeros(2, 1))
    torch.testing.assert_close(scores, torch.tensor([[1.0, 0.0, 1.3]] * 2))


def test_every_round_is_paid_for_and_votes(tiny: wb.Task) -> None:
    run = trained(tiny, "adaboost[rounds=3]")
    predicted = 3 * len(run.labels) / tiny.recipe.batch_size / 3
    assert run.side_work == pytest.approx(2 * tiny.recipe.steps + predicted, rel=0.1)
    vote = run.finish()
    assert isinstance(vote, Vote)
    assert len(vote.votes) == 3
    assert vote.members[2] is run.model
