"""What the engine costs beside a loop written by hand, and what two workers gain."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import weightbench as wb
from tests.benchmarks.conftest import report
from tests.benchmarks.interleaved import ratio
from weightbench.registry import SUITES

STEPS = 100_000  # more than any benchmark takes


def engine_step(task: wb.Task, weighter: str = "uniform") -> Callable[[], None]:
    """One step of ``weighter`` through the engine."""
    run = wb.start(task, 0, wb.make_weighter(weighter), watchers=())
    batches = iter(run)

    def step() -> None:
        run.weigh_and_step(next(batches))

    return step


def bare_step(task: wb.Task) -> Callable[[], None]:
    """The same step as anyone would write it: index, forward, mean loss, backward, SGD."""
    splits, recipe = task.split(0), task.recipe
    inputs = torch.from_numpy(task.data.inputs[splits.train])
    labels = torch.from_numpy(splits.given)
    model = task.build_model(0)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=recipe.lr, momentum=recipe.momentum, fused=True
    )
    order: list[torch.Tensor] = []

    def step() -> None:
        if not order:
            order.extend(torch.split(torch.randperm(len(labels)), recipe.batch_size)[:-1])
        index = order.pop()
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs[index]), labels[index])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


@pytest.mark.parametrize("name", ["digits-background-flip-v0", "digits-uniform-flip-v0"])
def bench_uniform_step_beside_a_bare_loop(benchmark: Any, name: str) -> None:
    task = wb.make_task(name, steps=STEPS)
    engine, bare = engine_step(task), bare_step(task)
    benchmark.pedantic(engine, rounds=50, iterations=10, warmup_rounds=2)
    report(f"engine step / bare step, {name}", ratio(engine, bare, pairs=200, block=20))


@pytest.mark.parametrize("name", SUITES.get("quick").tasks)
def bench_learning_to_reweight_beside_plain_training(benchmark: Any, name: str) -> None:
    """On small networks, which are bound by calls: FLOPs say little."""
    task = wb.make_task(name, steps=STEPS)
    reweighted, plain = engine_step(task, "l2rw-auto"), engine_step(task)
    benchmark.pedantic(reweighted, rounds=50, iterations=10, warmup_rounds=2)
    report(f"l2rw-auto / uniform, {name}", ratio(reweighted, plain, pairs=100, block=20))


def bench_help_beside_importing_torch(benchmark: Any) -> None:
    def python(code: str) -> None:
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)

    def helping() -> None:
        python("import sys; sys.argv[1:] = ['--help']; import weightbench.__main__")

    def importing() -> None:
        python("import torch")

    benchmark.pedantic(helping, rounds=3)
    report("weightbench --help / import torch", ratio(helping, importing, pairs=7, block=1))


def bench_two_workers_beside_one(benchmark: Any, tmp_path: Path) -> None:
    """Whole commands, so that starting up counts."""
    times = {1: 0.0, 2: 0.0}
    for workers in times:
        out = str(tmp_path / str(workers))
        command = [sys.executable, "-m", "weightbench", "evaluate", "--workers", str(workers)]
        started = time.perf_counter()
        subprocess.run([*command, "--out", out], check=True, stdout=subprocess.DEVNULL)
        times[workers] = time.perf_counter() - started
    benchmark.pedantic(lambda: None)
    report("quick suite, one worker / two workers", f"{times[1] / times[2]:.2f}")
