"""Hard negative mining: the rare class beside the frequent examples of highest loss."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

import weightbench as wb

from .uniform import Uniform


class HardMining(Uniform):
    """Out of each batch of ``pool``: all of the rarest class, as many others of the highest loss.

    Ren et al. 2018, section 4.1: batches of 500, at least one of the others, uniform weights over
    what is kept. (Their released code ranks by a loss that is averaged already, so it keeps the
    first of the others instead.) Of several classes the rarest is the minority and all others
    together are the majority.
    """

    def __init__(self, pool: int = 500) -> None:
        self.pool = pool

    def batches(self, run: wb.Run) -> Iterator[wb.Batch]:
        """See the class."""
        counts = run.labels.bincount(minlength=run.num_classes)
        rare = counts.masked_fill(counts == 0, len(run.labels) + 1).argmin()
        for batch in run.epochs(self.pool):
            # In evaluation mode: a forward pass that is no step leaves running statistics alone.
            run.model.eval()
            with torch.no_grad(), run.autocast():
                losses = F.cross_entropy(run.model(batch.inputs), batch.labels, reduction="none")
            run.model.train()
            yield run.batch(batch.index[hardest(losses, batch.labels == rare)])


def hardest(losses: Tensor, minority: Tensor) -> Tensor:
    """Positions of the minority and of as many (at least one) others of the highest loss.

    Args:
        losses: (n,) float.
        minority: (n,) bool.

    Returns:
        (k,) int64.
    """
    others = (~minority).nonzero().squeeze(1)
    count = min(max(int(minority.sum()), 1), len(others))
    return torch.cat([minority.nonzero().squeeze(1), others[losses[others].topk(count).indices]])


wb.register_weighter("hard-mining", HardMining)
