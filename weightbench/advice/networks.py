"""Networks for people's own data: small, without coupling between examples."""

from __future__ import annotations

from torch import nn

from weightbench.data.dataset import DataSet


def default_network(data: DataSet) -> nn.Module:
    """A network fit for the kind of a data set: a small CNN for images, else an MLP.

    Args:
        data: images (N, H, W, C) uint8, or (N, ...) float32, features near mean 0, deviation 1.

    Returns:
        Inputs as batches give them to (n, K) logits.
    """
    return small_cnn(data) if data.is_images else mlp(data)


def mlp(data: DataSet, width: int = 128) -> nn.Module:
    """Two hidden layers with ReLU on flattened inputs."""
    features = 1
    for size in data.shape:
        features *= size
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(features, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, data.num_classes),
    )


def small_cnn(data: DataSet) -> nn.Module:
    """Three 3x3 convolutions of stride 2 and a linear layer, for images of any size."""
    channels, layers = data.shape[0], []
    for width in (16, 32, 64):
        layers += [nn.Conv2d(channels, width, 3, stride=2, padding=1), nn.ReLU()]
        channels = width
    head = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * channels, data.num_classes)]
    return nn.Sequential(*layers, *head)
