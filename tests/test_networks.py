"""The built-in networks have the layers and the starting values their papers say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from weightbench.tasks.networks import lenet, resnet32, tiny_transformer, wrn28_10


def size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_lenet_is_the_papers() -> None:
    network = lenet(1)
    assert size(network) == (25 * 16 + 16) + (400 * 32 + 32) + (800 * 64 + 64) + 102_500 + 101
    weight = network[3].weight.detach()
    assert weight.std() == pytest.approx(0.088, rel=0.03)  # 0.1, truncated at two
    assert weight.abs().max() <= 0.2
    assert network[3].bias.abs().max() == 0


def test_lenets_pools_pad_at_the_right_and_lower_edge() -> None:
    """As "same" padding does for an even size: a window starts at the very first pixel."""
    pool = lenet(1)[1]
    image = torch.zeros(1, 1, 28, 28)
    image[..., 3, 3] = 1
    assert pool(image).nonzero()[:, 2:].tolist() == [[1, 1]]


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_resnet32_has_its_size(norm: str) -> None:
    network = resnet32(10, norm=norm)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == 31
    assert 460_000 < size(network) < 466_000
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_wide_resnet_has_its_size() -> None:
    with torch.device("meta"):
        network = wrn28_10(10)
        assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert 36_000_000 < size(network) < 37_000_000
    assert sum(isinstance(m, nn.Dropout) for m in network.modules()) == 12


BUILD: dict[str, Callable[[], nn.Module]] = {
    "group norm": lambda: resnet32(10, norm="group"),
    "transformer": lambda: tiny_transformer(3, 32, 10, patch=8),
}


@pytest.mark.parametrize("name", BUILD)
def test_examples_do_not_touch_each_other(name: str) -> None:
    network = BUILD[name]()
    images = torch.randn(3, 3, 32, 32)
    torch.testing.assert_close(network(images)[:1], network(images[:1]), rtol=1e-4, atol=1e-5)
