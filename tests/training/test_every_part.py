"""A change of a task or a weighter that could move a number changes what it is known by."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import weightbench as wb
from weightbench.training.weighter import digest_of

WEIGHTERS = """
import weightbench as wb


class Inner(wb.Weighter):
    def weigh(self, batch):
        return wb.normalize(batch.losses.detach() {sign} 1)
"""


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


RECIPE: dict[str, Any] = {
    "steps": 21, "batch_size": 33, "lr": 0.06, "momentum": 0.8, "weight_decay": 1e-3,
    "decay": 0.2, "milestones": (0.4,), "clean_batch": 11,
}  # fmt: skip


@pytest.mark.parametrize("field", RECIPE)
def test_every_part_of_the_schedule_has_a_say(tiny: wb.Task, field: str) -> None:
    recipe = dataclasses.replace(tiny.recipe, **{field: RECIPE[field]})
    assert recipe != tiny.recipe
    assert dataclasses.replace(tiny, recipe=recipe).fingerprint != tiny.fingerprint


def test_augmentation_has_a_say() -> None:
    pictures = np.zeros((60, 8, 8, 1), np.uint8)
    data = wb.DataSet("made", pictures, np.arange(60) % 2, 2)
    task = wb.Task(
        name="made", dataset=data, corruption=wb.UniformFlip(0.1), holdout=wb.HoldoutPerClass(2),
        select=10, test=10, model=flat,
    )  # fmt: skip
    augmented = dataclasses.replace(task, augmentation=wb.CropFlip())
    assert augmented.fingerprint != task.fingerprint


def flat(data: wb.DataSet) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, data.num_classes))


@pytest.mark.parametrize("wrappers", ["", "+es", "+es+ft"])
def test_every_layer_of_a_weighter_has_a_say(tmp_path: Path, wrappers: str) -> None:
    one, again, other = (
        digest_of(wb.make_weighter(f"{path}:Inner{wrappers}"))
        for path in (
            written(tmp_path / folder / "mine.py", WEIGHTERS.format(sign=sign))
            for folder, sign in (("a", "+"), ("b", "+"), ("c", "-"))
        )
    )
    assert one == again
    assert one != other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("uniform+es", "l2rw+es"),
        ("uniform+ft", "random+ft"),
        ("uniform+es+ft", "l2rw+es+ft"),
        ("uniform+es+ft", "uniform+ft"),
        ("uniform+es+ft", "uniform+es"),
        ("uniform+ft", "uniform"),
    ],
)
def test_built_in_layers_have_a_say(one: str, other: str) -> None:
    assert digest_of(wb.make_weighter(one)) != digest_of(wb.make_weighter(other))
    assert digest_of(wb.make_weighter(one)) == digest_of(wb.make_weighter(one))
