"""Training on the clean hold-out alone."""

from __future__ import annotations

from collections.abc import Iterator

import weightbench as wb

from .uniform import Uniform


class CleanOnly(Uniform):
    """Uniform weights on hold-out mini-batches; the corrupted set is not used.

    Ren et al. 2018, Tables 1 and 2, under the task's own number of steps (theirs: 2,000).
    """

    def batches(self, run: wb.Run) -> Iterator[wb.Batch]:
        """See the class."""
        while True:
            yield run.clean_batch()


wb.register_weighter("clean-only", CleanOnly)
