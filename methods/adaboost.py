"""AdaBoost for several classes: SAMME (Zhu, Zou, Rosset & Hastie, Stat. Interface 2009)."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import weightbench as wb

_LEAST = (
    1e-6  # kept between an error rate and 0 or chance: every member has a finite, positive vote
)


class _Round(wb.Weighter):
    """``w_i`` proportional to example i's share of a fixed distribution."""

    def __init__(self, shares: Tensor) -> None:
        self.shares = shares

    def weigh(self, batch: wb.Batch) -> Tensor:
        return wb.normalize(self.shares[batch.index])


class AdaBoost(_Round):
    """``rounds`` trainings in a row, each counting more what the one before got wrong.

    All but the last are side trainings under the same schedule, so it costs ``rounds`` times plain
    training. The predictor is the vote of all rounds. See :func:`boosted` for the rule.
    """

    refuses: ClassVar = {
        "ft": "adaboost predicts by a vote of networks; there is none to be tuned",
        "llr": "adaboost predicts by a vote, which has no last layer",
        "posthoc": "adaboost predicts by a vote, which has no logits to adjust",
        "select": "adaboost predicts by a vote of networks, not with one network of one step",
    }

    def __init__(self, rounds: int = 4) -> None:
        self.rounds = rounds

    def begin(self, run: wb.Run) -> None:
        """All rounds but the last."""
        self.members, self.votes = nn.ModuleList(), torch.zeros(0)
        self.shares = torch.ones(len(run.labels), device=run.device)
        for i in range(1, self.rounds):
            self._join(run, run.fork(_Round(self.shares), f"round{i}"))

    def _join(self, run: wb.Run, member: nn.Module) -> None:
        wrong = run.predict(member).argmax(1) != run.labels
        self.shares, vote = boosted(self.shares, wrong, run.num_classes)
        self.members.append(member)
        self.votes = torch.cat([self.votes, torch.tensor([vote])])

    def finish(self, run: wb.Run) -> nn.Module:
        """The vote."""
        self._join(run, run.model)
        return Vote(self.members, self.votes)


def boosted(shares: Tensor, wrong: Tensor, num_classes: int) -> tuple[Tensor, float]:
    """The next distribution, mean 1, and the member's vote: Algorithm 2 (SAMME), step 2 (b) to (e).

    ``err = sum_i shares_i wrong_i / sum_i shares_i``, ``vote = log((1 - err) / err) + log(K - 1)``,
    and what was wrong counts ``exp(vote)`` times more.

    Args:
        shares: (n,) float.
        wrong: (n,) bool.
        num_classes: K.
    """
    error = float(shares[wrong].sum() / shares.sum())
    error = min(max(error, _LEAST), 1 - 1 / num_classes - _LEAST)
    odds = (1 - error) / error * (num_classes - 1)
    shares = torch.where(wrong, shares * odds, shares)
    return shares / shares.mean(), math.log(odds)


class Vote(nn.Module):
    """The sum of the members' votes, each for its most likely class."""

    def __init__(self, members: nn.ModuleList, votes: Tensor) -> None:
        super().__init__()
        self.members, self.votes = members, votes

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, K) float, from a batch of inputs."""
        outputs = torch.stack([member(inputs) for member in self.members])
        chosen = F.one_hot(outputs.argmax(2), outputs.shape[2]).float()
        return (self.votes.to(chosen)[:, None, None] * chosen).sum(0)


wb.register_weighter("adaboost", AdaBoost)
