"""Losses whose gradient is a multiple of cross-entropy's: the weights take the loss's very step."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import lambertw
from torch import Tensor
from weightbench.methods.focal import focal_factor
from weightbench.methods.superloss import SuperLoss, lambert

import weightbench as wb

from .toys import first_batch, of_losses, of_outputs

LABELS = torch.tensor([0, 1, 2, 2, 1, 0])


def network(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Parameters (2, 3) and outputs (6, 3) of a linear network in double precision."""
    draws = torch.Generator().manual_seed(seed)
    theta = (3 * torch.randn(2, 3, generator=draws, dtype=torch.float64)).requires_grad_()
    return theta, torch.randn(6, 2, generator=draws, dtype=torch.float64) @ theta


def of_label(logits: Tensor) -> Tensor:
    return logits.softmax(1).gather(1, LABELS[:, None]).squeeze(1)


def gce(q: float) -> Callable[[Tensor], Tensor]:
    return lambda logits: (1 - of_label(logits) ** q) / q


def sce(alpha: float, beta: float) -> Callable[[Tensor], Tensor]:
    """The reversed term as it is defined: -sum_k p_k log y_k, log 0 being log 1e-4."""

    def loss(logits: Tensor) -> Tensor:
        zeros = 1 - F.one_hot(LABELS, 3)
        reverse = -(logits.softmax(1) * zeros * math.log(1e-4)).sum(1)
        return -alpha * of_label(logits).log() + beta * reverse

    return loss


def focal(gamma: float) -> Callable[[Tensor], Tensor]:
    return lambda logits: -((1 - of_label(logits)).pow(gamma)) * of_label(logits).log()


def superloss(lam: float) -> Callable[[Tensor], Tensor]:
    """With the factor a function of the loss, and its gradient through it."""

    def loss(logits: Tensor) -> Tensor:
        excess = -of_label(logits).log() - float(torch.tensor(math.log(3)))
        factor: Tensor = (-lambert((excess / lam / 2).clamp(min=-1 / math.e + 1e-12))).exp()
        return excess * factor + lam * factor.log().square()

    return loss


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("gce", gce(0.7)), ("gce[q=0.1]", gce(0.1)), ("mae", gce(1.0)), ("sce", sce(0.1, 1.0)),
        ("sce[alpha=6.0,beta=0.1]", sce(6.0, 0.1)), ("focal", focal(2.0)),
        ("focal[gamma=1.0]", focal(1.0)), ("focal[gamma=0.5]", focal(0.5)),
        ("superloss[smoothing=1.0]", superloss(1.0)),
        ("superloss[lam=0.25,smoothing=1.0]", superloss(0.25)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("seed", range(3))
def test_the_weights_take_the_step_of_the_closed_loss(
    tiny: wb.Task, name: str, loss: Callable[[Tensor], Tensor], seed: int
) -> None:
    weighter, batch = first_batch(tiny, name)
    theta, logits = network(seed)
    own = of_outputs(batch, logits, LABELS)
    weights = weighter.weigh(own)
    assert weights.dtype == torch.float64
    (taken,) = torch.autograd.grad(own.losses, theta, weights, retain_graph=True)
    (expected,) = torch.autograd.grad(loss(logits).mean(), theta)
    torch.testing.assert_close(taken, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["gce[q=0.0]", "focal[gamma=0.0]", "sce[alpha=1.0,beta=0.0]"])
def test_they_begin_at_cross_entropy(tiny: wb.Task, name: str) -> None:
    weighter, batch = first_batch(tiny, name)
    assert torch.equal(weighter.weigh(batch), first_batch(tiny, "uniform")[0].weigh(batch))


def test_mae_is_proportional_to_the_probability(tiny: wb.Task) -> None:
    weighter, batch = first_batch(tiny, "mae")
    weights = weighter.weigh(of_losses(batch, [math.log(2), math.log(4), math.log(8)]))
    torch.testing.assert_close(weights, torch.tensor([1 / 2, 1 / 4, 1 / 8]) / 3)


def test_an_unsure_batch_moves_the_network_less(tiny: wb.Task) -> None:
    for name in ("gce", "sce", "superloss[smoothing=1.0]"):
        weighter, batch = first_batch(tiny, name)
        sure, unsure = of_losses(batch, [0.1] * 4), of_losses(batch, [5.0] * 4)
        assert float(weighter.weigh(unsure).sum()) < float(weighter.weigh(sure).sum())


@pytest.mark.parametrize(("gamma", "peak"), [(1.0, 1.1353), (2.0, 1.2246)])
def test_focal_weights_rise_above_those_of_plain_training(gamma: float, peak: float) -> None:
    """With a detached factor they could not."""
    losses = -torch.linspace(1e-4, 1, 10_001, dtype=torch.float64).log()
    assert float(focal_factor(losses, gamma).max()) == pytest.approx(peak, abs=1e-4)


@given(st.floats(0, 200), st.floats(0, 5))
def test_focal_weights_are_finite_and_not_negative(loss: float, gamma: float) -> None:
    for dtype in (torch.float32, torch.float64):
        factor = float(focal_factor(torch.tensor([loss], dtype=dtype), gamma))
        assert 0 <= factor < 2 * (1 + gamma)


@pytest.mark.parametrize("lam", [1.0, 0.25])
def test_superloss_is_1_at_its_threshold_and_1_over_e_at_2_e_lambda(
    tiny: wb.Task, lam: float
) -> None:
    weighter, batch = first_batch(tiny, SuperLoss(lam, smoothing=1.0))
    tau = math.log(3)
    weights = 2 * weighter.weigh(of_losses(batch, [tau, tau + 2 * math.e * lam]))
    torch.testing.assert_close(weights, torch.tensor([1, 1 / math.e]))


def test_superloss_falls_with_the_loss_and_is_bounded(tiny: wb.Task) -> None:
    weighter, batch = first_batch(tiny, SuperLoss(smoothing=1.0))
    losses = [0.0, 1e-30, 0.1, *(0.4 * k for k in range(1, 10)), 80.0]
    weights = len(losses) * weighter.weigh(of_losses(batch, losses))
    assert weights.isfinite().all()
    assert float(weights.max()) <= math.e
    falling = [w for loss, w in zip(losses, weights.tolist(), strict=True) if loss > 0.37]
    assert all(a > b > 0 for a, b in itertools.pairwise(falling))


def test_superloss_with_a_large_lambda_is_uniform(tiny: wb.Task) -> None:
    weighter, batch = first_batch(tiny, SuperLoss(lam=1e6))
    weights = weighter.weigh(of_losses(batch, [0.0, 1.0, 9.0]))
    torch.testing.assert_close(weights, torch.full((3,), 1 / 3), rtol=1e-4, atol=0)


def test_superloss_follows_the_mean_loss(tiny: wb.Task) -> None:
    weighter, batch = first_batch(tiny, SuperLoss(smoothing=0.9))
    weighter.weigh(of_losses(batch, [1.0, 3.0]))
    assert float(weighter.state_dict()["tau"]) == pytest.approx(0.9 * math.log(3) + 0.1 * 2)


@given(st.floats(-1 / math.e + 1e-9, 1e6))
def test_lamberts_function_is_scipys(x: float) -> None:
    own = float(lambert(torch.tensor([x], dtype=torch.float64)))
    assert own == pytest.approx(lambertw(x).real, rel=1e-9, abs=1e-9)
