"""Co-teaching: two networks choose small losses for each other (Han et al., NeurIPS 2018)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

import weightbench as wb

from ._noise_rate import noise_rate


class CoTeachingAlone(wb.Weighter):
    """Keeps the share R of each batch with the smallest losses, uniformly.

    ``R = 1 - rate * min(t / ramp, 1)`` after t passes over the training set. A rate that is not
    given is estimated at the end of each pass from the losses last seen (Li et al. 2020's mixture).
    That one network may do as well as two was noted by users of the authors' code: what matters is
    that R falls slowly. Here it matters the more, since the first estimates are poor: classes that
    are learned late look wrong, and once they are dropped they are never learned. Costs a plain
    step and a number for each example.
    """

    def __init__(self, noise: float | None = None, ramp: float = 10) -> None:
        if noise is not None and not 0 <= noise < 1:
            raise wb.errors.BadSpec(f"noise={noise}: must be in [0, 1)")
        if not ramp > 0:
            raise wb.errors.BadSpec(f"ramp={ramp}: must be above 0")
        self.noise, self.told_noise = noise, noise is not None
        self.ramp = ramp

    def begin(self, run: wb.Run) -> None:
        """Nothing is known, and all are kept."""
        self.rate = self.noise or 0.0
        self.seen = torch.zeros(len(run.labels), device=run.device)

    def end_epoch(self, run: wb.Run) -> None:
        """Estimate the rate."""
        if self.noise is None:
            self.rate = noise_rate(self.seen, run.generator)

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        losses = batch.losses.detach()
        self.seen[batch.index] = losses
        return self.kept(losses, _passes(batch))

    def kept(self, losses: Tensor, passes: float) -> Tensor:
        """Uniform weights of the smallest losses, at least one, (n,) float to (n,) float."""
        share = 1 - self.rate * min(passes / self.ramp, 1.0)
        count = max(int(share * len(losses)), 1)
        chosen = losses.topk(count, largest=False).indices
        return wb.normalize(torch.zeros_like(losses).index_fill(0, chosen, 1.0))


class CoTeaching(CoTeachingAlone):
    """As :class:`CoTeachingAlone`, by the losses of another network, which is taught in turn.

    Han, Yao, Yu, Niu, Xu, Hu, Tsang & Sugiyama, NeurIPS 2018, Algorithm 1. They are told the rate,
    and R falls in ten of their 200 epochs. The first network is judged; the second has the recipe's
    optimiser. (Their code divides losses twice by the number kept, which their Adam hides.) Costs
    two plain steps.
    """

    def begin(self, run: wb.Run) -> None:
        """Build the other network."""
        super().begin(run)
        self.other = run.new_model("other").train()
        self.optimizer = run.optimizer(self.other)

    def weigh(self, batch: wb.Batch) -> Tensor:
        """Teach the other network, and be taught by it."""
        with batch.run.autocast():
            outputs = self.other(batch.inputs)
        theirs = F.cross_entropy(outputs.float(), batch.labels, reduction="none")
        for group in self.optimizer.param_groups:
            group["lr"] = batch.run.recipe.rate_at(batch.step)
        self.optimizer.zero_grad()
        theirs.backward(super().weigh(batch))  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return self.kept(theirs.detach(), _passes(batch))


def _passes(batch: wb.Batch) -> float:
    """Over the training set, before this step."""
    recipe = batch.run.recipe
    return batch.progress * recipe.steps * recipe.batch_size / len(batch.run.labels)


wb.register_weighter("co-teaching", CoTeaching)
wb.register_weighter("co-teaching-alone", CoTeachingAlone)
