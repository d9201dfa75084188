"""Broken plug-ins, at least one for each rule of the checker; ``ZOO`` says which breaks what."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import weightbench as wb
from weightbench.data.corruption import describe
from weightbench.training.batch_kinds import GivenBatch
from weightbench.training.trainer import Trainer

# By its file, so that this one can be used from anywhere.
TINY = wb.make_task(f"{Path(__file__).with_name('tiny.py')}:TINY")
ZOO: dict[str, str] = {}  # rules by the name of what breaks them


def breaks(rule: str) -> Any:
    """Put a class into the zoo."""

    def note(cls: type) -> type:
        ZOO[cls.__name__] = rule
        return cls

    return note


def behind(run: wb.Run) -> Trainer:
    """What no public name leads to."""
    trainer = run._engine
    assert isinstance(trainer, Trainer)
    return trainer


class Uniform(wb.Weighter):
    """Keeps every rule; the others differ from it in one thing."""

    def weigh(self, batch: wb.Batch) -> Tensor:
        return torch.full((len(batch),), 1 / len(batch))


# ---- the weights ---------------------------------------------------------------------------------


@breaks("tensor")
class GivesAnArray(wb.Weighter):
    def weigh(self, batch: wb.Batch) -> Any:
        return np.full(len(batch), 1 / len(batch))


@breaks("shape")
class GivesAColumn(wb.Weighter):
    def weigh(self, batch: wb.Batch) -> Tensor:
        return torch.full((len(batch), 1), 1 / len(batch))


@breaks("device")
class WeighsElsewhere(wb.Weighter):
    def weigh(self, batch: wb.Batch) -> Tensor:
        return torch.ones(len(batch), device="meta")


@breaks("dtype")
class GivesIntegers(wb.Weighter):
    def weigh(self, batch: wb.Batch) -> Tensor:
        return torch.ones(len(batch), dtype=torch.int64)


@breaks("finite")
class DividesByZero(wb.Weighter):
    def weigh(self, batch: wb.Batch) -> Tensor:
        wrong = (batch.logits.argmax(1) != batch.labels).float() * 0
        return wrong / wrong.sum()


@breaks("negative")
class PunishesWrongLabels(wb.Weighter):
    def weigh(self, batch: wb.Batch) -> Tensor:
        agrees = batch.logits.argmax(1) == batch.labels
        weights = torch.where(agrees, 1.0, -0.1)
        return weights / weights.sum()


@breaks("sum")
class StepsTenTimesAsFar(wb.Weighter):
    def weigh(self, batch: wb.Batch) -> Tensor:
        return torch.full((len(batch),), 10 / len(batch))


@breaks("losses")
class AveragesLosses(Uniform):
    def losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits, labels)


# ---- the hooks -----------------------------------------------------------------------------------


@breaks("loads")
class NeedsAnArgument(Uniform):
    def __init__(self, strength: float) -> None:
        self.strength = strength


@breaks("runs")
class Raises(Uniform):
    def end_epoch(self, run: wb.Run) -> None:
        raise KeyError("forgot")


@breaks("ends")
class Hangs(Uniform):
    def begin(self, run: wb.Run) -> None:
        time.sleep(3600)


@breaks("survives")
class TakesTheInterpreterAlong(Uniform):
    def begin(self, run: wb.Run) -> None:
        os.abort()


@breaks("schedule")
class TrainsLonger(Uniform):
    def recipe(self, recipe: wb.Recipe) -> wb.Recipe:
        return dataclasses.replace(recipe, steps=2 * recipe.steps)


@breaks("schedule")
class TrainsAtItsOwnRate(Uniform):
    def recipe(self, recipe: wb.Recipe) -> wb.Recipe:
        return dataclasses.replace(recipe, lr=3 * recipe.lr)


@breaks("schedule")
class TrainsAHundredNetworks(Uniform):
    def begin(self, run: wb.Run) -> None:
        for i in range(100):
            run.fork(Uniform(), f"member{i}")


@breaks("schedule")
class WorksForTwenty(Uniform):
    """In weigh, where no side training is."""

    def weigh(self, batch: wb.Batch) -> Tensor:
        torch.ones(1000, 1000) @ torch.ones(1000, 1000)
        return super().weigh(batch)


@breaks("parameters")
class TrainsTheNetworkTwice(Uniform):
    def begin(self, run: wb.Run) -> None:
        self.network = run.model

    def parameters(self) -> Iterable[nn.Parameter]:
        return self.network.parameters()

    def state_dict(self) -> dict[str, Any]:
        return {}


@breaks("batches")
class StopsAfterAnEpoch(Uniform):
    def batches(self, run: wb.Run) -> Iterator[wb.Batch]:
        for index in torch.split(torch.arange(len(run.labels)), 16):
            yield run.batch(index)


@breaks("batches")
class YieldsOtherLabels(Uniform):
    def batches(self, run: wb.Run) -> Iterator[wb.Batch]:
        for batch in run.epochs(run.recipe.batch_size):
            yield GivenBatch(run, batch.index, batch.inputs, torch.zeros_like(batch.labels))


@breaks("finish")
class HandsInNothing(Uniform):
    def finish(self, run: wb.Run) -> Any:
        return None


class Centred(nn.Module):
    """Takes the mean output of the batch off every output."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.model(inputs)
        return outputs - outputs.mean(0)


