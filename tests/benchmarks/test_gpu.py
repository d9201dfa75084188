"""Steps on a GPU beside eager PyTorch, fused alignment beside its FLOPs, and a whole long trial."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import higher
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from weightbench.tasks.cifar import RESNET_80K
from weightbench.tasks.networks import lenet

import weightbench as wb
from tests.benchmarks.conftest import report
from tests.benchmarks.interleaved import ratio
from tests.benchmarks.test_images import TASK
from weightbench.training.optimizer import build_optimizer
from weightbench.training.replay import Replay

DEVICE = "cuda"
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

BLOCK = 50  # steps between two synchronisations
LONG = 3000  # steps that a long trial is projected from
Step = Callable[[], None]


def grey() -> wb.DataSet:
    """Noise in the form of MNIST."""
    pixels = np.random.default_rng(0).integers(0, 256, (7000, 28, 28, 1), dtype=np.uint8)
    labels = (np.arange(len(pixels)) % 10).astype(np.int64)
    return wb.DataSet("noise", pixels, labels, 10, test=np.arange(5000, 7000))


# The schedule is never ended here; what it says of precision and weight decay counts.
SCHEDULE = dataclasses.replace(RESNET_80K, steps=10**6)
TASKS = {
    "LeNet": dataclasses.replace(
        TASK, dataset=grey(), augmentation=None, model=lambda data: lenet(10),
        recipe=wb.Recipe(steps=10**6, lr=1e-3),
    ),
    "ResNet-32": dataclasses.replace(TASK, recipe=SCHEDULE),
}  # fmt: skip


def waited(step: Step) -> Step:
    """Some steps, and what the device has still to do."""

    def block() -> None:
        for _ in range(BLOCK):
            step()
        torch.cuda.synchronize()

    return block


def engine(task: wb.Task, weighter: str) -> Step:
    """A step as a trial takes it, warmed up and captured."""
    run = wb.start(task, 0, wb.make_weighter(weighter), DEVICE, watchers=())
    taker, batches = Replay(run), iter(run)

    def step() -> None:
        taker.step(next(batches))

    for _ in range(20):
        step()
    if taker.reason is not None:
        report(f"{weighter} is not replayed", taker.reason)
    return step


class Bare:
    """The same training as one writes it in eager PyTorch, all data on the device."""

    def __init__(self, task: wb.Task) -> None:
        splits, data = task.split(0), task.data
        self.task, self.recipe = task, task.recipe
        true = torch.from_numpy(data.labels[splits.holdout]).to(DEVICE)
        self.train = self._pool(splits.train), torch.from_numpy(splits.given).to(DEVICE)
        self.holdout = self._pool(splits.holdout), true
        self.model = task.build_model(0).to(DEVICE)
        self.optimizer = build_optimizer(self.recipe, self.model)
        self.order: list[Tensor] = []

    def _pool(self, index: Any) -> Tensor:
        images = torch.from_numpy(self.task.data.inputs[index]).permute(0, 3, 1, 2).to(DEVICE)
        if self.task.augmentation is None:
            return images
        size = images.shape[-1]
        padded = F.pad(images, (self.task.augmentation.pad,) * 4)
        return padded.unfold(2, size, 1).unfold(3, size, 1)

    def batch(self, pool: Tensor, index: Tensor) -> Tensor:
        if self.task.augmentation is None:
            images = pool[index]
        else:
            places = 2 * self.task.augmentation.pad + 1
            down, right = torch.randint(places, (2, len(index)), device=DEVICE)
            images = pool[index, :, down, right]
            turned = torch.rand(len(index), 1, 1, 1, device=DEVICE) < 0.5
            images = torch.where(turned, images.flip(3), images)
        return images.float().div(127.5).sub(1).contiguous(memory_format=torch.channels_last)

    def next(self) -> tuple[Tensor, Tensor]:
        inputs, labels = self.train
        if not self.order:
            shuffled = torch.randperm(len(labels), device=DEVICE)
            self.order.extend(torch.split(shuffled, self.recipe.batch_size)[:-1])
        index = self.order.pop()
        return self.batch(inputs, index), labels[index]

    def outputs(self, model: Any, images: Tensor) -> Tensor:
        with self.recipe.autocast(torch.device(DEVICE)):
            logits: Tensor = model(images)
        return logits.float()

    def uniform(self) -> None:
        images, labels = self.next()
        self.optimizer.zero_grad()
        F.cross_entropy(self.outputs(self.model, images), labels).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()

    def reweighted(self) -> None:
        """Algorithm 1 through ``higher``."""
        images, labels = self.next()
        clean, truth = self.holdout
        clean = self.batch(clean, torch.arange(len(truth), device=DEVICE))
        virtual = torch.optim.SGD(self.model.parameters(), lr=1.0)
        with higher.innerloop_ctx(self.model, virtual) as (model, inner):
            losses = F.cross_entropy(self.outputs(model, images), labels, reduction="none")
            eps = torch.zeros_like(losses, requires_grad=True)
            inner.step(torch.dot(eps, losses))
            (slope,) = torch.autograd.grad(F.cross_entropy(self.outputs(model, clean), truth), eps)
        weights = wb.normalize(-slope)
        self.optimizer.zero_grad()
        losses = F.cross_entropy(self.outputs(self.model, images), labels, reduction="none")
        torch.dot(weights, losses).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()


@pytest.mark.parametrize("network", TASKS)
def bench_replayed_steps_beside_eager_pytorch(benchmark: Any, network: str) -> None:
    task = TASKS[network]
    bare = Bare(task)
    plain, reweighted = engine(task, "uniform"), engine(task, "l2rw-auto")
    benchmark.pedantic(waited(plain), rounds=3)
    for name, own, other in (
        ("bare loop / uniform", bare.uniform, plain),
        ("bare loop of Algorithm 1 / l2rw-auto", bare.reweighted, reweighted),
        ("bare plain loop / l2rw-auto", bare.uniform, reweighted),
    ):
        report(f"{network}: {name}", ratio(waited(own), waited(other), pairs=10, block=1))


def flops(task: wb.Task, weighter: str) -> int:
    run = wb.start(task, 0, wb.make_weighter(weighter), DEVICE, watchers=())
    batches = iter(run)
    run.weigh_and_step(next(batches))
    with FlopCounterMode(display=False) as counter:
        run.weigh_and_step(next(batches))
    return int(counter.get_total_flops())


@pytest.mark.parametrize("network", TASKS)
def bench_fused_alignment_beside_its_flops(benchmark: Any, network: str) -> None:
    task = TASKS[network]
    plain, fused = engine(task, "uniform"), engine(task, "l2rw-fused")
    benchmark.pedantic(waited(fused), rounds=3)
    taken = ratio(waited(fused), waited(plain), pairs=10, block=1)
    counted = flops(task, "l2rw-fused") / flops(task, "uniform")
    report(f"{network}: fused / plain step", taken)
    report(
        f"{network}: fused / plain step, over the ratio of FLOPs", f"{taken.median / counted:.3f}"
    )


def bench_a_long_trial_is_projected(benchmark: Any) -> None:
    """`l2rw` on ResNet-32 under the schedule of cifar10-background-flip-v0, on noise."""
    step = engine(TASKS["ResNet-32"], "l2rw")
    benchmark.pedantic(waited(step), rounds=1)
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(LONG):
        step()
    torch.cuda.synchronize()
    seconds = (time.perf_counter() - started) / LONG
    report("l2rw, ResNet-32: milliseconds a step", f"{1000 * seconds:.2f}")
    report("l2rw, 80,000 steps: minutes, projected", f"{80_000 * seconds / 60:.1f}")
