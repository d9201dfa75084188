"""Methods that remember each example: ELR, margins, wrong events, the split of DivideMix."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import Tensor
from weightbench.methods._noise_rate import chance_right, noise_rate
from weightbench.methods.aum import AUM, WrongEvent
from weightbench.methods.elr import ELR
from weightbench.methods.gmm import GMM

import weightbench as wb

from .toys import first_batch, of_outputs, trained


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def logits_of(n: int, seed: int = 0, scale: float = 2.0) -> Tensor:
    return scale * torch.randn(n, 3, generator=draws(seed))


# ---- ELR -----------------------------------------------------------------------------------------


def test_elr_without_its_term_is_cross_entropy(tiny: wb.Task) -> None:
    weighter, batch = first_batch(tiny, ELR(lam=0.0))
    weighter.weigh(batch)
    plain = F.cross_entropy(batch.logits, batch.labels, reduction="none")
    assert torch.equal(batch.losses, plain)


def test_elr_remembers_each_example_by_itself(tiny: wb.Task) -> None:
    """A row sums to 1 - beta^visits, is the average worked out by hand, and others stay."""
    weighter, batch = first_batch(tiny, ELR(beta=0.6))
    assert isinstance(weighter, ELR)
    expected = torch.zeros(5, 3)
    for visit in range(1, 6):
        logits = logits_of(5, visit)
        before = weighter.memory.clone()
        weights = weighter.weigh(of_outputs(batch, logits, batch.labels[:5]))
        torch.testing.assert_close(weights, torch.full((5,), 0.2))
        expected = 0.6 * expected + 0.4 * logits.softmax(1)
        rows = weighter.memory[batch.index[:5]]
        torch.testing.assert_close(rows, expected, atol=2e-4, rtol=1e-3)
        torch.testing.assert_close(rows.sum(1), torch.full((5,), 1 - 0.6**visit))
        others = torch.ones(len(before), dtype=torch.bool)
        others[batch.index[:5]] = False
        assert torch.equal(weighter.memory[others], before[others])


def test_elr_adds_lambda_log_1_minus_agreement(tiny: wb.Task) -> None:
    """Worked out by hand at probabilities 1/4, 1/4, 1/2, first visit: t = .3 p."""
    weighter, batch = first_batch(tiny, "elr")
    logits = torch.tensor([[0.0, 0.0, math.log(2)]])
    one = of_outputs(batch, logits, torch.tensor([2]))
    weighter.weigh(one)
    agreement = 0.3 * (1 / 16 + 1 / 16 + 1 / 4)
    assert float(one.losses) == pytest.approx(math.log(2) + 3 * math.log(1 - agreement), rel=1e-5)


def test_elrs_term_is_bounded_and_its_gradient_is_the_published_one(tiny: wb.Task) -> None:
    weighter, batch = first_batch(tiny, "elr")
    assert isinstance(weighter, ELR)
    for visit in range(30):  # ever surer of the same
        logits = logits_of(8, scale=1.0 + visit)
        weighter.weigh(of_outputs(batch, logits, batch.labels[:8]))
    sure = of_outputs(batch, logits, batch.labels[:8])
    term = sure.losses - F.cross_entropy(logits, batch.labels[:8], reduction="none")
    assert float(term.min()) >= 3 * math.log(1e-4) - 1e-3
    unsure = logits_of(8, 9, scale=0.5).requires_grad_()
    own = of_outputs(batch, unsure, batch.labels[:8])
    plain = F.cross_entropy(unsure, batch.labels[:8], reduction="none")
    (gradient,) = torch.autograd.grad((own.losses - plain).sum(), unsure)
    p, t = unsure.detach().softmax(1), weighter.memory[batch.index[:8]]
    agreement = (p * t).sum(1, keepdim=True)
    expected = 3 * p * (agreement - t) / (1 - agreement)
    torch.testing.assert_close(gradient, expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(gradient.sum(1), torch.zeros(8), atol=1e-6, rtol=0)


def test_elr_leaves_the_hold_outs_losses_alone(tiny: wb.Task) -> None:
    weighter, batch = first_batch(tiny, "elr")
    weighter.weigh(batch)
    clean = batch.clean()
    plain = F.cross_entropy(clean.logits, clean.labels, reduction="none")
    assert torch.equal(clean.losses, plain)


# ---- margins and wrong events --------------------------------------------------------------------


def visited(
    tiny: wb.Task, weighter: AUM, visits: int, shift: float = 0.0
) -> tuple[AUM, wb.Batch, Tensor]:
    """So many visits of a batch's first 6 examples; the (visits, 6, 3) outputs there."""
    _, batch = first_batch(tiny, weighter)
    outputs = torch.stack([logits_of(6, visit) for visit in range(visits)])
    shifts = shift * torch.arange(6)[:, None]
    for logits in outputs:
        weighter.weigh(of_outputs(batch, logits + shifts, batch.labels[:6]))
    return weighter, batch, outputs


