"""Weights by inverse class frequency."""

from __future__ import annotations

from torch import Tensor

import weightbench as wb


class Proportion(wb.Weighter):
    """``w_i`` proportional to ``1 / count(label i)`` in the training set, as given.

    Ren et al. 2018, section 4.1 ("inverse frequency"). Normalised over the batch, so that the step
    size is that of every other method.
    """

    def begin(self, run: wb.Run) -> None:
        """Count the classes; one that never occurs counts once."""
        counts = run.labels.bincount(minlength=run.num_classes)
        self.inverse = 1 / counts.clamp(min=1).float()

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        return wb.normalize(self.inverse[batch.labels])


wb.register_weighter("proportion", Proportion)
