"""Replayed steps leave the bits of eager ones; where they might not, steps stay eager.

Twice: replaying the step's Python on static buffers, and replaying a recording of its operations,
which knows as little of Python as the CUDA graph it stands for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from weightbench.tasks.networks import lenet, resnet32, tiny_transformer

import weightbench as wb
from tests.tape import count_no_weights, taped
from tests.training.test_checkpoint import StopAt, saved
from tests.training.test_pairing import IMAGES
from weightbench.evaluation.trial import weights_of
from weightbench.registry import WEIGHTERS
from weightbench.training import replay
from weightbench.training.checkpoint import Checkpoint
from weightbench.training.replay import Replay, stepper
from weightbench.training.trainer import Stepper, eager
from weightbench.training.weight_log import WeightLog

REPLAYED = {
    "adaboost", "class-balanced", "confident-learning", "elr", "focal", "gce", "in-run-shapley",
    "jtt", "l2b", "l2rw", "l2rw-auto", "l2rw-fused", "l2rw-layerwise", "logit-adjust", "mae",
    "oracle", "proportion", "reed-hard", "reed-soft", "s-model", "sce",
    "superloss", "uniform", "weighted",
}  # fmt: skip


def coupled(data: wb.DataSet) -> nn.Module:
    """With batch norm, whose running statistics move."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(72, data.num_classes),
    )  # fmt: skip


def tasks() -> dict[str, wb.Task]:
    """Tables, images with augmentation, batch norm, bfloat16; the learning rate falls in all."""
    tiny = wb.make_task(f"{Path(__file__).parents[1] / 'plugins' / 'tiny.py'}:TINY")
    recipe = dataclasses.replace(IMAGES.recipe, steps=24, weight_decay=1e-3)
    images = dataclasses.replace(IMAGES, recipe=recipe)
    narrow = dataclasses.replace(recipe, bf16="always")
    return {
        "table": dataclasses.replace(tiny, recipe=dataclasses.replace(tiny.recipe, steps=24)),
        "images": images,
        "batch norm": dataclasses.replace(images, model=coupled),
        "bfloat16": dataclasses.replace(images, model=coupled, recipe=narrow),
    }


TASKS = tasks()


