"""A task's fingerprint: what it declares, what that comes to, and nothing else."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from torch import nn

import weightbench as wb
from weightbench.registry import TASKS
from weightbench.training.signature import signature
from weightbench.training.task import make_task

FILE = '''
"""A task."""
import functools
import numpy as np
from torch import nn
import weightbench as wb

WIDTH = 8


def load(shift=0.0):
    """Arrays."""
    draws = np.random.default_rng(0)
    inputs = draws.normal(size=(200, 4)).astype(np.float32)
    inputs[0, 0] += shift
    labels = (inputs[:, 1] > 0).astype(np.int64)
    return wb.DataSet("made", inputs, labels, num_classes=2)


def net(data, width=WIDTH):
    layers = [nn.Linear(4, width), nn.ReLU(), nn.Linear(width, data.num_classes)]
    return nn.Sequential(*layers)


TASK = wb.Task(
    name="a", dataset=load, corruption=wb.UniformFlip(0.3), holdout=wb.HoldoutPerClass(5),
    select=20, test=50, model=net, recipe=wb.Recipe(steps=10, lr=0.1), about="a task",
)
'''
SAME = {
    "a blank": ("WIDTH = 8", "WIDTH  =  8"),
    "a docstring": ('"""Arrays."""', '"""Made arrays."""'),
    "a comment": ("WIDTH = 8", "WIDTH = 8  # units"),
    "a local": ("layers", "parts"),
    "other code that reads the same": ("(inputs[:, 1] > 0)", "(0 < inputs[:, 1])"),
    "a partial that changes nothing": ("dataset=load", "dataset=functools.partial(load)"),
    "an arrangement": ("0.3), holdout", "0.3),\n    holdout"),
    "what is said about it": ('about="a task"', 'about="another"'),
    "a default that is written": ("steps=10", "steps=10, momentum=0.9"),
}
OTHER = {
    "the network's width": ("WIDTH = 8", "WIDTH = 9"),
    "a partial's argument": ("model=net", "model=functools.partial(net, width=9)"),
    "the network's code": ("nn.ReLU()", "nn.Tanh()"),
    "the same tensors put together otherwise": ("(*layers)", "(*reversed(layers[::-1]))"),
    "the data": ("shift=0.0", "shift=1.0"),
    "a partial of the data": ("dataset=load", "dataset=functools.partial(load, shift=2)"),
    "the labels": ("[:, 1] > 0", "[:, 1] > 0.1"),
    "the order of the data": ("inputs[0, 0] += shift", "inputs = inputs[::-1].copy()"),
    "standardised": ("num_classes=2)", "num_classes=2, standardize=True)"),
    "another class": ("num_classes=2)", "num_classes=3)"),
    "the noise": ("UniformFlip(0.3)", "UniformFlip(0.2)"),
    "the kind of noise": ("UniformFlip(0.3)", "BackgroundFlip(0.3)"),
    "the convention": ("UniformFlip(0.3)", 'UniformFlip(0.3, convention="redraw")'),
    "the hold-out": ("PerClass(5)", "PerClass(6)"),
    "the kind of hold-out": ("PerClass(5)", "Total(10)"),
    "the select split": ("select=20", "select=21"),
    "the test split": ("test=50", "test=51"),
    "the rest": ("test=50", "test=50, train=60"),
    "the steps": ("steps=10", "steps=11"),
    "the rate": ("lr=0.1", "lr=0.2"),
    "the looks": ("lr=0.1", "lr=0.1, evaluations=5"),
}
_COUNT = itertools.count()


def of(text: str, place: Path) -> str:
    folder = place / str(next(_COUNT))
    folder.mkdir()
    (folder / "t.py").write_text(text)
    return make_task(f"{folder / 't.py'}:TASK").fingerprint


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return of(FILE, tmp_path_factory.mktemp("base"))


def edited(edit: tuple[str, str]) -> str:
    assert edit[0] in FILE
    return FILE.replace(*edit)


@pytest.mark.parametrize("name", SAME)
def test_what_moves_no_number_changes_nothing(name: str, base: str, tmp_path: Path) -> None:
    assert of(edited(SAME[name]), tmp_path) == base


@pytest.mark.parametrize("name", OTHER)
def test_what_could_move_a_number_does(name: str, base: str, tmp_path: Path) -> None:
    assert of(edited(OTHER[name]), tmp_path) != base


def test_a_file_of_data_behind_the_same_task(tmp_path: Path) -> None:
    file = tmp_path / "data.npy"
    loads = FILE.replace("inputs[0, 0] += shift", f"inputs = np.load({str(file)!r})")
    found = []
    for seed in (0, 0, 1):
        np.save(file, np.random.default_rng(seed).normal(size=(200, 4)).astype(np.float32))
        found.append(of(loads, tmp_path))
    assert found[0] == found[1] != found[2]


def test_a_task_beside_it_may_change(base: str, tmp_path: Path) -> None:
    beside = FILE + "\n\ndef other(data):\n    return nn.Linear(4, 2)\n\nOTHER = TASK\n"
    assert of(beside, tmp_path) == base


def test_a_network_in_another_module_counts(tmp_path: Path) -> None:
    found = []
    for layer in ("ReLU", "ReLU", "Tanh"):
        folder = tmp_path / str(next(_COUNT))
        folder.mkdir()
        network = f"from torch import nn\ndef make(data):\n    return nn.Sequential(nn.{layer}())\n"
        name = f"nets_{folder.name}"
        (folder / f"{name}.py").write_text(network)
        path = f"WIDTH = 8\nimport sys\nsys.path.insert(0, {str(folder)!r})"
        text = FILE.replace("WIDTH = 8", path)
        text = text.replace("\n\n\ndef load", f"\nfrom {name} import make\n\n\ndef load")
        (folder / "t.py").write_text(text.replace("model=net", "model=make"))
        found.append(make_task(f"{folder / 't.py'}:TASK").fingerprint)
    assert found[0] == found[1] != found[2]


EMBEDDED = [n for n in TASKS.names() if n.startswith(("digits", "breast"))]


@pytest.mark.parametrize("name", EMBEDDED)
def test_every_field_of_a_built_in_task_counts(name: str) -> None:
    task = make_task(name)
    changes: dict[str, object] = {
        "corruption": wb.UniformFlip(0.123), "holdout": wb.HoldoutTotal(20),
        "select": task.select + 1, "test": task.test + 1, "train": 60, "model": plain,
        "recipe": dataclasses.replace(task.recipe, lr=0.123),
    }  # fmt: skip
    changed = [dataclasses.replace(task, **{name: value}) for name, value in changes.items()]  # type: ignore[arg-type]
    found = {other.fingerprint for other in changed}
    assert len(found | {task.fingerprint}) == len(changes) + 1
    assert dataclasses.replace(task, about="other", name="other-v0[lr=.2]").about == "other"


def plain(data: wb.DataSet) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(data.inputs[0].size, data.num_classes))


def test_networks_are_looked_at_without_their_numbers(tiny: wb.Task) -> None:
    def numbers(data: wb.DataSet) -> nn.Module:
        layer = nn.Linear(2, 3)
        assert layer.weight.sum().item() < 100  # has none on the meta device
        return layer

    for build in (plain, numbers):
        printed, tensors = signature(build, tiny.data)
        assert "Linear" in printed
        assert {(shape, kind, trained) for _, shape, kind, trained in tensors} == {
            ((3, 2), "torch.float32", True), ((3,), "torch.float32", True),
        }  # fmt: skip


def test_streams_do_not_depend_on_where_a_file_lies(tmp_path: Path) -> None:
    """Nor do the numbers drawn from them."""
    rule = "import torch\nimport weightbench as wb\n\n\nclass Mine(wb.Weighter):\n"
    rule += "    def weigh(self, batch):\n"
    rule += "        draws = torch.rand(len(batch), generator=batch.run.generator)\n"
    rule += "        return wb.normalize(draws)\n"
    scores = []
    for folder in (tmp_path / "one", tmp_path / "deep" / "er"):
        folder.mkdir(parents=True)
        (folder / "t.py").write_text(FILE)
        (folder / "mine.py").write_text(rule)
        task = make_task(f"{folder / 't.py'}:TASK[noise=0.2]")
        run = wb.start(task, 0, wb.make_weighter(f"{folder / 'mine.py'}:Mine"))
        run.train()
        scores.append((run.test_predictions().tolist(), task.split(0).sha256))
    assert scores[0] == scores[1]