def test_a_margin_is_the_label_against_the_best_other() -> None:
    logits = torch.tensor([[3.0, 1.0, 2.0], [3.0, 1.0, 2.0]])
    assert AUM().signal(logits, torch.tensor([0, 2])).tolist() == [1.0, -1.0]
    assert WrongEvent().signal(logits, torch.tensor([0, 2])).tolist() == [0.0, -1.0]


def test_aum_is_the_mean_of_the_margins_of_all_visits(tiny: wb.Task) -> None:
    weighter, batch, outputs = visited(tiny, AUM(), 4)
    margins = torch.stack([weighter.signal(logits, batch.labels[:6]) for logits in outputs])
    seen = batch.index[:6]
    assert (weighter.visits[seen] == 4).all()
    assert float(weighter.visits.sum()) == 24
    torch.testing.assert_close(weighter.total[seen] / 4, margins.mean(0))


@pytest.mark.parametrize("cls", [AUM, WrongEvent])
def test_a_constant_added_to_an_examples_outputs_changes_nothing(
    tiny: wb.Task, cls: type[AUM]
) -> None:
    plain, moved = visited(tiny, cls(), 3)[0], visited(tiny, cls(), 3, shift=5.0)[0]
    torch.testing.assert_close(plain.total, moved.total, atol=1e-4, rtol=1e-4)


def test_wrong_events_are_counted_and_never_forgotten(tiny: wb.Task) -> None:
    weighter = WrongEvent()
    run = wb.start(tiny, 0, weighter=weighter)
    before = torch.zeros(len(run.labels))
    for batch in run:
        run.step(weighter.weigh(batch))
        wrong = -weighter.total
        assert torch.equal(wrong, wrong.round())
        assert ((wrong >= before) & (wrong <= weighter.visits)).all()
        before = wrong.clone()
    assert float(before.sum()) > 0


@pytest.mark.parametrize("rate", [0.0, 0.25])
def test_the_lowest_margins_are_dropped_at_a_rate_that_is_told(tiny: wb.Task, rate: float) -> None:
    weighter, batch, _ = visited(tiny, AUM(rate, warm_up=0.0), 2)
    run = batch.run
    weighter.total = torch.randn(len(run.labels), generator=draws())
    weighter.visits = torch.ones(len(run.labels))
    weighter.end_epoch(run)
    dropped = weighter.kept == 0
    assert int(dropped.sum()) == int(rate * len(run.labels))
    assert rate == 0 or weighter.total[dropped].max() < weighter.total[~dropped].min()
    weights = weighter.weigh(run.batch(torch.arange(len(run.labels))))
    assert torch.equal(weights == 0, dropped)


def test_examples_that_are_alike_stay_together(tiny: wb.Task) -> None:
    weighter, batch, _ = visited(tiny, WrongEvent(0.4, warm_up=0.0), 1)
    weighter.visits = torch.full_like(weighter.visits, 5)
    weighter.total = torch.zeros_like(weighter.total)
    weighter.total[:10] = -3
    weighter.end_epoch(batch.run)
    assert weighter.kept.tolist() == [0.0] * 10 + [1.0] * (len(weighter.kept) - 10)