@pytest.fixture(params=["python", "tape"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a captured step is done again."""
    count_no_weights(monkeypatch)
    if request.param == "tape":
        monkeypatch.setattr(replay, "captured", taped)
    return str(request.param)


def begun(
    task: wb.Task, weighter: str | wb.Weighter, stepper: Stepper = eager, device: str = "cpu"
) -> wb.Trainer:
    made = wb.make_weighter(weighter) if isinstance(weighter, str) else weighter
    return wb.start(task, 3, made, device, stepper=stepper)


def steps(run: wb.Trainer, step: Callable[[wb.Batch], object]) -> list[Tensor]:
    """Take all steps; the losses of each."""
    losses = []
    for batch in run:
        step(batch)
        losses.append(batch.losses.detach().clone())
    return losses


def outcome(run: wb.Trainer) -> dict[str, Any]:
    """Everything a training leaves, in a form that ``==`` compares."""
    (log,) = (w for w in run.watchers if isinstance(w, WeightLog))
    weights = weights_of(log, run)
    return {
        "network": [t.tolist() for t in run.finish().state_dict().values()],
        "weights": weights and weights.pack(),
        "select": run.select_accuracy,
        "used_holdout": run.used_holdout,
        "last": run.test_predictions().tolist(),
        "selected": run.test_predictions(selected=True).tolist(),
    }


def both_ways(task: wb.Task, weighter: str | Callable[[], wb.Weighter]) -> Replay:
    """Train with eager and with replayed steps and see that nothing differs."""
    runs = [begun(task, weighter if isinstance(weighter, str) else weighter()) for _ in range(2)]
    plain, other = runs
    taker = Replay(other)
    expected, got = steps(plain, plain.weigh_and_step), steps(other, taker.step)
    assert all(torch.equal(a, b) for a, b in zip(expected, got, strict=True))
    assert outcome(plain) == outcome(other)
    return taker


@pytest.mark.parametrize("name", WEIGHTERS.names())
def test_a_replayed_training_has_the_bits_of_an_eager_one(name: str, way: str) -> None:
    taker = both_ways(TASKS["table"], name)
    assert (taker.reason is None) == (name in REPLAYED), taker.reason
    # Three steps are watched; after each of three rates' captures, two are taken both ways.
    assert taker.replayed == (24 - 3 - 3 * 2 if name in REPLAYED else 0)


@pytest.mark.parametrize("kind", ["images", "batch norm", "bfloat16"])
@pytest.mark.parametrize("name", ["uniform", "l2rw", "l2rw-auto", "l2rw-fused", "s-model"])
def test_images_batch_norm_and_bfloat16_are_replayed(name: str, kind: str, way: str) -> None:
    assert both_ways(TASKS[kind], name).replayed > 0


def noise(channels: int, size: int, model: Callable[[wb.DataSet], nn.Module]) -> wb.Task:
    pixels = np.random.default_rng(0).integers(0, 256, (90, size, size, channels), dtype=np.uint8)
    data = wb.DataSet("noise", pixels, np.arange(90, dtype=np.int64) % 3, 3)
    recipe = wb.Recipe(steps=8, batch_size=10, clean_batch=4, lr=0.01, milestones=())
    return wb.Task(
        name="noise", dataset=data, corruption=wb.UniformFlip(0.2), holdout=wb.HoldoutPerClass(3),
        select=6, test=6, model=model, recipe=recipe,
    )  # fmt: skip


@pytest.mark.parametrize(
    "task",
    [
        noise(1, 28, lambda data: lenet(3)),
        noise(3, 8, lambda data: resnet32(3)),
        noise(1, 8, lambda data: tiny_transformer(1, 8, 3)),
    ],
    ids=["lenet", "resnet32", "transformer"],
)
@pytest.mark.parametrize("name", ["l2rw", "l2rw-auto"])
def test_built_in_networks_are_replayed(
    name: str, task: wb.Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_no_weights(monkeypatch)
    monkeypatch.setattr(replay, "captured", taped)
    assert both_ways(task, name).replayed == 3


@pytest.mark.parametrize("name", ["l2rw-auto", "s-model+conf+es+ft"])
def test_train_replays_side_trainings_too(name: str, way: str) -> None:
    plain, other = begun(TASKS["batch norm"], name), begun(TASKS["batch norm"], name, stepper)
    plain.train()
    other.train()
    assert outcome(plain) == outcome(other)


@pytest.mark.parametrize("stop", [2, 5, 13, 23])
def test_going_on_with_replayed_steps_changes_no_bit(stop: int, way: str, tmp_path: Path) -> None:
    def going_on(checkpoint: Checkpoint) -> wb.Trainer:
        made = wb.make_weighter("l2rw-fused")
        return saved(TASKS["batch norm"], made, checkpoint, stepper)

    plain = begun(TASKS["batch norm"], "l2rw-fused")
    plain.train()
    with pytest.raises(KeyboardInterrupt):
        going_on(StopAt(tmp_path / "a.pt", stop)).train()
    other = going_on(Checkpoint(tmp_path / "a.pt"))
    other.train()
    assert outcome(plain) == outcome(other)


# ---- what stays eager ----------------------------------------------------------------------------


class Plain(wb.Weighter):
    """Uniform, as if it came with weightbench."""

    def __init_subclass__(cls) -> None:
        cls.__module__ = "weightbench.methods.made_up"

    def weigh(self, batch: wb.Batch) -> Tensor:
        return torch.full((len(batch),), 1 / len(batch))


class Steps(Plain):
    def weigh(self, batch: wb.Batch) -> Tensor:
        return super().weigh(batch) * (1 + batch.step % 2)


class CleanSteps(Plain):
    def weigh(self, batch: wb.Batch) -> Tensor:
        return super().weigh(batch) * (1 + batch.clean().progress)


class Rebinds(Plain):
    def __init__(self) -> None:
        self.mean = torch.zeros(())

    def weigh(self, batch: wb.Batch) -> Tensor:
        self.mean = self.mean + batch.losses.detach().mean()
        return super().weigh(batch) * self.mean


class Counts(Rebinds):
    def __init__(self) -> None:
        self.seen: list[int] = []

    def weigh(self, batch: wb.Batch) -> Tensor:
        self.seen.append(len(batch))
        return Plain.weigh(self, batch) * len(self.seen)


class Draws(Plain):
    def begin(self, run: wb.Run) -> None:
        self.stream = run.generator

    def weigh(self, batch: wb.Batch) -> Tensor:
        return wb.normalize(torch.rand(len(batch), generator=self.stream))


class Outside(wb.Weighter):
    """A plug-in: what it keeps where is not known."""

    def weigh(self, batch: wb.Batch) -> Tensor:
        return torch.full((len(batch),), 1 / len(batch))


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (Steps, "asks for the run, the step or the progress"),
        (CleanSteps, "asks for the run, the step or the progress"),
        (Rebinds, "rebinds an attribute"),
        (Counts, "rebinds an attribute"),
        (Draws, "rebinds an attribute"),
        (Outside, "does not come with weightbench"),
    ],
)
def test_what_may_differ_from_step_to_step_is_not_replayed(
    make: type[wb.Weighter], why: str, way: str
) -> None:
    taker = both_ways(TASKS["table"], make)
    assert taker.reason is not None
    assert why in taker.reason
    assert taker.replayed == 0


def test_networks_that_draw_are_not_replayed() -> None:
    def dropping(data: wb.DataSet) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), nn.Linear(8, data.num_classes))

    run = begun(dataclasses.replace(TASKS["table"], model=dropping), "uniform")
    taker = Replay(run)
    steps(run, taker.step)
    assert taker.reason == "the step draws random numbers"


class InPlace(Plain):
    """What is changed in place is replayed: the buffer is the same."""

    def __init__(self) -> None:
        self.mean = torch.zeros(())

    def weigh(self, batch: wb.Batch) -> Tensor:
        self.mean.mul_(0.9).add_(batch.losses.detach().mean(), alpha=0.1)
        return wb.normalize((batch.losses.detach() < self.mean).float())


def test_a_buffer_that_moves_in_place_is_replayed(way: str) -> None:
    assert both_ways(TASKS["table"], InPlace).replayed > 0


_hidden = [0]


class Hides(Plain):
    """Keeps count where nobody looks; only the comparison of replayed steps can tell."""

    def weigh(self, batch: wb.Batch) -> Tensor:
        _hidden[0] += 1
        return Plain.weigh(self, batch) * (1 + _hidden[0] % 2)


def test_a_replayed_step_that_differs_is_seen_and_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "captured", taped)
    run = begun(TASKS["table"], Hides())
    taker = Replay(run)
    steps(run, taker.step)
    assert taker.reason == "a replayed step differed from the eager one"
    assert taker.replayed == 0


def test_what_cannot_be_captured_is_taken_eagerly(monkeypatch: pytest.MonkeyPatch) -> None:
    class Waits(Plain):
        def weigh(self, batch: wb.Batch) -> Tensor:
            return super().weigh(batch) / max(1.0, batch.clean().losses.mean().item())

    monkeypatch.setattr(replay, "captured", taped)
    recipe = dataclasses.replace(TASKS["table"].recipe, clean_batch=5)  # shuffled: has a place
    task = dataclasses.replace(TASKS["table"], recipe=recipe)
    taker = both_ways(task, Waits)
    assert taker.reason is not None
    assert "cannot be captured: aten._local_scalar_dense.default waits" in taker.reason


def test_a_loss_that_is_not_finite_ends_a_replayed_run_at_the_same_step(way: str) -> None:
    wild = dataclasses.replace(TASKS["table"].recipe, lr=1e4, momentum=0.99)
    ends = []
    for way_of_stepping in (eager, stepper):
        task = dataclasses.replace(TASKS["table"], recipe=wild)
        run = begun(task, "uniform", way_of_stepping)
        with pytest.raises(wb.errors.WeightbenchError, match="at step") as error:
            run.train()
        ends.append(str(error.value))
    assert ends[0] == ends[1]
