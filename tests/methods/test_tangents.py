"""Methods that read the hold-out's gradient in other ways: L2B, in-run Shapley values."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from weightbench.methods.in_run_shapley import _Accounts
from weightbench.methods.l2b import L2B

import weightbench as wb
from weightbench.training.batch import ComputedBatch, with_clean
from weightbench.training.batch_kinds import GivenBatch

from .toys import first_batch, trained

# ---- learning to bootstrap -----------------------------------------------------------------------


def with_labels(batch: wb.Batch, labels: Tensor) -> wb.Batch:
    """The same examples with other labels, beside the same clean ones."""
    made = GivenBatch(batch.run, batch.index, batch.inputs, labels)
    return with_clean(made, batch.clean())


def test_where_predictions_are_the_labels_l2b_is_l2rw(tiny: wb.Task) -> None:
    weighter, batch = first_batch(tiny, "l2b")
    own = with_labels(batch, batch.logits.argmax(1))
    _, plainly = first_batch(tiny, "uniform")
    l2rw = wb.normalize(with_labels(plainly, own.labels).alignment("fused"))
    torch.testing.assert_close(weighter.weigh(own), l2rw)
    plain = F.cross_entropy(own.logits, own.labels, reduction="none")
    torch.testing.assert_close(own.losses, plain)


def test_a_step_of_l2b_is_that_of_two_losses_each_as_much_as_it_helps(tiny: wb.Task) -> None:
    """Against reverse passes, one for each example and label."""
    weighter, batch = first_batch(tiny, "l2b")
    model, clean = batch.model, batch.clean()
    parameters = list(model.parameters())
    wanted = torch.autograd.grad(F.cross_entropy(model(clean.inputs), clean.labels), parameters)
    logits = model(batch.inputs)
    both = torch.stack([batch.labels, logits.argmax(1)])
    losses = torch.stack([F.cross_entropy(logits, y, reduction="none") for y in both])
    helps = torch.zeros_like(losses)
    for place, loss in enumerate(losses.flatten()):
        slopes = torch.autograd.grad(loss, parameters, retain_graph=True)
        dot = sum((a * b).sum() for a, b in zip(slopes, wanted, strict=True))
        helps.view(-1)[place] = torch.as_tensor(dot).detach()
    parts = wb.normalize(helps.flatten()).view_as(helps)
    weights = weighter.weigh(batch)
    torch.testing.assert_close(weights, parts.sum(0), atol=1e-6, rtol=1e-4)
    assert (both[0] != both[1]).any()
    expected = torch.autograd.grad((parts * losses).sum(), parameters)
    found = torch.autograd.grad(batch.losses @ weights, parameters)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_where_nothing_helps_there_is_no_weight(tiny: wb.Task) -> None:
    weighter, batch = first_batch(tiny, L2B())
    assert isinstance(batch, ComputedBatch)
    batch._tangent = torch.zeros(32, 3)
    assert not weighter.weigh(batch).any()
    assert torch.equal(batch.losses, F.cross_entropy(batch.logits, batch.labels, reduction="none"))


def test_l2b_costs_what_one_tangent_does() -> None:
    run = trained(wb.make_task("digits-background-flip-v0[steps=30]"), "l2b")
    assert run.step_work is not None
    assert 1.5 < run.step_work <= 5 / 3 + 0.3


# ---- in-run Shapley values -----------------------------------------------------------------------


def test_the_values_of_a_batch_add_up_to_what_its_step_does_for_the_hold_out(tiny: wb.Task) -> None:
    """rate x <gradient of the hold-out's loss, gradient of the step>; in float64, to the digit."""
    accounts = _Accounts()
    _, batch = first_batch(tiny, accounts)
    clean = batch.clean()
    batch.model.double()
    made = GivenBatch(batch.run, batch.index, batch.inputs.double(), batch.labels)
    held = GivenBatch(batch.run, clean.index, clean.inputs.double(), clean.labels, held_out=True)
    with_clean(made, held)
    accounts.value = accounts.value.double()
    weights = accounts.weigh(made)
    torch.testing.assert_close(weights, torch.full((32,), 1 / 32))
    model, parameters = batch.model, list(batch.model.parameters())
    one = torch.autograd.grad(F.cross_entropy(model(held.inputs), held.labels), parameters)
    two = torch.autograd.grad(F.cross_entropy(model(made.inputs), made.labels), parameters)
    fall = tiny.recipe.lr * sum(float((a * b).sum()) for a, b in zip(one, two, strict=True))
    assert float(accounts.value.sum()) == pytest.approx(fall, rel=1e-9)
    others = torch.ones(len(accounts.value), dtype=torch.bool)
    others[made.index] = False
    assert not accounts.value[others].any()


def test_copies_of_an_example_have_one_value(tiny: wb.Task) -> None:
    accounts = _Accounts()
    _, batch = first_batch(tiny, accounts)
    copies = batch.inputs[[0, 1, 0, 2, 0]], batch.labels[[0, 1, 0, 2, 0]]
    accounts.weigh(with_clean(GivenBatch(batch.run, batch.index[:5], *copies), batch.clean()))
    values = accounts.value[batch.index[:5]]
    torch.testing.assert_close(values[[0, 2, 4]], values[[0, 0, 0]])


def test_with_the_hold_outs_two_labels_swapped_values_are_the_opposite(tiny: wb.Task) -> None:
    """Where the last layer is zero, so that both classes are as likely."""

    def undecided(data: wb.DataSet) -> nn.Module:
        head = nn.Linear(8, 2)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), head)

    data = tiny.data
    two = dataclasses.replace(data, labels=data.labels % 2, num_classes=2)
    task = dataclasses.replace(tiny, dataset=two, model=undecided)
    found = []
    for swapped in (0, 1):
        accounts = _Accounts()
        _, batch = first_batch(task, accounts)
        clean = batch.clean()
        labels = (clean.labels + swapped) % 2
        held = GivenBatch(batch.run, clean.index, clean.inputs, labels, held_out=True)
        made = GivenBatch(batch.run, batch.index, batch.inputs, batch.labels)
        accounts.weigh(with_clean(made, held))
        found.append(accounts.value)
    assert float(found[0].abs().max()) > 1e-4
    torch.testing.assert_close(found[0], -found[1])


def test_what_has_no_positive_value_is_dropped(tiny: wb.Task) -> None:
    weighter, batch = first_batch(tiny, "in-run-shapley")
    other = wb.start(tiny, 0).run
    other.fork(accounts := _Accounts(), "accounts")
    kept = (accounts.value > 0).float()
    assert 0 < int(kept.sum()) < len(kept)
    torch.testing.assert_close(weighter.weigh(batch), wb.normalize(kept[batch.index]))
    truth = torch.from_numpy(tiny.data.labels[tiny.split(0).train])
    wrong = truth != batch.run.labels
    assert float(kept[wrong].mean()) < float(kept[~wrong].mean()) - 0.3
