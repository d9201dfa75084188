"""Tasks on which a rule can be worked out by hand: a network whose outputs are its inputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

import weightbench as wb
from weightbench.data.corruption import Corrupted, describe
from weightbench.training.batch import with_losses
from weightbench.training.batch_kinds import GivenBatch
from weightbench.training.random_streams import torch_stream
from weightbench.training.weighter import stream_of

COPIES = 60  # of each kind of example in the data set


@dataclasses.dataclass(frozen=True)
class Counts:
    """Leaves ``counts[k]`` examples of class k; labels stay true."""

    counts: tuple[int, ...]

    def __call__(self, labels: np.ndarray, num_classes: int, rng: np.random.Generator) -> Corrupted:
        kept = [np.flatnonzero(labels == k)[:count] for k, count in enumerate(self.counts)]
        index = np.sort(np.concatenate(kept))
        return describe(labels, labels[index], index, num_classes)


def same_outputs(data: wb.DataSet) -> nn.Module:
    """Outputs are inputs, until the first step."""
    layer = nn.Linear(data.num_classes, data.num_classes)
    nn.init.eye_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def toy(kinds: Sequence[Sequence[float]], labels: Sequence[int], counts: Sequence[int]) -> wb.Task:
    """A task of ``kinds`` of examples: the outputs the network has for each, and its label."""
    inputs = np.tile(np.array(kinds, np.float32), (COPIES, 1))
    data = wb.DataSet("toy", inputs, np.tile(np.array(labels, np.int64), COPIES), len(counts))
    return wb.Task(
        name="toy",
        dataset=data, corruption=Counts(tuple(counts)), holdout=wb.HoldoutPerClass(2),
        select=len(counts), test=len(counts), model=same_outputs,
        recipe=wb.Recipe(steps=20, batch_size=10),
    )  # fmt: skip


def first_batch(task: wb.Task, weighter: wb.Weighter | str) -> tuple[wb.Weighter, wb.Batch]:
    """A weighter that has begun, and the first batch of its run."""
    made = wb.make_weighter(weighter) if isinstance(weighter, str) else weighter
    run = wb.start(task, 0, weighter=made)
    return made, next(iter(run))


def of_labels(batch: wb.Batch, labels: Sequence[int]) -> wb.Batch:
    """Training examples of the run, one for each of ``labels``."""
    run = batch.run
    index = [int((run.labels == label).nonzero()[0]) for label in labels]
    return run.batch(torch.tensor(index))


class Imagined(GivenBatch):
    """At whatever time of the training."""

    at: float = 0.0

    @property
    def progress(self) -> float:
        return self.at


def of_losses(batch: wb.Batch, losses: Sequence[float], progress: float = 0.0) -> wb.Batch:
    """Any examples of the run of which the network thinks so: they have these ``losses``."""
    n = len(losses)
    made = Imagined(batch.run, batch.index[:n], batch.inputs[:n], batch.labels[:n])
    made.at = progress
    return with_losses(made, torch.tensor(losses, requires_grad=True))


def draws(task: wb.Task, weighter: wb.Weighter) -> torch.Generator:
    """The weighter's random stream of seed 0, from its start."""
    return torch_stream(task.stream, "weighter", 0, stream_of(weighter))


def trained(task: wb.Task, weighter: str, seed: int = 0) -> wb.Trainer:
    """A finished run."""
    run = wb.start(task, seed, weighter=wb.make_weighter(weighter))
    run.train()
    return run


def of_outputs(batch: wb.Batch, logits: Tensor, labels: Tensor, at: float = 0.0) -> Imagined:
    """The first examples of ``batch``, for which the network is to have said ``logits``.

    Losses are the run's own, in the precision of ``logits``, (n, K) with or without a graph.
    """
    n = len(labels)
    made = Imagined(batch.run, batch.index[:n], batch.inputs[:n], labels)
    made.at, made._logits = at, logits
    return made
