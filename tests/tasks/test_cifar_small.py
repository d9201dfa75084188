"""CIFAR-10 on a CPU: its network behind whitened patches, and its tasks."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from weightbench.tasks.whitened import whitened_cnn, whitening

import weightbench as wb
from tests.alignment.cases import photographs
from tests.training.test_checkpoint import StopAt, saved
from weightbench.check import check_task
from weightbench.data.cache import data_folder, is_cached
from weightbench.errors import BadData, DataUnavailable
from weightbench.registry import SUITES
from weightbench.training.checkpoint import Checkpoint
from weightbench.training.signature import signature

KINDS = ("uniform-flip", "background-flip", "asymmetric-flip", "human-noise")
TASKS = [f"cifar10-{kind}-small-v0" for kind in KINDS]
at_hand = pytest.mark.skipif(
    not (is_cached("cifar10") and (data_folder() / "cifar10n" / "labels.npz").is_file()),
    reason=f"not both of CIFAR-10 and the labels of CIFAR-10N under {data_folder()}",
)


def through(filters: NDArray[np.float32], data: wb.DataSet, index: NDArray[np.int64]) -> Tensor:
    """(patches, filters), what the filters make of images as a network is shown them."""
    low, high = data.span
    images = torch.from_numpy(data.inputs[index]).permute(0, 3, 1, 2).double()
    images = images * (high - low) / 255 + low
    return F.conv2d(images, torch.tensor(filters).double()).movedim(1, -1).flatten(0, 2)


@pytest.mark.parametrize("span", [(-1.0, 1.0), (0.0, 1.0)])
def test_patches_of_training_images_come_out_white(span: tuple[float, float]) -> None:
    data = photographs(span)
    assert data.test is not None
    outputs = through(whitening(data), data, np.setdiff1d(np.arange(60), data.test))
    torch.testing.assert_close(
        outputs.T.cov(correction=0), torch.eye(12).double(), rtol=0, atol=1e-4
    )


def test_filters_read_no_test_image_and_no_label() -> None:
    data = photographs()
    altered = data.inputs.copy()
    altered[data.test] = 255 - altered[data.test]
    other = dataclasses.replace(data, inputs=altered, labels=data.labels[::-1].copy())
    assert np.array_equal(whitening(other), whitening(data))
    altered = 255 - data.inputs // 2
    assert not np.array_equal(whitening(dataclasses.replace(data, inputs=altered)), whitening(data))


def test_filters_are_the_same_whenever_they_are_fitted() -> None:
    assert np.array_equal(whitening(photographs()), whitening(photographs()))


def test_images_without_colours_and_without_contrast_do() -> None:
    """Two directions of one variance, or of none: still numbers."""
    data = photographs()
    grey = data.inputs.mean(-1, keepdims=True).astype(np.uint8).repeat(3, -1)
    for inputs in (grey, np.full_like(grey, 7)):
        assert np.isfinite(whitening(dataclasses.replace(data, inputs=inputs))).all()


def test_only_images_with_a_published_test_part_are_whitened() -> None:
    with pytest.raises(BadData, match="published test split"):
        whitening(dataclasses.replace(photographs(), test=None))
    table = wb.DataSet("table", np.ones((20, 3), np.float32), np.arange(20) % 2, test=np.arange(5))
    with pytest.raises(BadData, match="patches"):
        whitening(table)


def test_the_network_is_as_described() -> None:
    """Filters and their negatives, three blocks, 10.1 million multiplications an image."""
    network = whitened_cnn(photographs())
    first, *others = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert torch.equal(first.weight[:12], -first.weight[12:])
    widths = [(conv.in_channels, conv.out_channels) for conv in others]
    assert widths == [(24, 16), (16, 16), (16, 64), (64, 64), (64, 64), (64, 64)]
    for conv in others:
        wanted = (2 / (9 * conv.in_channels)) ** 0.5
        assert conv.weight.std().item() == pytest.approx(wanted, rel=0.05)
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    assert trained == 9 * sum(i * o for i, o in widths) + 4 * (16 + 64 + 64) + 64 * 10 + 10
    with torch.no_grad():  # batch norm as in the first step
        logits = network(torch.randn(100, 3, 32, 32))
    assert logits.abs().max() < 1  # a network that has learnt nothing is not sure of anything
    with FlopCounterMode(display=False) as counter:
        assert network.eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
    assert counter.get_total_flops() / 2 == pytest.approx(10.1e6, rel=0.01)


def test_what_a_network_is_can_be_told_without_its_numbers() -> None:
    data = photographs()
    told, tensors = signature(whitened_cnn, data)
    network = whitened_cnn(data)
    assert told == repr(network)
    assert [name for name, *_ in tensors if name.endswith("weight")]
    assert [trained for *_, trained in tensors][:2] == [False, True]


def small() -> wb.Task:
    """The tasks' network and recipe on few pictures."""
    task = wb.make_task(TASKS[0], steps=4, batch_size=10, clean_batch=10, clean=1)
    return dataclasses.replace(task, dataset=photographs(count=120), select=20)


@pytest.mark.parametrize("weighter", SUITES.get("cifar-small").weighters)
def test_methods_train_all_but_the_first_layer_and_go_on_when_stopped(
    weighter: str, tmp_path: Path
) -> None:
    task, path = small(), tmp_path / "unfinished.pt"
    whole = saved(task, wb.make_weighter(weighter), Checkpoint(tmp_path / "whole.pt"))
    before = {name: p.detach().clone() for name, p in whole.model.named_parameters()}
    whole.train()
    judged = dict(whole.finish().named_parameters())
    for name, parameter in before.items():
        assert torch.equal(judged[name], parameter) == (name == "0.weight"), name
    with pytest.raises(KeyboardInterrupt):
        saved(task, wb.make_weighter(weighter), StopAt(path, 2)).train()
    pieces = saved(task, wb.make_weighter(weighter), watcher := Checkpoint(path))
    pieces.train()
    assert watcher.went_on
    assert torch.equal(pieces.outputs("test"), whole.outputs("test"))


@at_hand
@pytest.mark.parametrize(("name", "wrong"), [*zip(TASKS, (0.4, 0.36, 0.2, 0.402), strict=True)])
def test_tasks_are_six_passes_over_what_is_left_of_cifar_10(name: str, wrong: float) -> None:
    task = wb.make_task(name)
    splits, labels = task.split(0), task.data.labels
    assert splits.corrupted.rate == pytest.approx(wrong, abs=0.005)
    assert task.recipe.steps * task.recipe.batch_size == 6 * len(splits.train) == 6 * 44_900
    parts = (splits.holdout, splits.select, splits.test)
    assert [np.bincount(labels[part]).tolist() for part in parts] == [
        [size] * 10 for size in (10, 500, 1000)
    ]


@at_hand
def test_a_task_keeps_every_rule() -> None:
    assert check_task(TASKS[1]) == []


@pytest.mark.parametrize("name", TASKS)
def test_without_the_data_a_line_says_where_they_are_looked_for(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHTBENCH_DATA", str(tmp_path))
    monkeypatch.delenv("WEIGHTBENCH_DOWNLOAD", raising=False)
    task = wb.make_task(name)
    assert callable(task.dataset)
    with pytest.raises(DataUnavailable, match="CIFAR10 cannot be had") as lost:
        task.dataset()
    assert "\n" not in str(lost.value)
