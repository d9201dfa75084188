"""Class-balanced mini-batches."""

from __future__ import annotations

from collections.abc import Iterator

import torch

import weightbench as wb

from .uniform import Uniform


class Resample(Uniform):
    """Each example of a batch: a class drawn uniformly, then one of its examples, with replacement.

    Ren et al. 2018, section 4.1. Weights are uniform.
    """

    def batches(self, run: wb.Run) -> Iterator[wb.Batch]:
        """See the class."""
        counts = run.labels.bincount(minlength=run.num_classes).float()
        chance = (1 / counts)[run.labels].cpu()
        while True:
            drawn = torch.multinomial(
                chance, run.recipe.batch_size, replacement=True, generator=run.generator
            )
            yield run.batch(drawn.to(run.device))


wb.register_weighter("resample", Resample)
