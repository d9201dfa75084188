"""What image data costs: a ResNet-32 step beside a bare loop, memory formats, reading CIFAR-10."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from weightbench.tasks.networks import lenet, resnet32

import weightbench as wb
from tests.benchmarks.conftest import report
from tests.benchmarks.interleaved import ratio
from tests.benchmarks.test_engine import engine_step
from weightbench.data.cache import data_folder, is_cached

STEPS = 100_000  # more than any benchmark takes
N, BATCH, PAD = 5000, 100, 2

READ = """
import time
import torch, weightbench as wb
from weightbench.data.images import image_set

def kilobytes(what):
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith(what)).split()[1])

before, started = kilobytes("VmRSS"), time.perf_counter()
data = image_set("CIFAR10", 10)
seconds, grown = time.perf_counter() - started, kilobytes("VmHWM") - before
print(seconds, 1024 * grown / (data.inputs.nbytes + data.labels.nbytes))
"""


def images() -> wb.DataSet:
    """Noise in the form of CIFAR-10: a step costs what it costs on photographs."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (N + 2000, 32, 32, 3), dtype=np.uint8)
    labels = (np.arange(len(pixels)) % 10).astype(np.int64)
    return wb.DataSet("noise", pixels, labels, 10, test=np.arange(N, N + 2000), span=(-1.0, 1.0))


TASK = wb.Task(
    name="noise", dataset=images(), corruption=wb.UniformFlip(0.4), holdout=wb.HoldoutPerClass(10),
    select=500, model=lambda data: resnet32(data.num_classes), augmentation=wb.CropFlip(PAD),
    recipe=wb.Recipe(steps=STEPS, weight_decay=2e-4),
)  # fmt: skip


def bare_step() -> Callable[[], None]:
    """The same step as one would write it: padded images, a window of each, half of them turned."""
    splits = TASK.split(0)
    inputs = torch.from_numpy(TASK.data.inputs[splits.train]).permute(0, 3, 1, 2)
    windows = F.pad(inputs, (PAD,) * 4).unfold(2, 32, 1).unfold(3, 32, 1)
    labels = torch.from_numpy(splits.given)
    model = TASK.build_model(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=2e-4)
    order: list[Tensor] = []

    def step() -> None:
        if not order:
            order.extend(torch.split(torch.randperm(len(labels)), BATCH)[:-1])
        index = order.pop()
        down, right = torch.randint(2 * PAD + 1, (2, BATCH))
        batch = windows[index, :, down, right]
        batch = torch.where(torch.rand(BATCH, 1, 1, 1) < 0.5, batch.flip(3), batch)
        batch = batch.float().div(127.5).sub(1).contiguous(memory_format=torch.channels_last)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(batch), labels[index])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def bench_resnet_step_beside_a_bare_loop(benchmark: Any) -> None:
    engine, bare = engine_step(TASK), bare_step()
    benchmark.pedantic(engine, rounds=3, iterations=1)
    report("engine step / bare step, ResNet-32 with augmentation", ratio(engine, bare, 12, 1))


def lenet_step(last: bool) -> Callable[[], None]:
    inputs = torch.rand(BATCH, 28, 28, 1).permute(0, 3, 1, 2)  # channels last
    labels, model = torch.arange(BATCH) % 10, lenet(10)
    if last:
        model.to(memory_format=torch.channels_last)
    else:
        inputs = inputs.reshape(BATCH, -1).clone().view(BATCH, 1, 28, 28)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def bench_channels_last(benchmark: Any) -> None:
    last, first = lenet_step(True), lenet_step(False)
    benchmark.pedantic(last, rounds=5, iterations=2)
    report("LeNet step, channels last / channels first", ratio(last, first, 40, 2))


@pytest.mark.skipif(not is_cached("cifar10"), reason=f"no CIFAR-10 under {data_folder()}")
def bench_reading_cifar_10(benchmark: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ], check=True, capture_output=True, text=True
    )  # fmt: skip
    seconds, memory = map(float, done.stdout.split())
    benchmark.pedantic(lambda: None)
    report("reading CIFAR-10, seconds", f"{seconds:.2f}")
    report("reading CIFAR-10, peak memory / arrays", f"{memory:.3f}")
