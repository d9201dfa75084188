"""Networks of the built-in tasks. Layers initialise themselves from torch's global stream."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Norm = Literal["batch", "group"]


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


def lenet(num_classes: int, in_channels: int = 1) -> nn.Sequential:
    """The LeNet of the MNIST experiments of Ren et al. 2018, for 28x28 images.

    Convolutions 5x5 to 16, 32 and 64 channels, each followed by a 3x3 maximum pool of stride 2 and
    a ReLU; a linear layer to 100, ReLU, a linear layer to ``num_classes``. "Same" padding, which
    for the pools means: at the right and lower edge for even sizes, all round for odd ones.
    Weights ~ N(0, 0.1^2) truncated at two standard deviations, biases 0.
    """
    network = nn.Sequential(
        nn.Conv2d(in_channels, 16, 5, padding=2),
        nn.MaxPool2d(3, stride=2, ceil_mode=True),  # 28 -> 14
        nn.ReLU(),
        nn.Conv2d(16, 32, 5, padding=2),
        nn.MaxPool2d(3, stride=2, ceil_mode=True),  # 14 -> 7
        nn.ReLU(),
        nn.Conv2d(32, 64, 5, padding=2),
        nn.MaxPool2d(3, stride=2, padding=1),  # 7 -> 4
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * 4 * 4, 100),
        nn.ReLU(),
        nn.Linear(100, num_classes),
    )
    for parameter in network.parameters():
        if parameter.dim() == 1:
            nn.init.zeros_(parameter)
        else:
            _truncated_normal(parameter, 0.1)
    return network


def _truncated_normal(parameter: Tensor, std: float) -> None:
    nn.init.trunc_normal_(parameter, std=std, a=-2 * std, b=2 * std)


def _norm(kind: Norm, channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.GroupNorm(8, channels)


def _conv3x3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    conv = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
    _truncated_normal(conv.weight, math.sqrt(2 / (9 * out_channels)))
    return conv


class _Unit(nn.Module):
    """A pre-activation residual unit (He et al. 2016b): norm, ReLU, convolution, twice."""

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, norm: Norm, dropout: float
    ) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            _norm(norm, in_channels),
            nn.ReLU(),
            _conv3x3(in_channels, out_channels, stride),
            _norm(norm, out_channels),
            nn.ReLU(),
            *([nn.Dropout(dropout)] if dropout else []),
            _conv3x3(out_channels, out_channels),
        )
        self.stride = stride
        self.missing = out_channels - in_channels

    def forward(self, x: Tensor) -> Tensor:
        shortcut = F.avg_pool2d(x, self.stride) if self.stride > 1 else x
        if self.missing:
            before = self.missing // 2
            shortcut = F.pad(shortcut, (0, 0, 0, 0, before, self.missing - before))
        branch: Tensor = self.branch(x)
        return shortcut + branch


def _residual(
    num_classes: int, widths: Sequence[int], units: int, norm: Norm, dropout: float
) -> nn.Sequential:
    """Three stages of ``units`` units on 16 channels of a first convolution."""
    layers: list[nn.Module] = [_conv3x3(3, 16)]
    channels = 16
    for stage, width in enumerate(widths):
        for unit in range(units):
            stride = 2 if stage and not unit else 1
            layers.append(_Unit(channels, width, stride, norm, dropout))
            channels = width
    layers += [_norm(norm, channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(channels, num_classes))


def resnet32(num_classes: int, norm: Norm = "batch") -> nn.Sequential:
    """ResNet-32 for 32x32 colour images, as in Ren et al. 2018, section 4.2.

    Three stages of five pre-activation units, 16, 32 and 64 channels; shortcuts by average pooling
    and zero channels; convolutions ~ N(0, 2 / (9 * channels out)), truncated. Where the released
    code departs from that by quirk, this does not follow: its batch norm has no scale (here it
    has, with torch's epsilon and momentum instead of 0.001 and 0.001), and its first stage has no
    activation before a unit (here every unit has).

    Args:
        num_classes: K.
        norm: ``batch``, or ``group`` for groups of C / 8 channels, where no example touches
            another.
    """
    return _residual(num_classes, (16, 32, 64), 5, norm, 0.0)


def wrn28_10(num_classes: int, norm: Norm = "batch", dropout: float = 0.3) -> nn.Sequential:
    """Wide ResNet 28-10 (Zagoruyko and Komodakis 2016) for 32x32 colour images.

    Four units a stage, 160, 320 and 640 channels; otherwise like :func:`resnet32`. Dropout stands
    between a unit's convolutions as in its paper; the released code of Ren et al. 2018 has it
    before the first.
    """
    return _residual(num_classes, (160, 320, 640), 4, norm, dropout)


class _Attention(nn.Module):
    """Multi-head self-attention in plain operations, all of which have forward derivatives."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.joint = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.joint(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        mixed = scores.softmax(-1) @ value
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out


class _Transformer(nn.Module):
    """See :func:`tiny_transformer`."""

    def __init__(self, in_channels: int, size: int, num_classes: int, patch: int, width: int):
        super().__init__()
        self.patches = nn.Conv2d(in_channels, width, patch, stride=patch)
        self.places = nn.Embedding((size // patch) ** 2, width)
        self.attention = nn.Sequential(nn.LayerNorm(width), _Attention(width, heads=4))
        self.each = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, num_classes))

    def forward(self, images: Tensor) -> Tensor:
        x = self.patches(images).flatten(2).transpose(1, 2)
        place = torch.arange(x.shape[1], device=x.device).expand(x.shape[:2])
        x = x + self.places(place)
        x = x + self.attention(x)
        x = x + self.each(x)
        logits: Tensor = self.head(x.mean(1))
        return logits


def tiny_transformer(
    in_channels: int, size: int, num_classes: int, patch: int = 2, width: int = 32
) -> nn.Module:
    """One pre-norm transformer block on the patches of ``size`` x ``size`` images.

    Args:
        in_channels: channels of the images.
        size: their side, a multiple of ``patch``.
        num_classes: K.
        patch: side of a patch; a patch is a token.
        width: features of a token, a multiple of 4 (the number of heads).
    """
    return _Transformer(in_channels, size, num_classes, patch, width)
