"""MentorNet with a learned, data-driven curriculum (Jiang et al., ICML 2018)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import weightbench as wb

from .mentornet import MentorNet

STAGES = 20  # equal parts of the schedule, each with an embedding of its own


class Mentor(nn.Module):
    """Logit of "this label is right" from loss, loss - lambda, label and stage of the training."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2, 10, batch_first=True)
        self.label = nn.Embedding(num_classes, 2)
        self.stage = nn.Embedding(STAGES, 5)
        self.head = nn.Sequential(nn.Linear(17, 20), nn.Tanh(), nn.Linear(20, 1))

    def forward(self, losses: Tensor, excess: Tensor, labels: Tensor, stage: Tensor) -> Tensor:
        """(n,) float from (n,) float losses and differences, (n,) int64 labels and stages."""
        _, (seen, _) = self.lstm(torch.stack([losses, excess], 1)[:, None])
        parts = [seen[0], self.label(labels), self.stage(stage)]
        logits: Tensor = self.head(torch.cat(parts, 1)).squeeze(1)
        return logits


class Watched(MentorNet):
    """A plain training that notes, once a stage, the hold-out's loss under every label."""

    def __init__(self, percentile: float, decay: float) -> None:
        super().__init__(percentile, decay)
        self.seen: dict[int, tuple[Tensor, Tensor]] = {}  # stage: (m, K) losses and lambda

    def weigh(self, batch: wb.Batch) -> Tensor:
        """Uniform."""
        threshold, stage = self.track(batch.losses.detach()), int(batch.progress * STAGES)
        if stage not in self.seen:
            losses = -batch.run.predict(on="holdout").log_softmax(1)
            self.seen[stage] = losses, threshold
        return torch.full_like(batch.losses, 1 / len(batch))


class MentorNetDD(MentorNet):
    """After the burn-in, ``v_i = sigmoid(mentor(l_i, l_i - lambda, label i, stage))``.

    The embeddings (2 and 5 wide) and the layer of 20 are the published ones; dropout, burn-in and
    lambda are those of ``mentornet``. Instead of downloading weights, ``begin`` trains the mentor:
    a plain side training shows what hold-out images cost under their right label and, as often,
    under a random wrong one, and the mentor learns to tell the two apart (Adam, ``fit_steps``).
    """

    def __init__(self, percentile: float = 0.75, decay: float = 0.5, fit_steps: int = 150) -> None:
        super().__init__(percentile, decay)
        self.fit_steps = fit_steps

    def begin(self, run: wb.Run) -> None:
        """Train the mentor."""
        watched = Watched(self.percentile, self.decay)
        run.fork(watched, "watched")
        self.mentor = run.build(lambda: Mentor(run.num_classes))
        fit(self.mentor, *lessons(watched.seen, run), self.fit_steps)

    @torch.no_grad()
    def values(self, batch: wb.Batch, losses: Tensor, excess: Tensor) -> Tensor:
        """See the class."""
        stage = torch.full_like(batch.labels, int(batch.progress * STAGES))
        value: Tensor = self.mentor(losses, excess, batch.labels, stage).sigmoid()
        return value


def lessons(
    seen: dict[int, tuple[Tensor, Tensor]], run: wb.Run
) -> tuple[tuple[Tensor, ...], Tensor]:
    """The mentor's arguments and, (n,) float, whether the label is right; n is stages x 2m."""
    right = run.holdout[1]
    rows = []
    for stage, (losses, threshold) in seen.items():
        shift = torch.randint(1, run.num_classes, right.shape, generator=run.generator)
        for labels in (right, (right + shift.to(right.device)) % run.num_classes):
            own = losses.gather(1, labels[:, None]).squeeze(1)
            truth = (labels == right).float()
            rows.append((own, own - threshold, labels, torch.full_like(labels, stage), truth))
    *arguments, truths = (torch.cat(column) for column in zip(*rows, strict=True))
    return tuple(arguments), truths


def fit(mentor: Mentor, arguments: tuple[Tensor, ...], truths: Tensor, steps: int) -> None:
    """Train ``mentor`` in place on all lessons at once."""
    optimizer = torch.optim.Adam(mentor.parameters(), lr=0.02)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(mentor(*arguments), truths)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


wb.register_weighter("mentornet-dd", MentorNetDD)
