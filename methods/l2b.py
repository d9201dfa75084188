"""Learning to bootstrap: how far to trust a label and how far a prediction (Zhou et al., 2024)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

import weightbench as wb


class L2B(wb.Weighter):
    """``a_i CE(label) + b_i CE(prediction)``, each as much as it helps the hold-out.

    a and b are the alignments of the two losses with the hold-out's gradient, clamped at 0 and
    divided by the sum over the batch: Learning to Reweight on 2n examples. Zhou et al., CVPR 2024;
    their virtual step has the momentum and decay of the real one, this has none. Both alignments
    come of one tangent, which costs 1.67 + r plain steps, r the hold-out's share of a batch.
    """

    def begin(self, run: wb.Run) -> None:
        """The target of each example is its label."""
        self.targets = F.one_hot(run.labels, run.num_classes).float()

    def weigh(self, batch: wb.Batch) -> Tensor:
        """``a_i + b_i``; the target becomes ``(a_i label + b_i prediction) / (a_i + b_i)``."""
        tangent, logits = batch.tangent(), batch.logits.detach()
        each = logits.new_ones(logits.shape[1]).diag()  # one_hot would wait for the device
        both = each[torch.stack([batch.labels, logits.argmax(1)])]
        helps = ((logits.softmax(1) - both) * tangent).sum(2)
        parts = wb.normalize(helps.flatten()).view_as(helps)
        weights = parts.sum(0)
        mixed = (parts[:, :, None] * both).sum(0) / weights.clamp(min=1e-30)[:, None]
        self.targets[batch.index] = torch.where(weights[:, None] > 0, mixed, both[0]).float()
        return weights

    def losses(self, logits: Tensor, labels: Tensor, batch: wb.Batch) -> Tensor:  # type: ignore[override]
        """Cross-entropy against the targets, (n, K) and (n,) to (n,); of the hold-out, labels."""
        target = labels if batch.held_out else self.targets[batch.index].to(logits)
        return F.cross_entropy(logits, target, reduction="none")


wb.register_weighter("l2b", L2B)
