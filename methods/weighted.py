"""Weights by how much of each label is right: the paper's privileged baseline."""

from __future__ import annotations

from torch import Tensor

import weightbench as wb


class Weighted(wb.Weighter):
    """``w_i`` proportional to the share of right labels among those that equal label i.

    Ren et al. 2018, section 4.2: it "knows the oracle noise ratio for each class". Counted, so it
    is right for any number of classes; the released code's constant is right for ten only.
    Privileged: it sees the true labels, so it is shown and never ranked.
    """

    privileged = True

    def begin(self, run: wb.Run) -> None:
        """Count right labels once; a label that never occurs has share 0."""
        right = (run.labels == run.true_labels).float()
        counts = run.labels.bincount(minlength=run.num_classes)
        rights = run.labels.bincount(weights=right, minlength=run.num_classes)
        self.share = (rights / counts.clamp(min=1)).float()

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        return wb.normalize(self.share[batch.labels])


wb.register_weighter("weighted", Weighted)