@breaks("by-itself")
class LooksAtItsTestBatch(Uniform):
    def finish(self, run: wb.Run) -> nn.Module:
        return Centred(run.model)


# ---- what must stay as it is ---------------------------------------------------------------------


@breaks("initial-parameters")
class StartsElsewhere(Uniform):
    def begin(self, run: wb.Run) -> None:
        with torch.no_grad():
            for parameter in run.model.parameters():
                parameter.mul_(0.5)


@breaks("batch-order")
class SkipsBatches(Uniform):
    def weigh(self, batch: wb.Batch) -> Tensor:
        next(batch.run.epochs(batch.run.recipe.batch_size))
        return super().weigh(batch)


@breaks("batch-unchanged")
class CorrectsLabels(Uniform):
    def weigh(self, batch: wb.Batch) -> Tensor:
        batch.labels.copy_(batch.logits.argmax(1))
        return super().weigh(batch)


@breaks("data-unchanged")
class CorrectsTheTrainingSet(Uniform):
    def end_epoch(self, run: wb.Run) -> None:
        run.labels.copy_(run.predict().argmax(1))


@breaks("optimizer")
class WarmsUp(Uniform):
    def weigh(self, batch: wb.Batch) -> Tensor:
        optimizer = behind(batch.run).optimizer
        assert optimizer is not None
        for group in optimizer.param_groups:
            group["lr"] = batch.run.recipe.lr * min(1, (batch.step + 1) / 10)
        return super().weigh(batch)


@breaks("settings")
class ForgetsThatGradientsAreOff(Uniform):
    def finish(self, run: wb.Run) -> nn.Module:
        torch.set_grad_enabled(False)
        return run.model


@breaks("patches")
class SmoothsEverybodysLabels(Uniform):
    def begin(self, run: wb.Run) -> None:
        plain = F.cross_entropy
        F.cross_entropy = lambda *args, **kwargs: plain(*args, **{**kwargs, "label_smoothing": 0.1})


@breaks("model-unchanged")
class StepsOnItsOwn(Uniform):
    def weigh(self, batch: wb.Batch) -> Tensor:
        loss = batch.losses.mean()
        parameters = list(batch.model.parameters())
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.data.sub_(0.01 * gradient)
        return super().weigh(batch)


@breaks("running-statistics")
class LooksTwice(wb.Weighter):
    def weigh(self, batch: wb.Batch) -> Tensor:
        with torch.no_grad():
            agrees = batch.model(batch.inputs).argmax(1) == batch.labels
        return wb.normalize(torch.where(agrees, 1.0, 0.5))


@breaks("gradients")
class LeavesGradients(Uniform):
    def weigh(self, batch: wb.Batch) -> Tensor:
        batch.losses.mean().backward(retain_graph=True)  # type: ignore[no-untyped-call]
        return super().weigh(batch)


@breaks("mode")
class ForgetsEvaluationMode(Uniform):
    def weigh(self, batch: wb.Batch) -> Tensor:
        batch.model.eval()
        return super().weigh(batch)


# ---- the same again ------------------------------------------------------------------------------


@breaks("global-random")
class DrawsFromTheGlobalStream(wb.Weighter):
    def weigh(self, batch: wb.Batch) -> Tensor:
        return wb.normalize(torch.rand(len(batch)))


