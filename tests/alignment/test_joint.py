"""One pass over both batches gives the numbers of the other ways, where it is taken."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
import torch
from torch import nn
from weightbench.tasks.networks import lenet, mlp, small_cnn

from tests.alignment.cases import Case, case
from tests.alignment.test_agreement import assert_same_step
from weightbench.alignment.joint import joint_form
from weightbench.alignment.passes import Batches

Build = Callable[[], nn.Module]


def chain(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers)


CHAINS: dict[str, tuple[Build, tuple[int, ...]]] = {
    "mlp": (lambda: mlp(9, 10), (9,)),
    "one layer": (lambda: nn.Linear(9, 10), (9,)),
    "small cnn": (lambda: small_cnn(1, 10), (1, 8, 8)),
    "no biases": (
        lambda: chain(nn.Linear(9, 8, bias=False), nn.Tanh(), nn.Linear(8, 10, bias=False)),
        (9,),
    ),
    "chains in a chain": (
        lambda: chain(chain(nn.Linear(9, 8), nn.GELU()), chain(chain(nn.Linear(8, 10)))),
        (9,),
    ),
    "pooled": (
        lambda: chain(
            nn.Conv2d(2, 6, 3, padding=1),
            nn.MaxPool2d(2),
            nn.SiLU(),
            nn.Conv2d(6, 8, 3, stride=2, padding="valid", groups=2, dilation=1, bias=False),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LeakyReLU(),
            nn.Linear(8, 10),
        ),
        (2, 9, 9),
    ),
    "same padding": (
        lambda: chain(
            nn.Conv2d(2, 4, 3, padding="same", dilation=2),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(64, 10),
        ),
        (2, 4, 4),
    ),
    "signal": (
        lambda: chain(
            nn.Conv1d(2, 4, 3), nn.ELU(), nn.AvgPool1d(2), nn.Flatten(), nn.Linear(12, 10)
        ),
        (2, 9),
    ),
    "volume": (
        lambda: chain(nn.Conv3d(1, 2, 2), nn.Sigmoid(), nn.Flatten(), nn.Linear(16, 10)),
        (1, 3, 3, 3),
    ),
    "switched off dropout": (
        lambda: chain(nn.Linear(9, 8), nn.Identity(), nn.ReLU(), nn.Linear(8, 10)),
        (9,),
    ),
}


def taken(own: Case, caplog: pytest.LogCaptureFixture) -> str:
    """Which way ``auto`` goes."""
    with caplog.at_level(logging.INFO, "weightbench.alignment.choice"):
        own.align("auto")
    return caplog.records[-1].getMessage()


@pytest.mark.parametrize(
    ("dtype", "relative"), [(torch.float64, 1e-9), (torch.float32, 1e-4)], ids=["double", "single"]
)
@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_takes_one_pass_with_the_same_numbers(
    name: str, dtype: torch.dtype, relative: float, caplog: pytest.LogCaptureFixture
) -> None:
    build, shape = CHAINS[name]
    own = case(lambda: build().to(dtype), *shape)
    assert taken(own, caplog).startswith(f"alignment of a {type(own.model).__name__}: joint")
    assert_same_step(own, "auto", relative)


@pytest.mark.parametrize("hidden", [(8,), (600,)], ids=["few", "many"])
def test_examples_of_weight_zero(hidden: tuple[int, ...]) -> None:
    """They are left out of the update where that saves more than it takes; none is a gradient."""
    own = case(lambda: mlp(2000, 10, hidden=hidden).double(), 2000)
    own.update(own.align("auto"), torch.zeros(6, dtype=torch.float64))
    assert all(not gradient.any() for gradient in own.gradients().values())
    assert_same_step(own, "auto", 1e-9)


def test_gradients_add_up_over_batches() -> None:
    own = case(lambda: mlp(9, 10), 9)
    weights = torch.rand(6)
    own.update(own.align("auto"), weights)
    once = {name: p.grad.clone() for name, p in own.model.named_parameters() if p.grad is not None}
    own.update(own.align("auto"), weights)
    for name, gradient in own.gradients().items():
        torch.testing.assert_close(gradient, 2 * once[name])


def test_two_batches_may_be_under_way_at_once() -> None:
    own = case(lambda: mlp(9, 10), 9)
    first, weights = own.align("auto"), torch.rand(6)
    own.update(first, weights)
    alone = own.gradients()
    first, inputs = own.align("auto"), own.inputs
    own.inputs = inputs.flip(0)
    own.align("auto")
    own.inputs = inputs
    own.update(first, weights)
    for name, gradient in own.gradients().items():
        torch.testing.assert_close(gradient, alone[name])


class Elsewhere(nn.Linear):
    """Another layer than it is derived from."""


def with_hook() -> nn.Module:
    model: nn.Module = mlp(9, 10)
    model.get_submodule("1").register_forward_hook(lambda layer, inputs, output: 2 * output)
    return model


def with_frozen_layer() -> nn.Module:
    model: nn.Module = mlp(9, 10)
    model.get_submodule("1").requires_grad_(False)
    return model


OTHERS: dict[str, tuple[Build, tuple[int, ...]]] = {
    "dropout": (lambda: chain(nn.Linear(9, 8), nn.Dropout(0.5), nn.Linear(8, 10)), (9,)),
    "norm": (lambda: chain(nn.Linear(9, 8), nn.LayerNorm(8), nn.Linear(8, 10)), (9,)),
    "batch norm": (lambda: chain(nn.Linear(9, 8), nn.BatchNorm1d(8), nn.Linear(8, 10)), (9,)),
    "subclass": (lambda: chain(Elsewhere(9, 8), nn.Linear(8, 10)), (9,)),
    "hook": (with_hook, (9,)),
    "frozen": (with_frozen_layer, (9,)),
    "softmax over the batch": (lambda: chain(nn.Linear(9, 10), nn.Softmax(0)), (9,)),
    "flattened otherwise": (
        lambda: chain(nn.Flatten(2), nn.Linear(9, 1), nn.Flatten(), nn.Linear(2, 10)),
        (2, 3, 3),
    ),
    "circular": (
        lambda: chain(
            nn.Conv1d(2, 4, 3, padding=1, padding_mode="circular"), nn.Flatten(), nn.Linear(36, 10)
        ),
        (2, 9),
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_such_chain_goes_another_way(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    build, shape = OTHERS[name]
    own = case(lambda: build().double(), *shape)
    assert "not joint: " in taken(own, caplog)


def test_a_large_convolutional_network_goes_layer_by_layer() -> None:
    own = case(lambda: lenet(10), 1, 28, 28, n=100, m=10)
    batches = Batches(own.inputs, own.labels, own.clean_inputs, own.clean_labels)
    reason = joint_form(own.model, batches)
    assert isinstance(reason, str)
    assert "million multiplications in convolutions" in reason


def test_a_hook_that_comes_later_is_obeyed(caplog: pytest.LogCaptureFixture) -> None:
    own = case(lambda: mlp(9, 10).double(), 9)
    assert ": joint" in taken(own, caplog)
    own.model.get_submodule("1").register_forward_hook(lambda layer, inputs, output: 2 * output)
    assert "not joint: " in taken(own, caplog)
    assert_same_step(own, "auto", 1e-9)


def test_autocast_goes_another_way(caplog: pytest.LogCaptureFixture) -> None:
    own = case(lambda: mlp(9, 10), 9)
    with torch.autocast("cpu", torch.bfloat16):
        assert "not joint: " in taken(own, caplog)


def test_a_network_may_change_its_type(caplog: pytest.LogCaptureFixture) -> None:
    own = case(lambda: mlp(9, 10), 9)
    assert ": joint" in taken(own, caplog)
    own.model.double()
    own.inputs, own.clean_inputs = own.inputs.double(), own.clean_inputs.double()
    assert_same_step(own, "auto", 1e-9)
