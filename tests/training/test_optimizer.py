"""Optimisers train what torch's plain ones train, of whatever kind its parameters are."""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import weightbench as wb
from weightbench.errors import BadSpec
from weightbench.training.optimizer import build_optimizer, is_fused, take_step

Make = Callable[[wb.DataSet], nn.Module]


class Sparse(nn.Module):
    """Words with sparse gradients."""

    def __init__(self, data: wb.DataSet) -> None:
        super().__init__()
        self.words = nn.Embedding(9, 4, sparse=True)
        self.out = nn.Linear(4, data.num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        words = inputs.abs().mul(3).long().clamp(0, 8)
        outputs: Tensor = self.out(self.words(words).mean(1))
        return outputs


class Late(Sparse):
    """Its first gradients are dense: the words join in after a while."""

    def __init__(self, data: wb.DataSet) -> None:
        super().__init__(data)
        self.passes = 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.passes += self.training
        return super().forward(inputs) if self.passes > 5 else self.out(inputs[:, :1].expand(-1, 4))


class Complex(nn.Module):
    def __init__(self, data: wb.DataSet) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(data.inputs.shape[1], 8, dtype=torch.cfloat) * 0.3)
        self.out = nn.Linear(8, data.num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.out((inputs.to(torch.cfloat) @ self.first).abs())
        return outputs


class Typed(nn.Module):
    """All of it in one type."""

    def __init__(self, data: wb.DataSet, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.layers = nn.Sequential(
            nn.Linear(data.inputs.shape[1], 8), nn.ReLU(), nn.Linear(8, data.num_classes)
        ).to(dtype)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.layers(inputs.to(self.dtype))
        return outputs


class Strided(nn.Module):
    """A parameter with gaps in memory, and one whose rows lie across it."""

    def __init__(self, data: wb.DataSet) -> None:
        super().__init__()
        inputs = data.inputs.shape[1]
        self.gaps = nn.Parameter((torch.randn(inputs, 16) * 0.3)[:, ::2])
        self.across = nn.Parameter((torch.randn(data.num_classes, 8) * 0.3).t())

    def forward(self, inputs: Tensor) -> Tensor:
        return (inputs @ self.gaps).relu() @ self.across


class Scalar(nn.Module):
    def __init__(self, data: wb.DataSet) -> None:
        super().__init__()
        self.out = nn.Linear(data.inputs.shape[1], data.num_classes)
        self.scale = nn.Parameter(torch.ones(()))
        self.empty = nn.Parameter(torch.zeros(0, 3))

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.out(inputs) * self.scale + self.empty.sum()
        return outputs


KINDS: dict[str, tuple[Make, bool]] = {  # and whether fused kernels train it
    "sparse": (Sparse, False),
    "sparse later": (Late, False),
    "complex": (Complex, False),
    "float16": (lambda data: Typed(data, torch.float16), False),
    "bfloat16": (lambda data: Typed(data, torch.bfloat16), False),
    "float64": (lambda data: Typed(data, torch.float64), True),
    "float32": (lambda data: Typed(data, torch.float32), True),
    "strided": (Strided, False),
    "scalar": (Scalar, True),
}


def with_model(task: wb.Task, make: Make, **recipe: object) -> wb.Task:
    changed = dataclasses.replace(task.recipe, **recipe)  # type: ignore[arg-type]
    return dataclasses.replace(task, model=make, recipe=changed)


def plainly_trained(task: wb.Task) -> list[Tensor]:
    """The parameters after the task's steps by torch.optim.SGD, on the same batches."""
    run = wb.start(task, 0, watchers=())
    model = copy.deepcopy(run.model)
    recipe = run.recipe
    optimizer = torch.optim.SGD(model.parameters(), recipe.lr, recipe.momentum, fused=False)
    decays = [round(share * recipe.steps) for share in recipe.milestones]
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, decays, recipe.decay)
    for batch in run:
        run.step(torch.full((len(batch),), 1 / len(batch)))
        optimizer.zero_grad()
        F.cross_entropy(model(batch.inputs).float(), batch.labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return list(model.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_parameter_is_trained_as_torch_trains_it(tiny: wb.Task, kind: str) -> None:
    make, fused = KINDS[kind]
    task = with_model(tiny, make)
    run = wb.start(task, 0, wb.make_weighter("uniform"))
    run.train()
    assert run.optimizer is not None
    assert is_fused(run.optimizer) == fused
    atol, rtol = (2e-2, 2e-2) if "16" in kind else (1e-5, 1e-4)
    for ours, plain in zip(run.model.parameters(), plainly_trained(task), strict=True):
        torch.testing.assert_close(ours, plain, atol=atol, rtol=rtol)


def test_a_step_that_fused_kernels_refuse_is_taken_once_by_everybody() -> None:
    """A group before the one with the sparse gradient has taken its step when that is refused."""
    matrix, words = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(3))
    model = nn.ParameterList([matrix, words])
    optimizer = build_optimizer(wb.Recipe(lr=0.5, momentum=0.9, weight_decay=0.1), model)
    for before in (0, 1):
        matrix.grad = torch.ones(2, 2)
        words.grad = torch.sparse_coo_tensor(
            torch.tensor([[1]]), torch.tensor([1.0]), (3,), check_invariants=True
        )
        assert is_fused(optimizer) == (before == 0)
        take_step(optimizer)
    plain = nn.Parameter(torch.ones(2, 2))
    expected = torch.optim.SGD([plain], 0.5, 0.9, weight_decay=0.1)
    for _ in range(2):
        plain.grad = torch.ones(2, 2)
        expected.step()
    torch.testing.assert_close(matrix, plain)
    torch.testing.assert_close(words.detach(), torch.tensor([1, 1 - 0.5 - 0.5 * 1.9, 1]))


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        ({"weight_decay": 0.1}, "weight decay takes no sparse gradients; set weight_decay=0"),
        ({"optimizer": "adamw"}, "adamw takes no sparse gradients; build the network with"),
    ],
)
def test_what_torch_has_no_sparse_step_for_is_said(
    tiny: wb.Task, recipe: dict[str, object], says: str
) -> None:
    with pytest.raises(BadSpec, match=says):
        wb.start(with_model(tiny, Sparse, **recipe), 0, wb.make_weighter("uniform")).train()


