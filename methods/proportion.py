"""Weights by inverse class frequency."""

from __future__ import annotations

from torch import Tensor

import weightbench as wb


class Proportion(wb.Weighter):
    """``w_i`` proportional to ``1 / count(label i)`` in the training set, as given.

    Ren et al. 2018, section 4.1 ("inverse frequency"). Normalised over the batch, so that the step
    size is that of every other method. ``normalized=false`` is the released code's form,
    ``w_i = 1 - count(label i) / n`` as it stands: of two classes each gets the other's share, and
    weights sum to about ``200 p (1 - p)`` over a batch of 100 in which one class has share p.
    """

    def __init__(self, normalized: bool = True) -> None:
        self.normalized = normalized

    def begin(self, run: wb.Run) -> None:
        """Count the classes; one that never occurs counts once."""
        counts = run.labels.bincount(minlength=run.num_classes).clamp(min=1).float()
        self.by_class = 1 / counts if self.normalized else 1 - counts / len(run.labels)

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        weights = self.by_class[batch.labels]
        return wb.normalize(weights) if self.normalized else weights


wb.register_weighter("proportion", Proportion)
