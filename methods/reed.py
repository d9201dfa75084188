"""Bootstrapping: the network's own opinion is part of the target (Reed et al., 2015)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

import weightbench as wb

from .uniform import Uniform


class Reed(Uniform):
    """``loss = beta CE(y) + (1 - beta) CE(q)``, uniform weights.

    q is the softmax of the outputs, or the one-hot of the largest where ``hard``. beta is .95 for
    soft and .8 for hard (Ren et al. 2018, section 4.2). No gradient flows through q, as in Ren et
    al.'s released code; ``detached=false`` is Reed et al.'s own soft loss, in which it does.
    """

    def __init__(self, beta: float = 0.95, hard: bool = False, detached: bool = True) -> None:
        self.beta = beta
        self.hard = hard
        self.detached = detached

    def losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """See the class; (n, K) and (n,) to (n,)."""
        own = logits.argmax(1) if self.hard else self._softmax(logits)
        given = F.cross_entropy(logits, labels, reduction="none")
        return self.beta * given + (1 - self.beta) * F.cross_entropy(logits, own, reduction="none")

    def _softmax(self, logits: Tensor) -> Tensor:
        soft = logits.softmax(1)
        return soft.detach() if self.detached else soft


wb.register_weighter("reed-soft", Reed)
wb.register_weighter("reed-hard", Reed, beta=0.8, hard=True)
