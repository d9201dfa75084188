"""bfloat16 and channels last: in every pass of a step, and without a price in accuracy."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from weightbench.tasks.networks import Norm, lenet, resnet32

import weightbench as wb
from tests.tape import count_no_weights


class Convolutions(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes images, filters and gradients that convolutions get, forwards and backwards."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: list[tuple[str, list[Tensor]]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in ("convolution", "convolution_backward"):
            given = args[: 2 if name == "convolution" else 3]
            self.seen.append((name, [t for t in tree_leaves(given) if isinstance(t, Tensor)]))
        return func(*args, **(kwargs or {}))


def images(channels: int, size: int, model: Callable[[wb.DataSet], nn.Module]) -> wb.Task:
    pixels = np.random.default_rng(0).integers(0, 256, (90, size, size, channels), dtype=np.uint8)
    data = wb.DataSet("noise", pixels, np.arange(90, dtype=np.int64) % 3, 3)
    return wb.Task(
        name="noise", dataset=data, corruption=wb.UniformFlip(0.2), holdout=wb.HoldoutPerClass(3),
        select=6, test=6, model=model, augmentation=wb.CropFlip(2),
        recipe=wb.Recipe(steps=9, batch_size=10, clean_batch=4, lr=0.01, bf16="always"),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["uniform", "l2rw-fused", "l2rw-layerwise"])
@pytest.mark.parametrize("network", ["lenet", "resnet32"])
def test_every_pass_is_narrow_and_has_its_channels_last(
    network: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_no_weights(monkeypatch)  # as on a GPU
    task = images(1, 28, lambda data: lenet(3))
    if network == "resnet32":
        norm: Norm = "group" if name == "l2rw-layerwise" else "batch"
        task = images(3, 8, lambda data: resnet32(3, norm))
    run = wb.start(task, 0, weighter=wb.make_weighter(name))
    batches = iter(run)
    run.step(run.weighter.weigh(next(batches)))  # looks for obstacles, in float32
    batch = next(batches)
    with Convolutions() as convolutions:
        run.step(run.weighter.weigh(batch))
    assert {kind for kind, _ in convolutions.seen} == {"convolution", "convolution_backward"}
    for kind, tensors in convolutions.seen:
        assert {tensor.dtype for tensor in tensors} == {torch.bfloat16}
        last = [tensor.is_contiguous(memory_format=torch.channels_last) for tensor in tensors]
        assert all(last) or not tensors[0].any(), kind  # images themselves have a tangent of zeros


@pytest.mark.slow
@pytest.mark.parametrize("name", ["uniform", "l2rw-auto"])
def test_bfloat16_is_as_accurate_as_float32_within_the_seeds_spread(name: str) -> None:
    wide = wb.make_task("digits-uniform-flip-v0[steps=150]")
    narrow = dataclasses.replace(wide, recipe=dataclasses.replace(wide.recipe, bf16="always"))
    accuracies = []
    for made in (wide, narrow):  # under one name: they share every stream
        runs = [wb.start(made, seed, weighter=wb.make_weighter(name)) for seed in range(4)]
        for run in runs:
            run.train()
        accuracies.append(np.array([run.score() for run in runs]))
    apart = accuracies[1] - accuracies[0]
    assert apart.any(), "it was not computed in bfloat16"
    assert abs(apart.mean()) < accuracies[0].std(ddof=1)
