"""Margins that are larger for rarer classes, then class-balanced weights (Cao et al., 2019)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

import weightbench as wb

from .class_balanced import class_weights
from .uniform import Uniform


class LDAMDRW(Uniform):
    """``CE(scale (z - m_y e_y))``, ``m_c`` proportional to ``count(c)^(-1/4)``, at most ``margin``.

    Weights are uniform, and from ``deferred`` of the schedule on class-balanced with ``beta``,
    normalised over the batch. Cao, Wei, Gaidon, Arechiga & Ma, NeurIPS 2019; margin .5, beta .9999
    and 80 % (epoch 160 of 200) are theirs. So is a scale of 30, which belongs to their last layer,
    whose outputs are cosines; networks here keep their own, whose outputs have any scale, so it is
    1. Under equal counts all margins are .5: not plain training. Costs a plain step.
    """

    def __init__(
        self, margin: float = 0.5, scale: float = 1.0, beta: float = 0.9999, deferred: float = 0.8
    ) -> None:
        self.margin, self.scale = margin, scale
        self.beta, self.deferred = beta, deferred

    def begin(self, run: wb.Run) -> None:
        """Count the classes; one that never occurs counts once."""
        counts = run.labels.bincount(minlength=run.num_classes)
        rarity = counts.clamp(min=1).float() ** -0.25
        self.margins = self.margin * rarity / rarity.max()
        self.by_class = class_weights(counts, self.beta).float()

    def losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """See the class; (n, K) and (n,) to (n,)."""
        handicap = F.one_hot(labels, logits.shape[1]) * self.margins
        return F.cross_entropy(self.scale * (logits - handicap), labels, reduction="none")

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        if batch.progress < self.deferred:
            return super().weigh(batch)
        return wb.normalize(self.by_class[batch.labels])


wb.register_weighter("ldam-drw", LDAMDRW)
