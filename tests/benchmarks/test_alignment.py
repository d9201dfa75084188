"""What a step of learning to reweight costs beside a plain one, each way, and through TorchOpt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from weightbench.tasks.networks import lenet, resnet32

import weightbench as wb
from tests.alignment.cases import Case, case
from tests.benchmarks.conftest import report
from tests.benchmarks.interleaved import ratio

N = 100
WAYS = {"lenet": ("higher", "fused", "layerwise"), "resnet32-batch": ("higher", "fused")}


def sized(name: str, m: int) -> Case:
    """A network and batches as tasks of images have them, channels last in memory."""
    torch.manual_seed(0)
    if name == "lenet":
        own = case(lenet(10), 1, 28, 28, n=N, m=m)
    else:
        own = case(resnet32(10), 3, 32, 32, n=N, m=m)
    own.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    own.inputs = own.inputs.contiguous(memory_format=torch.channels_last)
    own.clean_inputs = own.clean_inputs.contiguous(memory_format=torch.channels_last)
    return own


def torchopt_step(own: Case) -> Callable[[], None]:
    """The same step through TorchOpt's differentiable SGD; its state is put back by copy."""
    torchopt = pytest.importorskip(
        "torchopt", reason="TorchOpt is not there: pip install '.[bench]'"
    )
    virtual = torchopt.MetaSGD(own.model, lr=1.0)

    def alignment() -> Tensor:
        before = torchopt.extract_state_dict(own.model, by="copy")
        optimizer = torchopt.extract_state_dict(virtual)
        losses = own.loss(own.model(own.inputs), own.labels)
        eps = torch.zeros_like(losses, requires_grad=True)
        virtual.step(torch.dot(eps, losses))
        clean = F.cross_entropy(own.model(own.clean_inputs), own.clean_labels)
        (slope,) = torch.autograd.grad(clean, eps)
        torchopt.recover_state_dict(own.model, before)
        torchopt.recover_state_dict(virtual, optimizer)
        return -slope

    def step() -> None:
        weights = wb.normalize(alignment())
        torch.autograd.backward(own.loss(own.model(own.inputs), own.labels), weights)

    return step


def way_step(own: Case, way: Any) -> Callable[[], None]:
    def step() -> None:
        aligned = own.align(way)
        own.update(aligned, wb.normalize(aligned.alignment))

    return step


@pytest.mark.parametrize("m", [10, 100])
@pytest.mark.parametrize("name", WAYS)
def test_a_step_beside_a_plain_one(benchmark: Any, name: str, m: int) -> None:
    own = sized(name, m)
    pairs = 21 if name == "lenet" else 3
    for way in WAYS[name]:
        found = ratio(way_step(own, way), own.plain, pairs=pairs, block=1)
        report(f"{way} / plain step, {name}, n = {N}, m = {m}", found)
    for way in WAYS[name][1:]:
        found = ratio(way_step(own, "higher"), way_step(own, way), pairs=pairs, block=1)
        report(f"higher / {way}, {name}, n = {N}, m = {m}", found)
    benchmark.pedantic(way_step(own, "auto"), rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("m", [10, 100])
@pytest.mark.parametrize("name", WAYS)
def test_torchopt_beside_a_plain_one(benchmark: Any, name: str, m: int) -> None:
    own = sized(name, m)
    step = torchopt_step(own)
    found = ratio(step, own.plain, pairs=21 if name == "lenet" else 3, block=1)
    report(f"TorchOpt MetaSGD / plain step, {name}, n = {N}, m = {m}", found)
    benchmark.pedantic(step, rounds=3)
