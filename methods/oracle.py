"""The upper anchor: knows which labels are wrong and how frequent true classes and groups are."""

from __future__ import annotations

from torch import Tensor

import weightbench as wb


class Oracle(wb.Weighter):
    """``w_i`` proportional to ``1[label i is right] / count(right ones of its class and group)``.

    Privileged: it sees the true labels, so it is shown and never ranked. Under label noise it
    trains on the clean part; under class imbalance it undoes the imbalance. Where examples have
    groups, a class counts as much in each of them: where the worst recall of a class in a group is
    scored, right labels alone are no upper anchor, for a rare group stays rare.
    """

    privileged = True
    uses_groups = True

    def begin(self, run: wb.Run) -> None:
        """Compare given and true labels once, and count what is right."""
        groups = run.groups()
        cells = run.labels if groups is None else run.labels + run.num_classes * groups
        right = (run.labels == run.true_labels).float()
        counts = cells.bincount(weights=right)
        self.right = (right / counts.clamp(min=1)[cells]).float()

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        return wb.normalize(self.right[batch.index])


wb.register_weighter("oracle", Oracle)
