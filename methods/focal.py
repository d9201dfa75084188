"""Focal loss, which counts what is learnt already less (Lin et al., ICCV 2017)."""

from __future__ import annotations

import torch
from torch import Tensor

import weightbench as wb


class Focal(wb.Weighter):
    """``-(1 - p)^gamma log p``, p the probability of the given label, as weights.

    ``w_i = ((1 - p)^gamma - gamma p (1 - p)^(gamma - 1) log p) / n`` takes its very step: the
    gradient goes through the factor, too, so weights rise above 1/n where the label is unlikely
    (to 1.14 at gamma 1, 1.22 at 2), which the form with a detached factor never does. Lin, Goyal,
    Girshick, He & Dollar, ICCV 2017, equation 4, for a softmax; gamma 2 is theirs, 1 is usual for
    classes of unequal size. Not normalised over the batch. Under label noise it is a control: what
    is wrong counts most. Costs a plain step.
    """

    normalized = False

    def __init__(self, gamma: float = 2.0) -> None:
        self.gamma = gamma

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        return focal_factor(batch.losses.detach(), self.gamma) / len(batch)


def focal_factor(losses: Tensor, gamma: float) -> Tensor:
    """What the focal loss multiplies the gradient of cross-entropy by.

    Written with ``-log p / (1 - p)``, which is 1 where p is 1.

    Args:
        losses: (n,) float, cross-entropies.
        gamma: at least 0.

    Returns:
        (n,) float, finite.
    """
    losses = losses.clamp(min=torch.finfo(losses.dtype).tiny)
    unsure = -torch.expm1(-losses)
    return unsure**gamma * (1 + gamma * (-losses).exp() * losses / unsure)


wb.register_weighter("focal", Focal)
