"""RHO-LOSS: what is worth learning and not yet learnt (Mindermann et al., ICML 2022)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

import weightbench as wb

from .uniform import Uniform


class Rho(Uniform):
    """Of ``pool`` batches' worth of examples, a batch of those with the largest reducible loss.

    That is the loss less that of a network trained on the hold-out alone, once, in evaluation mode
    (Algorithm 1; they keep 32 of 320); of a smaller set a tenth is kept. Trained on a handful of
    clean examples, a network knows little of what is irreducible. Costs 1 + ``pool`` / 3.
    """

    def __init__(self, pool: int = 10) -> None:
        self.pool = pool

    def begin(self, run: wb.Run) -> None:
        """Train on the hold-out."""
        model = run.fork(Uniform(), "irreducible", on="holdout")
        self.irreducible = F.cross_entropy(run.predict(model), run.labels, reduction="none")

    def batches(self, run: wb.Run) -> Iterator[wb.Batch]:
        """See the class."""
        for batch in run.epochs(self.pool * run.recipe.batch_size):
            run.model.eval()  # a pass that is no step leaves running statistics alone
            with torch.no_grad(), run.autocast():
                logits: Tensor = run.model(batch.inputs)
            run.model.train()
            losses = F.cross_entropy(logits.float(), batch.labels, reduction="none")
            reducible = losses - self.irreducible[batch.index]
            chosen = reducible.topk(max(len(batch) // self.pool, 1)).indices
            yield run.batch(batch.index[chosen])


wb.register_weighter("rho", Rho)
