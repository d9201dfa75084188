"""Batches: what a weighter reads is computed once, and weights are checked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

import weightbench as wb
from weightbench.errors import BadWeights
from weightbench.training.batch import backward
from weightbench.training.step_weights import is_finite

finite = st.floats(-1e6, 1e6, width=32)


@given(arrays(np.float32, st.integers(1, 40), elements=finite))
def test_normalised_weights_sum_to_one_or_are_all_zero(raw: np.ndarray) -> None:
    weights = wb.normalize(torch.from_numpy(raw))
    assert (weights >= 0).all()
    assert not weights.requires_grad
    if (raw > 0).any():
        assert float(weights.sum()) == pytest.approx(1, abs=1e-4)
        assert ((weights > 0) <= torch.from_numpy(raw > 0)).all()
    else:
        assert (weights == 0).all()


def test_normalising_is_a_matter_of_scale() -> None:
    raw = torch.tensor([1.0, -2.0, 3.0])
    torch.testing.assert_close(wb.normalize(raw), torch.tensor([0.25, 0, 0.75]))
    torch.testing.assert_close(wb.normalize(raw), wb.normalize(raw * 100))


def test_what_is_read_is_computed_once(tiny: wb.Task) -> None:
    calls = []
    run = wb.start(tiny, 0)
    run.model.register_forward_hook(lambda *_: calls.append(1))
    batch = next(iter(run))
    batch.logits, batch.losses, batch.losses  # noqa: B018 - reading is the point
    assert batch.losses.requires_grad
    run.step(torch.full((len(batch),), 1 / len(batch)))
    assert len(calls) == 1
    assert batch.clean() is batch.clean()
    assert batch.clean().labels.shape == batch.clean().index.shape


def test_the_gradient_is_that_of_the_weighted_sum(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0)
    batch = next(iter(run))
    weights = torch.rand(len(batch))
    expected = torch.autograd.grad(
        (weights * batch.losses).sum(), list(run.model.parameters()), retain_graph=True
    )
    run.model.zero_grad()
    backward(batch, weights)
    for parameter, gradient in zip(run.model.parameters(), expected, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, gradient)
    assert is_finite(batch, weights)
    assert not is_finite(batch, weights / 0)


@pytest.mark.parametrize(
    ("spoil", "hint"),
    [
        (lambda w: w[:-1], "expected"),
        (lambda w: w[:, None], "one per example"),
        (lambda w: w.sum(), "one per example"),
        (lambda w: w.tolist(), "returned a list"),
        (lambda w: None, "returned a NoneType"),
        (lambda w: w.long(), r"use \.float"),
        (lambda w: w.to("meta"), "are on meta"),
        (lambda w: w * torch.nan, "not finite"),
        (lambda w: w / 0, "not finite"),
        (lambda w: -w, "declare negative"),
    ],
)
def test_bad_weights_are_named(tiny: wb.Task, spoil: Callable[[Tensor], Tensor], hint: str) -> None:
    run = wb.start(tiny, 0)
    batch = next(iter(run))
    with pytest.raises(BadWeights, match=hint):
        run.step(spoil(torch.full((len(batch),), 1 / len(batch))))
    assert run.steps_taken == 0


def test_declared_negative_weights_pass(tiny: wb.Task) -> None:
    class Ascent(wb.Weighter):
        negative = True

        def weigh(self, batch: wb.Batch) -> Tensor:
            return torch.full((len(batch),), -1e-3)

    wb.start(tiny, 0, weighter=Ascent()).train()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.float32])
def test_any_floating_type_and_graph_is_taken(tiny: wb.Task, dtype: torch.dtype) -> None:
    run = wb.start(tiny, 0)
    batch = next(iter(run))
    weights = torch.full((len(batch),), 1 / len(batch), dtype=dtype, requires_grad=True)
    run.step(weights)
    assert run.steps_taken == 1
    assert weights.grad is None
