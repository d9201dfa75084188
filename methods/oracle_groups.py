"""The upper anchor of tasks with groups: right labels, every class of every group as much."""

from __future__ import annotations

from torch import Tensor

import weightbench as wb


class OracleGroups(wb.Weighter):
    """``w_i`` proportional to ``1[label i is right] / count(right ones of its class and group)``.

    Privileged: it sees the true labels, so it is shown and never ranked. Where the score is the
    worst recall of a class in a group, right labels alone are no upper anchor: a rare group stays
    rare. Without groups it makes the classes even.
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


wb.register_weighter("oracle-groups", OracleGroups)
