"""Weights by the effective number of examples of each class (Cui et al., CVPR 2019)."""

from __future__ import annotations

from torch import Tensor

import weightbench as wb


class ClassBalanced(wb.Weighter):
    """``w_i`` proportional to ``(1 - beta) / (1 - beta^count(label i))``.

    beta 0 is uniform, beta 1 the inverse count: at their .9999, classes up to 1,000 examples are
    weighed as by ``proportion`` within 5 %, so beta is .99 here (theirs are .9 to .9999).
    Normalised over the batch, as in LDAM-DRW's code; ``normalized=false`` divides by the batch
    size alone, as their own does, where the weights of all K classes sum to K. Costs a plain step.
    """

    def __init__(self, beta: float = 0.99, normalized: bool = True) -> None:
        if not 0 <= beta < 1:
            raise wb.errors.BadSpec(f"beta={beta}: must be in [0, 1)")
        self.beta = beta
        self.normalized = normalized

    def begin(self, run: wb.Run) -> None:
        """Count the classes."""
        counts = run.labels.bincount(minlength=run.num_classes)
        self.by_class = class_weights(counts, self.beta).float()

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        weights = self.by_class[batch.labels]
        return wb.normalize(weights) if self.normalized else weights / len(batch)


def class_weights(counts: Tensor, beta: float) -> Tensor:
    """(K,) float64, sum K, of (K,) int64 counts; a class that never occurs counts as one example.

    The rule of :class:`ClassBalanced`, beta in [0, 1).
    """
    effective = 1 - beta ** counts.clamp(min=1).double()
    return len(counts) / effective / (1 / effective).sum()


wb.register_weighter("class-balanced", ClassBalanced)
