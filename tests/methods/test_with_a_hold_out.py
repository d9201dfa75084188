"""Methods that train on the hold-out: GLC, RHO-LOSS, last-layer retraining."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from weightbench.methods.glc import GLC, mean_of_classes
from weightbench.methods.last_layer import retrained
from weightbench.methods.rho import Rho

import weightbench as wb

from .toys import first_batch, trained


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# ---- gold loss correction ------------------------------------------------------------------------


def plain_losses(batch: wb.Batch) -> Tensor:
    return F.cross_entropy(batch.logits, batch.labels, reduction="none")


def test_where_labels_are_right_glc_is_cross_entropy(tiny: wb.Task) -> None:
    weighter, batch = first_batch(tiny, "glc")
    assert isinstance(weighter, GLC)
    weighter.transition = torch.eye(3)
    torch.testing.assert_close(batch.losses, plain_losses(batch))


def test_glc_corrects_noisy_labels_and_leaves_the_hold_outs_alone(tiny: wb.Task) -> None:
    weighter, batch = first_batch(tiny, "glc")
    assert isinstance(weighter, GLC)
    held = batch.held_out_rows
    assert int(held.sum()) == round(32 * 12 / (12 + 238))
    assert len(batch) == 32
    chances = batch.logits.softmax(1) @ weighter.transition
    corrected = -chances.gather(1, batch.labels[:, None]).squeeze(1).log()
    torch.testing.assert_close(batch.losses[~held], corrected[~held])
    torch.testing.assert_close(batch.losses[held], plain_losses(batch)[held])
    assert not corrected.allclose(plain_losses(batch), rtol=0.01)
    clean = batch.clean()
    torch.testing.assert_close(clean.losses, plain_losses(clean))


def test_rows_of_the_matrix_are_distributions_even_of_a_class_that_is_absent() -> None:
    chances, labels = torch.randn(20, 4, generator=draws()).softmax(1), torch.arange(20) % 3
    matrix = mean_of_classes(chances, labels)
    torch.testing.assert_close(matrix.sum(1), torch.ones(4))
    torch.testing.assert_close(matrix[1], chances[1::3].mean(0))
    assert torch.equal(matrix[3], torch.tensor([0.0, 0, 0, 1]))


def test_the_matrix_is_that_of_the_corruption() -> None:
    """As far as 30 examples of each class tell: counting labels would be off by .22 on average."""
    plain = wb.make_task("digits-background-flip-v0")
    task = dataclasses.replace(plain, holdout=wb.HoldoutPerClass(30))
    apart = []
    for seed in range(4):
        weighter = GLC()
        next(iter(wb.start(task, seed, weighter=weighter)))
        true = torch.from_numpy(task.split(seed).corrupted.transition).float()
        apart.append((weighter.transition - true).norm() / (torch.eye(10) - true).norm())
    assert float(torch.stack(apart).mean()) < 0.22


def test_glc_costs_two_trainings(tiny: wb.Task) -> None:
    run = trained(tiny, "glc")
    assert run.step_work == 1
    predicted = 12 / tiny.recipe.batch_size / 3
    assert run.side_work == pytest.approx(tiny.recipe.steps + predicted, abs=0.1)
    assert run.track == "B"


# ---- reducible loss ------------------------------------------------------------------------------


def chosen(task: wb.Task, change: Callable[[Tensor], Tensor]) -> list[list[int]]:
    """What is trained on in the first steps, with irreducible losses changed so."""
    run = wb.start(task, 0, weighter := Rho(pool=4))
    batches = iter(run)
    weighter.irreducible = change(weighter.irreducible)
    found = []
    for batch in itertools.islice(batches, 6):
        found.append(sorted(batch.index.tolist()))
        run.step(weighter.weigh(batch))
    return found


def test_a_constant_in_all_irreducible_losses_changes_nothing(tiny: wb.Task) -> None:
    as_it_is = chosen(tiny, lambda known: known)
    assert as_it_is == chosen(tiny, lambda known: known + 3)
    assert as_it_is != chosen(tiny, torch.zeros_like)


def test_without_irreducible_losses_the_largest_losses_are_kept(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0, weighter := Rho(pool=4))
    batches = iter(run)
    weighter.irreducible = torch.ones_like(weighter.irreducible)
    (drawn,) = itertools.islice(wb.start(tiny, 0).run.epochs(4 * 32), 1)
    losses = F.cross_entropy(run.run.predict(), run.labels, reduction="none")[drawn.index]
    batch = next(batches)
    assert len(batch) == 32
    assert set(batch.index.tolist()) == set(drawn.index[losses.argsort()[-32:]].tolist())
    torch.testing.assert_close(weighter.weigh(batch), torch.full((32,), 1 / 32))


def test_irreducible_losses_are_of_a_network_that_saw_the_hold_out_alone(tiny: wb.Task) -> None:
    weighter, batch = first_batch(tiny, "rho")
    assert isinstance(weighter, Rho)
    other = wb.start(tiny, 0).run
    model = other.fork(wb.make_weighter("uniform"), "irreducible", on="holdout")
    losses = F.cross_entropy(other.predict(model), other.labels, reduction="none")
    assert torch.equal(weighter.irreducible, losses)
    assert len(batch) == len(other.labels) // 10, "a tenth of a set that is smaller than the pool"
    before = weighter.irreducible.clone()
    run = trained(tiny, "rho")
    assert isinstance(run.weighter, Rho)
    assert torch.equal(run.weighter.irreducible, before), "computed once"
    assert run.track == "B"


def test_rho_looks_at_ten_examples_for_each_it_trains_on() -> None:
    run = trained(wb.make_task("digits-uniform-flip-v0[steps=20]"), "rho")
    assert run.step_work == pytest.approx(1 + 10 / 3, rel=0.02)


# ---- last-layer retraining -----------------------------------------------------------------------


def normed(data: wb.DataSet) -> nn.Module:
    """With batch norm, whose buffers are to stay."""
    return nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))


@pytest.mark.parametrize("bias", [True, False])
def test_nothing_but_the_last_layer_moves(tiny: wb.Task, bias: bool) -> None:
    def network(data: wb.DataSet) -> nn.Module:
        layers = list(normed(data).children())
        return nn.Sequential(*layers[:-1], nn.Linear(16, 3, bias=bias))

    task = dataclasses.replace(tiny, model=network)
    before = trained(task, "uniform").finish().state_dict()
    run = trained(task, "uniform+llr")
    after = run.finish().state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {name for name in before if name.startswith("3.")}
    last = run.model.state_dict()
    assert all(torch.equal(before[name], last[name]) for name in before), "trained in a copy"
    assert run.track == "B"
    assert run.step_work == 1
    assert 0 < run.side_work < 10, "in plain steps of a tiny network"


def problem() -> tuple[list[Tensor], Tensor, Tensor]:
    """A layer, (12, 5) features and 3 labels, all in float64."""
    start = [torch.randn(3, 5, generator=draws(1)), torch.randn(3, generator=draws(2))]
    features = torch.randn(12, 5, generator=draws(3))
    return [value.double() for value in start], features.double(), torch.arange(12) % 3


def test_it_ends_where_the_gradient_is_zero() -> None:
    start, features, labels = problem()
    weights = [w.requires_grad_() for w in retrained(start, features, labels, 0.01)]
    loss = F.cross_entropy(F.linear(features, *weights), labels)
    away = sum((w - was).square().sum() for w, was in zip(weights, start, strict=True))
    for slope in torch.autograd.grad(loss + 0.01 * away, weights):
        assert float(slope.abs().max()) < 1e-5


def test_how_often_a_class_is_there_says_nothing() -> None:
    start, features, labels = problem()
    once = retrained(start, features, labels, 0.01)
    rows = torch.cat([torch.arange(12), *5 * [(labels == 1).nonzero().squeeze(1)]])
    often = retrained(start, features[rows], labels[rows], 0.01)
    for one, other in zip(once, often, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


def test_a_strong_pull_leaves_predictions(tiny: wb.Task) -> None:
    plain, held = trained(tiny, "uniform"), trained(tiny, "uniform+llr[pull=1e9]")
    one, other = plain.finish().state_dict(), held.finish().state_dict()
    for name in one:
        torch.testing.assert_close(one[name], other[name])


@pytest.mark.parametrize(
    ("spec", "reason"),
    [("adaboost+llr", "no last layer"), ("uniform+llr+select", r"\+select\+llr")],
)
def test_a_retrained_layer_that_makes_no_sense_is_refused(spec: str, reason: str) -> None:
    with pytest.raises(wb.errors.BadSpec, match=reason):
        wb.make_weighter(spec)
    assert wb.make_weighter("uniform+select+llr+ft").spec is not None


@pytest.mark.parametrize("name", ["glc", "uniform+llr"])
def test_they_repair_a_background_flip(name: str) -> None:
    task = wb.make_task("digits-background-flip-v0")
    assert trained(task, name).score() > trained(task, "uniform").score() + 0.1
