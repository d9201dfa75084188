"""The upper anchor: knows which labels are wrong and how frequent the true classes are."""

from __future__ import annotations

from torch import Tensor

import weightbench as wb


class Oracle(wb.Weighter):
    """``w_i`` proportional to ``1[label i is right] / count(right examples of its class)``.

    Privileged: it sees the true labels, so it is shown and never ranked. Under label noise it
    trains on the clean part; under class imbalance it undoes the imbalance.
    """

    privileged = True

    def begin(self, run: wb.Run) -> None:
        """Compare given and true labels once."""
        right = (run.labels == run.true_labels).float()
        counts = run.labels.bincount(weights=right, minlength=run.num_classes)
        self.right = (right / counts.clamp(min=1)[run.labels]).float()

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        return wb.normalize(self.right[batch.index])


wb.register_weighter("oracle", Oracle)
