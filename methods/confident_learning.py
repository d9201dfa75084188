"""Confident learning: drop labels that cross-validation contradicts (Northcutt et al., 2021)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

import weightbench as wb

from .uniform import Uniform


class ConfidentLearning(wb.Weighter):
    """Trains on what is left when out-of-sample predictions have told which labels are wrong.

    ``folds`` side trainings, each without one part of the data, predict that part; the joint of
    given and true labels is estimated from confident predictions, and as many examples of each
    off-diagonal cell are dropped as it says, the largest margins first. What is left counts
    ``1 / P(given k | true k)``, which makes up for what its class lost. Northcutt, Jiang & Chuang,
    JAIR 2021, section 3, with "prune by noise rate". Normalised over the batch. Costs
    ``folds`` + 1 trainings.
    """

    def __init__(self, folds: int = 5) -> None:
        if folds < 2:
            raise wb.errors.BadSpec(f"folds={folds}: nothing is out of sample with fewer than 2")
        self.folds = folds

    def begin(self, run: wb.Run) -> None:
        """Cross-validate, estimate, prune."""
        parts = stratified(run.labels, self.folds, run.generator)
        chances = cross_predicted(run, parts)
        joint = confident_joint(chances, run.labels)
        kept = ~pruned(chances, run.labels, joint)
        fidelity = (joint.diag() / joint.sum(0).clamp(min=1e-12)).clamp(min=1e-3)
        self.shares = (kept / fidelity[run.labels]).float()

    def weigh(self, batch: wb.Batch) -> Tensor:
        """See the class."""
        return wb.normalize(self.shares[batch.index])


def stratified(labels: Tensor, folds: int, generator: torch.Generator) -> Tensor:
    """(n,) int64, the part of each example, every class spread evenly; (n,) int64 labels."""
    order = torch.randperm(len(labels), generator=generator).to(labels.device)
    order = order[labels[order].argsort(stable=True)]
    places = torch.arange(len(labels), device=labels.device) % folds
    return torch.empty_like(labels).index_copy(0, order, places)


def cross_predicted(run: wb.Run, parts: Tensor) -> Tensor:
    """(n, K) probabilities, of each example from the network that was trained without its part."""
    chances = torch.zeros(len(parts), run.num_classes, device=parts.device)
    for part in range(int(parts.max()) + 1):
        inside = parts == part
        rows = (~inside).nonzero().squeeze(1)
        model = run.fork(Uniform(), f"without{part}", rows=rows)
        chances = torch.where(inside[:, None], run.predict(model).softmax(1), chances)
    return chances


def confident_joint(chances: Tensor, labels: Tensor) -> Tensor:
    """(K, K) float, the joint of given (row) and true (column) labels; sums to 1.

    An example counts for the likeliest of the classes of which it is sure, that is, likelier than
    the mean over the examples labelled so; rows are scaled to the shares of the given labels.
    Northcutt et al. 2021, section 3.

    Args:
        chances: (n, K) float, out of sample.
        labels: (n,) int64, as given.
    """
    given = F.one_hot(labels, chances.shape[1]).float()
    thresholds = (given.T @ chances).diag() / given.sum(0)  # not a number for an absent class
    sure = chances >= thresholds - 1e-6  # a class whose chances are all alike is sure of them
    true = F.one_hot((chances * sure).argmax(1), chances.shape[1]) * sure.any(1, keepdim=True)
    counts = given.T @ true.float()
    empty = counts.sum(1) == 0
    counts = counts + torch.diag(empty.float())
    return counts / counts.sum(1, keepdim=True) * given.mean(0)[:, None]


def pruned(chances: Tensor, labels: Tensor, joint: Tensor) -> Tensor:
    """(n,) bool: which labels are wrong, as many of each kind as the joint says.

    Of the examples labelled i, those with the largest ``chances[j] - chances[i]`` for each other j.
    """
    wrong = torch.zeros_like(labels, dtype=torch.bool)
    margins = chances - chances.gather(1, labels[:, None])
    for i, row in enumerate((joint * len(labels)).round().long().tolist()):
        members = (labels == i).nonzero().squeeze(1)
        for j, count in enumerate(row):
            if j != i:
                worst = margins[members, j].topk(min(count, len(members))).indices
                wrong[members[worst]] = True
    return wrong


wb.register_weighter("confident-learning", ConfidentLearning)
