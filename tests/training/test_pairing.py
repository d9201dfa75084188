"""Two weighters at one seed share everything but their own draws, whoever else ran before them."""

from __future__ import annotations

import dataclasses
import itertools
import random
from typing import Any

import numpy as np
import pytest
import torch

import weightbench as wb
from weightbench.registry import WEIGHTERS
from weightbench.training.weighter import layers_of

STEPS = 8


def _images() -> wb.DataSet:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (300, 6, 6, 3), dtype=np.uint8)
    return wb.DataSet("images", images, np.arange(300, dtype=np.int64) % 3, 3)


def _network(data: wb.DataSet) -> torch.nn.Module:
    size = int(np.prod(data.shape))
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(size, data.num_classes))


IMAGES = wb.Task(
    name="images", dataset=_images(), corruption=wb.UniformFlip(0.4), holdout=wb.HoldoutPerClass(4),
    select=30, test=60, model=_network, augmentation=wb.CropFlip(1),
    recipe=wb.Recipe(steps=STEPS, batch_size=20, clean_batch=6, lr=0.01),
)  # fmt: skip


def keeps_the_batches(name: str) -> bool:
    hooks = {type(layer).batches for layer in layers_of(wb.make_weighter(name))}
    return hooks <= {wb.Weighter.batches, wb.Wrapper.batches}


def shared(task: wb.Task, name: str) -> dict[str, Any]:
    """What does not belong to the weighter, as it meets it."""
    run = wb.start(task, 5, wb.make_weighter(name))
    splits = run.splits
    seen = {
        "splits": splits.sha256,
        "corruption": splits.corrupted.sha256,
        "labels": run.labels.tolist(),
    }
    batches = []
    for step, batch in enumerate(itertools.islice(run, STEPS)):
        if step == 0:
            seen["parameters"] = [p.tolist() for p in run.model.state_dict().values()]
        batches.append((batch.index.tolist(), batch.inputs.tolist(), batch.labels.tolist()))
        run.step(run.weighter.weigh(batch))
    return {**seen, "batches": batches} if keeps_the_batches(name) else seen


@pytest.mark.parametrize("kind", ["table", "images"])
def test_every_weighter_meets_the_same(kind: str, tiny: wb.Task) -> None:
    recipe = dataclasses.replace(tiny.recipe, steps=STEPS)
    task = IMAGES if kind == "images" else dataclasses.replace(tiny, recipe=recipe)
    names = WEIGHTERS.names()
    random.Random(0).shuffle(names)
    plain = shared(task, "uniform")
    met = {name: shared(task, name) for name in names}
    for name, seen in met.items():
        for what, value in seen.items():
            assert value == plain[what], f"{what} of {name}"
    assert shared(task, "uniform") == plain, "it depends on what ran before"
    assert sum("batches" in seen for seen in met.values()) > len(names) / 2
