"""Augmentation of images where they lie: each image of a batch by its own draw, in one gather."""

from __future__ import annotations

import dataclasses

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclasses.dataclass(frozen=True)
class CropFlip:
    """Pad with black, crop back to the size at a random place, mirror half of the images.

    Ren et al. 2018 use it on CIFAR with 2 pixels a side, on the clean mini-batch too.
    """

    pad: int = 2

    def padded(self, images: Tensor) -> Tensor:
        """(n, H, W, C) uint8 to (n, H + 2 pad, W + 2 pad, C)."""
        return F.pad(images, (0, 0, self.pad, self.pad, self.pad, self.pad))

    def unpadded(self, images: Tensor) -> Tensor:
        """What :meth:`padded` was given."""
        inside = slice(self.pad, -self.pad or None)
        return images[:, inside, inside]

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, 1) int64, a place and a way round for each of ``count`` images."""
        places = 2 * self.pad + 1
        return torch.randint(2 * places**2, (count, 1), generator=generator)

    def crop_and_flip(self, images: Tensor, index: Tensor, drawn: Tensor) -> Tensor:
        """The images ``index``, cropped and mirrored.

        Args:
            images: (n, H + 2 pad, W + 2 pad, C) uint8, any device.
            index: (b,) int64 on that device.
            drawn: (b, 1) int64 on that device, what :meth:`draw` gave.

        Returns:
            (b, H, W, C) uint8.
        """
        _, height, width, channels = images.shape
        places = 2 * self.pad + 1
        down, right, mirror = drawn // 2 // places, drawn // 2 % places, drawn % 2
        rows = down + torch.arange(height - 2 * self.pad, device=images.device)
        along = torch.arange(width - 2 * self.pad, device=images.device)
        columns = right + torch.where(mirror == 1, along.flip(0), along)
        corner = (index[:, None] * height + rows) * width
        pixels = (corner[:, :, None] + columns[:, None, :]).flatten()
        taken = images.view(-1, channels).index_select(0, pixels)
        return taken.view(len(index), rows.shape[1], columns.shape[1], channels)
