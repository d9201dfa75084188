"""Networks of the built-in tasks. Layers initialise themselves from torch's global stream."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn


def mlp(in_features: int, num_classes: int, hidden: Sequence[int] = (128, 128)) -> nn.Sequential:
    """A multi-layer perceptron with ReLU; flattens its input."""
    layers: list[nn.Module] = [nn.Flatten()]
    for width in hidden:
        layers += [nn.Linear(in_features, width), nn.ReLU()]
        in_features = width
    return nn.Sequential(*layers, nn.Linear(in_features, num_classes))


def small_cnn(in_channels: int, num_classes: int) -> nn.Sequential:
    """Two 3x3 convolutions for 8x8 images, the first of stride 2, then a linear layer."""
    return nn.Sequential(
        nn.Conv2d(in_channels, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 4 * 4, num_classes),
    )