@pytest.mark.parametrize("name", ["gmm", "aum", "wrong-event"])
def test_all_count_alike_before_the_warm_up_is_over(tiny: wb.Task, name: str) -> None:
    weighter, batch = first_batch(tiny, f"{name}[warm_up=0.5]")
    weighter.weigh(batch)
    weighter.end_epoch(batch.run)
    torch.testing.assert_close(weighter.weigh(batch), torch.full((len(batch),), 1 / len(batch)))


@pytest.mark.parametrize("name", ["aum", "wrong-event"])
def test_a_rate_that_is_told_is_declared(tiny: wb.Task, name: str) -> None:
    for spec, track in ((name, "A"), (f"{name}[noise_rate=0.3]", "E")):
        assert trained(tiny, spec).track == track


def test_an_impossible_rate_is_refused() -> None:
    with pytest.raises(wb.errors.BadSpec, match=r"must be in \[0, 1\)"):
        wb.make_weighter("aum[noise_rate=1.0]")


# ---- the mixture ---------------------------------------------------------------------------------


def two_groups(wrong: int, right: int) -> Tensor:
    near = 0.3 * torch.randn(right, generator=draws(1)).abs()
    return torch.cat([3 + 0.7 * torch.randn(wrong, generator=draws(2)), near])


@pytest.mark.parametrize("scale", [1e-3, 1.0, 400.0])
@pytest.mark.parametrize("shift", [0.0, -7.0])
def test_chances_do_not_depend_on_the_unit_of_losses(scale: float, shift: float) -> None:
    losses = two_groups(80, 120).double()
    expected = chance_right(losses, draws())
    torch.testing.assert_close(chance_right(scale * losses + shift, draws()), expected)


def test_chances_do_not_depend_on_which_component_comes_first() -> None:
    losses = two_groups(80, 120)
    expected = chance_right(losses, draws())
    for seed in range(1, 6):
        found = chance_right(losses, draws(seed))
        torch.testing.assert_close(found, expected, atol=1e-2, rtol=0)
    assert float(expected[:80].mean()) < 0.1 < 0.9 < float(expected[80:].mean())


@pytest.mark.parametrize("wrong", [40, 80, 120])
def test_the_noise_rate_is_estimated(wrong: int) -> None:
    assert noise_rate(two_groups(wrong, 200 - wrong), draws()) == pytest.approx(
        wrong / 200, abs=0.05
    )


@pytest.mark.parametrize("value", [0.0, 2.5, math.inf, math.nan])
def test_losses_that_do_not_differ_or_are_no_numbers_leave_all_right(value: float) -> None:
    assert chance_right(torch.full((9,), value), draws()).tolist() == [1.0] * 9


def test_gmm_weighs_by_the_chance_of_an_examples_own_loss(tiny: wb.Task) -> None:
    weighter, batch = first_batch(tiny, GMM(warm_up=0.0))
    assert isinstance(weighter, GMM)
    run = batch.run
    losses = F.cross_entropy(run.predict(), run.labels, reduction="none")
    stream = run.generator.get_state()
    weighter.end_epoch(run)
    run.generator.set_state(stream)
    chances = chance_right(losses, run.generator)[batch.index]
    torch.testing.assert_close(weighter.weigh(batch), chances / chances.sum())


# ---- on real data --------------------------------------------------------------------------------


def test_a_memory_tells_wrong_labels_better_than_the_moment() -> None:
    """Once the network has learnt them: after a long plain training (nothing is dropped)."""
    margins, events = AUM(noise_rate=0.0), WrongEvent(noise_rate=0.0)
    run = wb.start(wb.make_task("digits-uniform-flip-v0[steps=800]"), 0, margins)
    events.begin(run.run)
    for batch in run:
        events.weigh(batch)
        run.step(margins.weigh(batch))
    wrong = torch.from_numpy(run.task.data.labels[run.splits.train]) != run.labels
    moment = roc_auc_score(wrong, F.cross_entropy(run.predict(), run.labels, reduction="none"))
    for memory in (margins, events):
        assert roc_auc_score(wrong, -memory.total / memory.visits) > moment + 0.05