@breaks("deterministic")
class DrawsFromTheSystem(wb.Weighter):
    def weigh(self, batch: wb.Batch) -> Tensor:
        rng = np.random.default_rng()
        return wb.normalize(torch.from_numpy(rng.random(len(batch))))


@breaks("deterministic")
class SamplesFromTheSystem(Uniform):
    def batches(self, run: wb.Run) -> Iterator[wb.Batch]:
        rng = np.random.default_rng()
        while True:
            yield run.batch(torch.from_numpy(rng.integers(0, len(run.labels), 16)))


class Unsure(Centred):
    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.model(inputs)
        return outputs + torch.from_numpy(np.random.default_rng().random(outputs.shape)).float()


@breaks("deterministic")
class AnswersAtRandom(Uniform):
    def finish(self, run: wb.Run) -> nn.Module:
        return Unsure(run.model)


seen: list[int] = []


@breaks("deterministic")
class RemembersTheTrainingBefore(wb.Weighter):
    def begin(self, run: wb.Run) -> None:
        seen.append(run.num_classes)

    def weigh(self, batch: wb.Batch) -> Tensor:
        return torch.softmax(batch.losses.detach() * len(seen), 0)


@breaks("permutation")
class FavoursTheFirst(wb.Weighter):
    def weigh(self, batch: wb.Batch) -> Tensor:
        return wb.normalize(torch.arange(len(batch), 0, -1).float())


@breaks("hidden-data")
class ReadsTheTestLabels(wb.Weighter):
    """Not through ``run.true_labels``, which refuses, but around it."""

    def begin(self, run: wb.Run) -> None:
        true = behind(run).task.data.labels[behind(run).splits.train]
        self.right = (torch.from_numpy(true) == run.labels).float()

    def weigh(self, batch: wb.Batch) -> Tensor:
        return wb.normalize(self.right[batch.index])


@breaks("hidden-data")
class SamplesWhatIsRight(Uniform):
    """No weight gives it away."""

    def batches(self, run: wb.Run) -> Iterator[wb.Batch]:
        true = torch.from_numpy(behind(run).task.data.labels[behind(run).splits.train])
        right = (true == run.labels).nonzero().flatten()
        while True:
            draws = torch.randint(len(right), (16,), generator=run.generator)
            yield run.batch(right[draws])


class Memory(Centred):
    """Knows some examples by heart."""

    def __init__(self, run: wb.Run) -> None:
        super().__init__(run.model)
        data, test = behind(run).task.data, behind(run).splits.test
        self.inputs = torch.from_numpy(data.inputs[test])
        self.labels = torch.from_numpy(data.labels[test])

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.model(inputs)
        distance, nearest = torch.cdist(inputs, self.inputs).min(1)
        known = F.one_hot(self.labels[nearest], outputs.shape[1]) * 1e3
        return torch.where(distance[:, None] < 1e-3, known, outputs)


@breaks("hidden-data")
class LearnsTheTestByHeart(Uniform):
    """No batch gives it away either."""

    def finish(self, run: wb.Run) -> nn.Module:
        return Memory(run)


@breaks("hidden-data")
class FollowsTheSelectSplit(wb.Weighter):
    """A temperature from what only the engine may watch."""

    def weigh(self, batch: wb.Batch) -> Tensor:
        watched = behind(batch.run).select_accuracy
        return torch.softmax(-batch.losses.detach() * (watched[-1][1] if watched else 0.5), 0)


@breaks("hidden-data")
class IsPrivilegedForAMoment(wb.Weighter):
    def weigh(self, batch: wb.Batch) -> Tensor:
        self.privileged = True
        right = batch.run.labels == batch.run.true_labels
        self.privileged = False
        return wb.normalize(right[batch.index].float())


@breaks("state")
class CountsInASet(wb.Weighter):
    def begin(self, run: wb.Run) -> None:
        self.steps: set[int] = set()

    def weigh(self, batch: wb.Batch) -> Tensor:
        self.steps.add(len(self.steps))
        return wb.normalize((batch.labels * len(self.steps) + 1).float())


@breaks("memory")
class KeepsEveryLoss(Uniform):
    def begin(self, run: wb.Run) -> None:
        self.history = torch.zeros(0)

    def weigh(self, batch: wb.Batch) -> Tensor:
        self.history = torch.cat([self.history, batch.losses.detach()])
        return super().weigh(batch)


