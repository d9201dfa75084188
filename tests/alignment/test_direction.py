"""Which clean gradients are kept as factors, by counting alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from weightbench.tasks.networks import mlp

from tests.alignment.cases import Case, built_in, case
from weightbench.alignment.direction import Direction, clean_direction
from weightbench.alignment.parts import LinearWeight


def directed(own: Case, n: int = 100) -> Direction:
    return clean_direction(own.model, own.clean_inputs, own.clean_labels, n)


def kept(own: Case) -> list[str]:
    """Names of the parameters whose clean gradient is not formed."""
    direction = directed(own)
    assert direction.keys() == set(own.model.parameters())
    named = own.model.named_parameters()
    return [name for name, p in named if isinstance(direction[p], LinearWeight)]


@pytest.mark.parametrize(
    ("name", "m", "wanted"),
    [
        ("mlp", 10, ["1.weight", "3.weight", "5.weight"]),
        ("mlp", 100, ["3.weight"]),  # 128 -> 128; not 64 -> 128 nor 128 -> 10
        ("lenet", 10, []),  # 1024 -> 100 would save 0.6 % of a step
        ("small-cnn", 10, []),
        ("transformer", 10, []),  # each position is a row
    ],
)
def test_linear_layers_that_are_wide_beside_the_batches(
    name: str, m: int, wanted: list[str]
) -> None:
    assert kept(built_in(name, m=m)) == wanted


def test_a_shared_weight_is_formed() -> None:
    def shared() -> nn.Module:
        layer = nn.Linear(64, 64)
        return nn.Sequential(layer, nn.Tanh(), layer, nn.Tanh(), nn.Linear(64, 10))

    own = case(shared, 64)
    assert kept(own) == ["4.weight"]


def test_factors_make_the_gradient() -> None:
    own = case(lambda: mlp(64, 10).double(), 64)
    loss = torch.nn.functional.cross_entropy(own.model(own.clean_inputs), own.clean_labels)
    gradients = torch.autograd.grad(loss, list(own.model.parameters()))
    found = directed(own)
    for parameter, wanted in zip(own.model.parameters(), gradients, strict=True):
        along = found[parameter]
        torch.testing.assert_close(along if isinstance(along, Tensor) else along.gradient(), wanted)


class Skipping(nn.Module):
    """A layer that training passes alone go through."""

    def __init__(self) -> None:
        super().__init__()
        self.always, self.rare = nn.Linear(64, 10), nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.always(x)
        return logits + self.rare(x) if len(x) == 6 else logits


def test_a_layer_that_the_clean_pass_skips_has_no_direction() -> None:
    own = case(lambda: Skipping().double(), 64)
    wanted = own.align("higher").alignment
    torch.testing.assert_close(own.align("layerwise").alignment, wanted, rtol=1e-9, atol=1e-12)
