"""A change of a task or a weighter that could move a number changes what it is known by."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

import weightbench as wb
from weightbench.data.augmentation import CropFlip
from weightbench.training.weighter import digest_of

NETWORK = """
from torch import nn


def network(data):
    return nn.Sequential(nn.Linear(2, {width}), nn.ReLU(), nn.Linear({width}, data.num_classes))
"""
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


def network_of(path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The function ``network`` of a file."""
    spec = importlib.util.spec_from_file_location(f"net_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module.network


CHANGES: dict[str, Any] = {
    "corruption": wb.UniformFlip(0.31),
    "kind of corruption": wb.BackgroundFlip(0.3),
    "convention of the corruption": wb.UniformFlip(0.3, "redraw"),
    "holdout": wb.PerClass(5),
    "kind of holdout": wb.Total(4),
    "select": 51,
    "test": 101,
    "train": 200,
    "augmentation": CropFlip(),
}
RECIPE: dict[str, Any] = {
    "steps": 21, "batch_size": 33, "lr": 0.06, "momentum": 0.8, "weight_decay": 1e-3,
    "decay": 0.2, "milestones": (0.4,), "clean_batch": 11,
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_every_part_of_a_task_has_a_say(tiny: wb.Task, what: str) -> None:
    field = what.rpartition(" ")[2]
    changed = dataclasses.replace(tiny, **{field: CHANGES[what]})
    assert changed.fingerprint != tiny.fingerprint


@pytest.mark.parametrize("field", RECIPE)
def test_every_part_of_the_schedule_has_a_say(tiny: wb.Task, field: str) -> None:
    recipe = dataclasses.replace(tiny.recipe, **{field: RECIPE[field]})
    assert recipe != tiny.recipe
    assert dataclasses.replace(tiny, recipe=recipe).fingerprint != tiny.fingerprint


def test_the_network_has_a_say_wherever_it_comes_from(
    tiny: wb.Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data and corruption stay as they are; only the file of the network is another."""
    one, again, other = (
        dataclasses.replace(tiny, model=network_of(path, monkeypatch)).fingerprint
        for path in (
            written(tmp_path / folder / "net.py", NETWORK.format(width=width))
            for folder, width in (("a", 16), ("b", 16), ("c", 17))
        )
    )
    assert one == again
    assert one != other


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