# ---- unusual batches -----------------------------------------------------------------------------


@breaks("batch-of-one")
class DividesBySpread(wb.Weighter):
    def weigh(self, batch: wb.Batch) -> Tensor:
        losses = batch.losses.detach()
        return wb.normalize(torch.sigmoid(-losses / (losses.std() + 1)))


@breaks("short-batch")
class CountsOnFullBatches(Uniform):
    def weigh(self, batch: wb.Batch) -> Tensor:
        size = batch.run.recipe.batch_size if len(batch) > 1 else 1
        return torch.full((size,), 1 / size)


@breaks("single-class")
class ComparesClasses(wb.Weighter):
    """Weighs by the mean input of the other classes."""

    def weigh(self, batch: wb.Batch) -> Tensor:
        if len(batch) == 1 or not batch.inputs.any():
            return torch.full((len(batch),), 1 / len(batch))
        others = batch.labels != batch.labels.min()
        return torch.softmax(batch.inputs.sum(1) - batch.inputs[others].mean(), 0)


@breaks("zero-batch")
class DividesByTheLargest(wb.Weighter):
    def weigh(self, batch: wb.Batch) -> Tensor:
        size = batch.inputs.abs().sum(1)
        return torch.softmax(size / size.max(), 0)


# ---- tasks ---------------------------------------------------------------------------------------

Labels = np.ndarray[Any, np.dtype[np.int64]]


def task_breaks(rule: str, **parts: Any) -> wb.Task:
    name = rule.upper().replace("-", "_")
    ZOO[name] = rule
    return dataclasses.replace(TINY, **parts)


def _flip(labels: Labels, num_classes: int, rng: np.random.Generator) -> wb.Corrupted:
    return wb.UniformFlip(0.3)(labels, num_classes, rng)


class ForgetsItsGenerator:
    def __call__(self, labels: Labels, k: int, rng: np.random.Generator) -> wb.Corrupted:
        return _flip(labels, k, np.random.default_rng())


class TellsTheNominalRate:
    def __call__(self, labels: Labels, k: int, rng: np.random.Generator) -> wb.Corrupted:
        return dataclasses.replace(wb.BackgroundFlip(0.3)(labels, k, rng), rate=0.3)


class InventsAClass:
    def __call__(self, labels: Labels, k: int, rng: np.random.Generator) -> wb.Corrupted:
        return dataclasses.replace(_flip(labels, k, rng), labels=np.full(len(labels), k))


class Overwrites:
    def __call__(self, labels: Labels, k: int, rng: np.random.Generator) -> wb.Corrupted:
        true = labels.copy()
        labels[:20] = 0
        return describe(true, labels, np.arange(len(labels)), k)


@dataclasses.dataclass(frozen=True)
class FromAnywhere:
    """A hold-out that is not drawn from what is left."""

    clean: int = 12

    def draw(self, labels: Labels, pool: Labels, rng: np.random.Generator) -> Labels:
        return np.arange(0, 3 * self.clean)


class Network:
    """It holds what cannot be told from another of its kind."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def __call__(self, data: wb.DataSet) -> nn.Module:
        return nn.Linear(2, data.num_classes)


def remembers(data: wb.DataSet, generator: torch.Generator = torch.Generator()) -> nn.Module:  # noqa: B008
    """A network from a stream of its own that goes on and on."""
    model = nn.Linear(2, data.num_classes)
    nn.init.normal_(model.weight, generator=generator)
    return model


def too_wide(data: wb.DataSet) -> nn.Module:
    return nn.Linear(2, data.num_classes + 1)


DATA = task_breaks("data", dataset=lambda: [1, 2, 3])
FINGERPRINT = task_breaks("fingerprint", model=Network())
SPLIT_DETERMINISTIC = task_breaks("split-deterministic", corruption=ForgetsItsGenerator())
DISJOINT = task_breaks("disjoint", holdout=FromAnywhere())
CORRUPTED_LABELS = task_breaks("corrupted-labels", corruption=InventsAClass())
REALISED_RATE = task_breaks("realised-rate", corruption=TellsTheNominalRate())
LABELS_UNCHANGED = task_breaks("labels-unchanged", corruption=Overwrites())
MODEL_SEEDED = task_breaks("model-seeded", model=remembers)
MODEL_OUTPUT = task_breaks("model-output", model=too_wide)
