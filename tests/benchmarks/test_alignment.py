"""What a step of learning to reweight costs beside a plain one, each way, and through TorchOpt."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, get_args

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from weightbench.tasks.networks import lenet, mlp, resnet32, small_cnn

import weightbench as wb
from tests.alignment.cases import Case, case
from tests.benchmarks.conftest import report
from tests.benchmarks.interleaved import cpu_times, of, ratio
from weightbench.alignment import Way
from weightbench.alignment.choice import _answers, form_for
from weightbench.alignment.passes import Batches
from weightbench.errors import AlignmentUnsupported

WAYS = {
    "encoder": ("higher", "fused", "layerwise"),
    "lenet": ("higher", "fused", "layerwise"),
    "resnet32-batch": ("higher", "fused"),
    "resnet32-group": ("higher", "fused", "layerwise"),
    "mlp-784-1024-1024-10": ("higher", "fused", "layerwise"),
}
SIZES = {"encoder": (32, [4])}  # of the batches; of the others, 100 and 10 or 100
ROUNDS = {"resnet32-batch": 3, "resnet32-group": 3, "encoder": 5}  # of the others, 15


class Encoder(nn.Module):
    """Four of torch's own encoder layers on sequences of 16 numbers each."""

    def __init__(self, width: int = 256) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, 0.0, batch_first=True)
        self.first = nn.Linear(16, width)
        self.layers = nn.TransformerEncoder(layer, 4)
        self.last = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.last(self.layers(self.first(x)).mean(1))
        return logits


def sized(name: str, n: int, m: int) -> Case:
    """A network and batches as tasks of images have them, channels last in memory."""
    if name == "encoder":
        return case(Encoder, 64, 16, n=n, m=m)
    if name.startswith("mlp"):
        return case(lambda: mlp(784, 10, hidden=(1024, 1024)), 784, n=n, m=m)
    if name == "lenet":
        own = case(lambda: lenet(10), 1, 28, 28, n=n, m=m)
    else:
        norm: Any = name.removeprefix("resnet32-")
        own = case(lambda: resnet32(10, norm=norm), 3, 32, 32, n=n, m=m)
    own.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    own.inputs = own.inputs.contiguous(memory_format=torch.channels_last)
    own.clean_inputs = own.clean_inputs.contiguous(memory_format=torch.channels_last)
    return own


def torchopt_step(own: Case) -> Callable[[], None]:
    """The same step through TorchOpt's differentiable SGD; its state is put back by copy."""
    import torchopt

    virtual = torchopt.MetaSGD(own.model, lr=1.0)

    @sdpa_kernel(SDPBackend.MATH)  # the others have no second derivative
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


CASES = [(name, *SIZES.get(name, (100, [10, 100]))) for name in WAYS]


@pytest.mark.parametrize(("name", "n", "m"), [(name, n, m) for name, n, ms in CASES for m in ms])
def bench_a_step_beside_a_plain_one(benchmark: Any, name: str, n: int, m: int) -> None:
    own = sized(name, n, m)
    steps: dict[str, Callable[[], None]] = {way: way_step(own, way) for way in WAYS[name]}
    steps["auto"] = way_step(own, "auto")
    steps["plain"] = own.plain
    if find_spec("torchopt"):
        steps["TorchOpt MetaSGD"] = torchopt_step(copy.deepcopy(own))  # it replaces parameters
    times = cpu_times(steps, rounds=ROUNDS.get(name, 15))
    case = f"{name}, n = {n}, m = {m}"
    for way in [way for way in steps if way != "plain"]:
        report(f"{case}: {way} / plain step", of(times[way], times["plain"]))
    for way in WAYS[name][1:]:
        report(f"{case}: higher / {way}", of(times["higher"], times[way]))
    benchmark.pedantic(way_step(own, "auto"), rounds=1)


def bare_reweighted_step(task: wb.Task) -> Callable[[], None]:
    """A step of the task by hand: index, reweigh against as many clean examples, SGD."""
    splits, recipe = task.split(0), task.recipe
    inputs = torch.from_numpy(task.data.inputs[splits.train])
    labels = torch.from_numpy(splits.given)
    held_out = torch.utils.data.TensorDataset(
        torch.from_numpy(task.data.inputs[splits.holdout]),
        torch.from_numpy(task.data.labels[splits.holdout]),
    )
    size = min(recipe.clean_batch, len(held_out))
    clean = [held_out[rows] for rows in torch.split(torch.randperm(len(held_out)), size)]
    model = task.build_model(0)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=recipe.lr, momentum=recipe.momentum, fused=True
    )
    reweighter = wb.Reweighter(model, clean=clean)
    order: list[Tensor] = []

    def step() -> None:
        if not order:
            order.extend(torch.split(torch.randperm(len(labels)), recipe.batch_size)[:-1])
        index = order.pop()
        optimizer.zero_grad()
        reweighter(inputs[index], labels[index])
        reweighter.backward()
        optimizer.step()

    return step


@pytest.mark.parametrize("name", ["digits-background-flip-v0", "digits-uniform-flip-v0"])
def bench_reweighter_beside_the_engine(benchmark: Any, name: str) -> None:
    """Both draw, weigh and step; the engine draws its clean batches, the loop has them at hand."""
    task = wb.make_task(name, steps=100_000)
    run = wb.start(task, 0, wb.make_weighter("l2rw-auto"), watchers=())
    batches = iter(run)

    def engine() -> None:
        run.weigh_and_step(next(batches))

    bare = bare_reweighted_step(task)
    benchmark.pedantic(bare, rounds=20, iterations=5, warmup_rounds=2)
    report(f"Reweighter step / engine step, {name}", ratio(bare, engine, pairs=100, block=10))


ASKED: dict[str, Callable[[], Case]] = {
    "mlp-64-128-128-10": lambda: case(lambda: mlp(64, 10), 64, n=100, m=30),
    "small cnn": lambda: case(lambda: small_cnn(1, 10), 1, 8, 8, n=100, m=30),
    "lenet": lambda: sized("lenet", 100, 10),
    "resnet32-batch": lambda: sized("resnet32-batch", 100, 10),
}


@pytest.mark.parametrize("way", get_args(Way))
@pytest.mark.parametrize("name", ASKED)
def bench_the_question_which_way_is_right(benchmark: Any, name: str, way: Way) -> None:
    """Asked once per network, mode and loss."""
    own = ASKED[name]()

    def ask() -> None:
        _answers.clear()
        batches = Batches(own.inputs, own.labels, own.clean_inputs, own.clean_labels)
        with contextlib.suppress(AlignmentUnsupported):
            form_for(own.model, own.loss, batches, way)

    times = cpu_times({"ask": ask, "plain": own.plain}, rounds=5)
    report(f"question, {name}, {way} / plain step", of(times["ask"], times["plain"]))
    benchmark.pedantic(own.plain, rounds=1)


def bench_torchopt_is_there() -> None:
    """Without it the tables above lack their peer, and this says why."""
    pytest.importorskip("torchopt", reason="pip install '.[bench]' adds TorchOpt to the tables")
