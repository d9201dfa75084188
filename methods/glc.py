"""Gold loss correction: a transition matrix from trusted data (Hendrycks et al., NeurIPS 2018)."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

import weightbench as wb

from .uniform import Uniform

_TINY = 1e-30  # in place of 0 before a logarithm


class GLC(Uniform):
    """``-log (C' p)_y`` on the noisy labels and ``-log p_y`` on the hold-out's; uniform weights.

    C_tk, the chance that true class t is labelled k, is the mean prediction for the hold-out's
    examples of class t by a first, plain training from the same initial parameters. The hold-out
    then is trained on as well: each batch has as large a share of it as the data, one example at
    least. Hendrycks, Mazeika, Wilson & Gimpel, NeurIPS 2018, Algorithm 1. Costs two trainings.
    """

    def begin(self, run: wb.Run) -> None:
        """The first training, and what it makes of the hold-out."""
        plain = run.fork(Uniform(), "noisy", model=copy.deepcopy(run.model))
        chances = run.predict(plain, on="holdout").softmax(1)
        self.transition = mean_of_classes(chances, run.holdout[1])

    def batches(self, run: wb.Run) -> Iterator[wb.Batch]:
        """Training and hold-out examples together."""
        size, held = run.recipe.batch_size, len(run.holdout[1])
        gold = max(round(size * held / (held + len(run.labels))), 1)
        for batch in run.epochs(max(size - gold, 1)):
            yield run.join(batch, run.clean_batch(gold))

    def losses(self, logits: Tensor, labels: Tensor, batch: wb.Batch) -> Tensor:  # type: ignore[override]
        """See the class; (n, K) and (n,) to (n,)."""
        given = self.transition.clamp(min=_TINY).log()[:, labels].T
        corrected = -(logits.log_softmax(1) + given).logsumexp(1)
        plain = F.cross_entropy(logits, labels, reduction="none")
        return torch.where(batch.held_out_rows, plain, corrected)


def mean_of_classes(chances: Tensor, labels: Tensor) -> Tensor:
    """The mean of the rows of each label, (K, K); of a label that is absent, itself for sure.

    Args:
        chances: (m, K) float.
        labels: (m,) int64.
    """
    members = F.one_hot(labels, chances.shape[1]).to(chances)
    counts = members.sum(0)[:, None]
    known = members.T @ chances / counts.clamp(min=1)
    return torch.where(counts > 0, known, torch.eye(len(known)).to(known))


wb.register_weighter("glc", GLC)