def test_other_errors_of_a_step_stay_what_they_are() -> None:
    layer = nn.Linear(2, 2)
    optimizer = build_optimizer(wb.Recipe(), layer)
    layer(torch.ones(1, 2)).sum().backward()

    def fails(*_: object) -> None:
        raise RuntimeError("no such kernel")

    optimizer.register_step_pre_hook(fails)
    with pytest.raises(RuntimeError, match="no such kernel"):
        take_step(optimizer)


@pytest.mark.parametrize(
    ("recipe", "torchs"),
    [
        ({"optimizer": "adamw"}, torch.optim.AdamW),
        ({"nesterov": True}, functools.partial(torch.optim.SGD, momentum=0.9, nesterov=True)),
    ],
    ids=["adamw", "nesterov"],
)
def test_optimisers_are_those_of_torch(
    tiny: wb.Task, recipe: dict[str, Any], torchs: Callable[..., torch.optim.Optimizer]
) -> None:
    task = with_model(tiny, KINDS["float32"][0], lr=0.01, weight_decay=0.1, **recipe)
    run = wb.start(task, 0)
    model = copy.deepcopy(run.model)
    groups: list[dict[str, Any]] = [
        {"params": [p for p in model.parameters() if p.ndim > 1]},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torchs(groups, lr=0.01, weight_decay=0.1)
    for batch in run:
        if run.steps_taken == 9:
            break
        run.step(torch.full((len(batch),), 1 / len(batch)))
        optimizer.zero_grad()
        F.cross_entropy(model(batch.inputs), batch.labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    for ours, plain in zip(run.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, plain, atol=1e-5, rtol=1e-4)


class Twin(wb.Weighter):
    """Trains a second network beside the first, from the same start and on the same batches."""

    def begin(self, run: wb.Run) -> None:
        self.model = copy.deepcopy(run.model)
        self.optimizer = run.optimizer(self.model)

    def weigh(self, batch: wb.Batch) -> Tensor:
        for group in self.optimizer.param_groups:
            group["lr"] = batch.run.recipe.rate_at(batch.step)
        self.optimizer.zero_grad()
        F.cross_entropy(self.model(batch.inputs), batch.labels).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return torch.full((len(batch),), 1 / len(batch))


@pytest.mark.parametrize(
    "changes", [{"schedule": "cosine"}, {"optimizer": "adamw", "lr": 0.01}, {"nesterov": True}]
)
def test_a_second_network_is_trained_as_the_first(tiny: wb.Task, changes: dict[str, Any]) -> None:
    recipe = dataclasses.replace(tiny.recipe, weight_decay=0.01, **changes)
    run = wb.start(dataclasses.replace(tiny, recipe=recipe), 0, twin := Twin())
    run.train()
    for one, other in zip(run.model.parameters(), twin.model.parameters(), strict=True):
        torch.testing.assert_close(one, other)
    assert run.step_work == pytest.approx(2)
