"""Class-balanced weights, adjusted logits and margins against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from weightbench.methods.class_balanced import class_weights
from weightbench.methods.ldam_drw import LDAMDRW
from weightbench.methods.logit_adjust import LogitAdjust

import weightbench as wb

from .toys import first_batch, of_labels, of_outputs, toy, trained


def task(*counts: int) -> wb.Task:
    """Of two classes, so many of each; outputs are inputs."""
    return toy([(1.0, 0.0), (0.0, 1.0)], [0, 1], counts)


def logits_of(n: int, k: int) -> Tensor:
    return torch.randn(n, k, generator=torch.Generator().manual_seed(0))


def test_class_balanced_counts_the_effective_number(tiny: wb.Task) -> None:
    weighter, batch = first_batch(task(2, 30), "class-balanced[beta=0.5]")
    effective = torch.tensor([1.5, 2 * (1 - 0.5**30)])
    expected = (1 / effective)[torch.tensor([0, 1, 1])]
    weights = weighter.weigh(of_labels(batch, [0, 1, 1]))
    torch.testing.assert_close(weights, expected / expected.sum())


@pytest.mark.parametrize("beta", [0.0, 0.9, 0.9999])
def test_class_weights_sum_to_the_number_of_classes(beta: float) -> None:
    weights = class_weights(torch.tensor([5000, 50, 1, 0]), beta)
    assert float(weights.sum()) == pytest.approx(4)
    assert weights.isfinite().all()


def test_class_weights_go_from_uniform_to_the_inverse_count() -> None:
    counts = torch.tensor([500, 50, 5])
    assert torch.equal(class_weights(counts, 0.0), torch.ones(3, dtype=torch.float64))
    masses = class_weights(counts, 1 - 1e-9) * counts
    torch.testing.assert_close(masses / masses[0], torch.ones(3).double(), rtol=1e-5, atol=0)


@pytest.mark.parametrize("spec", ["class-balanced", "class-balanced[normalized=false]"])
def test_class_balanced_is_uniform_over_equal_counts(spec: str) -> None:
    weighter, batch = first_batch(task(20, 20), spec)
    torch.testing.assert_close(weighter.weigh(batch), torch.full((10,), 0.1))


def test_class_balanced_as_released_divides_by_the_batch_size() -> None:
    weighter, batch = first_batch(task(4, 36), "class-balanced[normalized=false]")
    weights = weighter.weigh(of_labels(batch, [0, 1]))
    assert float(2 * weights.sum()) == pytest.approx(2)
    assert not weighter.normalized


@pytest.mark.parametrize("beta", ["1.0", "-0.1"])
def test_an_impossible_beta_is_refused(beta: str) -> None:
    with pytest.raises(wb.errors.BadSpec, match=r"must be in \[0, 1\)"):
        wb.make_weighter(f"class-balanced[beta={beta}]")


def test_logit_adjustment_over_equal_counts_is_cross_entropy() -> None:
    weighter, _ = first_batch(task(20, 20), "logit-adjust")
    logits, labels = logits_of(6, 2), torch.arange(6) % 2
    plain = F.cross_entropy(logits, labels, reduction="none")
    torch.testing.assert_close(weighter.losses(logits, labels), plain)


def test_only_ratios_of_the_prior_count() -> None:
    weighter, _ = first_batch(task(4, 36), "logit-adjust")
    assert isinstance(weighter, LogitAdjust)
    logits, labels = logits_of(6, 2), torch.arange(6) % 2
    before = weighter.losses(logits, labels)
    weighter.prior = weighter.prior + 7
    torch.testing.assert_close(weighter.losses(logits, labels), before)


@pytest.mark.parametrize(
    ("spec", "prior"), [("logit-adjust", 0.1), ("logit-adjust[tau=0.5]", 0.25)]
)
def test_with_nothing_said_the_gradient_is_prior_minus_label(spec: str, prior: float) -> None:
    """1:9, whose roots are 1:3."""
    weighter, _ = first_batch(task(4, 36), spec)
    logits = torch.zeros(2, 2, requires_grad=True)
    loss = weighter.losses(logits, torch.tensor([0, 1])).sum()
    (gradient,) = torch.autograd.grad(loss, logits)
    expected = torch.tensor([[prior - 1, 1 - prior], [prior, -prior]])
    torch.testing.assert_close(gradient, expected)


def test_a_class_without_examples_leaves_losses_finite() -> None:
    absent = toy([(1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0)], [0, 1, 2], [20, 20, 0])
    for name in ("logit-adjust", "ldam-drw", "class-balanced"):
        weighter, batch = first_batch(absent, name)
        assert weighter.losses(logits_of(3, 3), torch.arange(3)).isfinite().all()
        assert weighter.weigh(batch).isfinite().all()


def test_logit_adjustment_is_judged_without_the_prior() -> None:
    run = trained(task(4, 36), "logit-adjust")
    assert run.finish() is run.model


def test_posthoc_subtracts_the_prior_of_the_trained_network() -> None:
    plain, adjusted = trained(task(4, 36), "uniform"), trained(task(4, 36), "uniform+posthoc")
    inputs = logits_of(5, 2)
    with torch.no_grad():
        shift = plain.finish()(inputs) - adjusted.finish()(inputs)
    expected = torch.tensor([math.log(0.1), math.log(0.9)])
    torch.testing.assert_close(shift, expected.expand(5, 2), atol=1e-5, rtol=1e-5)
    assert not adjusted.used_holdout


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("logit-adjust+posthoc", "again"),
        ("adaboost+es+posthoc", "vote"),
        ("uniform+posthoc+ft", r"\+ft\+posthoc"),
        ("uniform+posthoc+select", r"\+select\+posthoc"),
        ("uniform+posthoc+llr", r"\+llr\+posthoc"),
    ],
)
def test_a_prior_that_would_mean_nothing_is_refused(spec: str, reason: str) -> None:
    with pytest.raises(wb.errors.BadSpec, match=reason):
        wb.make_weighter(spec)


def test_posthoc_corrects_what_fine_tuning_and_selection_leave(tiny: wb.Task) -> None:
    for inner in ("uniform+ft[steps=1]", "uniform+select"):
        plain, adjusted = trained(tiny, inner), trained(tiny, f"{inner}+posthoc")
        inputs = logits_of(5, 2)
        with torch.no_grad():
            shift = plain.finish()(inputs) - adjusted.finish()(inputs)
        shares = plain.labels.bincount(minlength=3) / len(plain.labels)
        torch.testing.assert_close(shift, shares.log().expand(5, 3), atol=1e-5, rtol=1e-5)


def test_ldam_without_margin_is_cross_entropy() -> None:
    weighter, _ = first_batch(task(4, 36), LDAMDRW(margin=0.0))
    logits, labels = logits_of(6, 2), torch.arange(6) % 2
    plain = F.cross_entropy(logits, labels, reduction="none")
    torch.testing.assert_close(weighter.losses(logits, labels), plain)


def test_margins_go_with_the_fourth_root_of_the_inverse_count() -> None:
    weighter, _ = first_batch(task(2, 32), "ldam-drw")
    assert isinstance(weighter, LDAMDRW)
    torch.testing.assert_close(weighter.margins, torch.tensor([0.5, 0.25]))
    loss = float(weighter.losses(torch.zeros(1, 2), torch.tensor([1])))
    assert loss == pytest.approx(math.log(1 + math.exp(0.25)))


def test_the_scale_multiplies_what_is_left_after_the_margin() -> None:
    weighter, _ = first_batch(task(2, 32), LDAMDRW(scale=30.0))
    logits, labels = torch.tensor([[0.7, 0.4]]), torch.tensor([0])
    expected = math.log(1 + math.exp(30 * (0.4 - (0.7 - 0.5))))
    assert float(weighter.losses(logits, labels)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("progress", "balanced"), [(0.0, False), (0.79, False), (0.8, True)])
def test_the_weights_are_deferred(progress: float, balanced: bool) -> None:
    weighter, batch = first_batch(task(4, 36), "ldam-drw")
    labels = torch.tensor([0, 1, 1])
    weights = weighter.weigh(of_outputs(batch, logits_of(3, 2), labels, progress))
    if balanced:
        expected = class_weights(torch.tensor([4, 36]), 0.9999)[labels].float()
        torch.testing.assert_close(weights, expected / expected.sum())
    else:
        assert torch.equal(weights, torch.ones(3) / 3)
