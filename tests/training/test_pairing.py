"""Two weighters at one seed share everything but their own draws, whoever else ran before them."""

from __future__ import annotations

import dataclasses
import itertools
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import weightbench as wb
from weightbench.registry import WEIGHTERS
from weightbench.training.weighter import layers_of, stream_of

STEPS = 8
MINE = """
import weightbench as wb

class Mine(wb.Weighter):
    def __init__(self, rate: float = 0.5) -> None:
        self.rate = rate

    def weigh(self, batch):
        return wb.normalize(batch.losses.detach())

class Around(wb.Wrapper):
    def __init__(self) -> None:
        super().__init__(Mine())
"""


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


@pytest.mark.parametrize("changes", ["noise=0.1", "lr=0.02,evaluations=5", "steps=3"])
def test_a_sweep_keeps_what_its_parameter_does_not_decide(tiny: wb.Task, changes: str) -> None:
    plain = shared(dataclasses.replace(tiny, recipe=dataclasses.replace(tiny.recipe)), "uniform")
    swept = shared(wb.make_task(f"{tiny.name}[{changes}]"), "uniform")
    assert swept["splits"] == plain["splits"]
    assert swept["parameters"] == plain["parameters"]
    orders = [[index for index, *_ in seen["batches"]] for seen in (swept, plain)]
    assert all(one == other for one, other in zip(*orders, strict=False))
    assert (swept["labels"] == plain["labels"]) == ("noise" not in changes)


def test_larger_hold_outs_hold_the_smaller_ones(tiny: wb.Task) -> None:
    small, large = (wb.make_task(f"{tiny.name}[clean={n}]").split(0) for n in (2, 9))
    assert np.isin(small.holdout, large.holdout).all()
    for part in ("select", "test"):
        assert np.array_equal(getattr(small, part), getattr(large, part))


def test_a_stream_does_not_depend_on_how_a_weighter_is_spelt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "somewhere [else]+here"
    folder.mkdir()
    (folder / "mine.py").write_text(MINE)
    monkeypatch.chdir(folder)
    spellings = ["mine.py:Mine", "./mine.py:Mine[rate=0.5]", f"{folder}/mine.py:Mine"]
    streams = {stream_of(wb.make_weighter(text)) for text in spellings}
    assert streams == {"Mine"}
    assert (
        stream_of(wb.make_weighter("mine.py:Mine[rate=0.2]+es")) == "Mine[rate=0.2]+EarlySchedule"
    )
    assert stream_of(wb.make_weighter("mine.py:Around")) == "Around"


def test_a_preset_is_a_parameter_like_any_other() -> None:
    for short, long in (("mae", "gce[q=1.0]"), ("l2rw-fused", "l2rw[alignment=fused]")):
        assert stream_of(wb.make_weighter(short)) == stream_of(wb.make_weighter(long))
