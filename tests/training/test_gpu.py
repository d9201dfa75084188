"""What can only be tried on a GPU. docs/gpu.md says what is proven without one."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

import weightbench as wb
from tests.alignment.cases import BUILT_IN, Case, built_in
from tests.shell import TINY, broken
from tests.training.test_replay import REPLAYED, TASKS, Plain, begun
from weightbench.alignment import Way
from weightbench.evaluation import PRELOAD
from weightbench.evaluation.trial import failed, plan, run_trial
from weightbench.execution import Limits, Local
from weightbench.registry import WEIGHTERS
from weightbench.training.replay import Replay, stepper

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def on_gpu(own: Case) -> Case:
    return Case(
        own.model.cuda(), own.inputs.cuda(), own.labels.cuda(), own.clean_inputs.cuda(),
        own.clean_labels.cuda(), own.loss,
    )  # fmt: skip


@pytest.mark.parametrize("way", ["higher", "fused", "layerwise"])
@pytest.mark.parametrize("name", BUILT_IN)
def test_alignment_is_what_it_is_on_a_cpu(name: str, way: Way) -> None:
    if way == "layerwise" and name == "resnet32-batch":
        return  # it refuses
    aligned, gradients = built_in(name, torch.float64).step(way)
    on, there = on_gpu(built_in(name, torch.float64)).step(way)
    scale = float(aligned.abs().max())
    torch.testing.assert_close(on.cpu(), aligned, rtol=0, atol=1e-9 * scale)
    for parameter, gradient in gradients.items():
        scale = max(float(gradient.abs().max()), 1e-30)
        torch.testing.assert_close(there[parameter].cpu(), gradient, rtol=0, atol=1e-8 * scale)


def gpu_run(kind: str, weighter: str | wb.Weighter) -> wb.Trainer:
    """A run of 60 steps."""
    task = TASKS[kind]
    task = dataclasses.replace(task, recipe=dataclasses.replace(task.recipe, steps=60))
    return begun(task, weighter, stepper, "cuda")


@contextlib.contextmanager
def exact() -> Iterator[None]:
    """No TF32, and kernels that always sum in the same order, where there are such."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
        torch.backends.cudnn.deterministic = False


def parameters(run: wb.Trainer) -> Tensor:
    return torch.cat(
        [tensor.double().flatten().cpu() for tensor in run.model.state_dict().values()]
    )


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("name", WEIGHTERS.names())
def test_a_captured_graph_trains_as_eager_steps_do(name: str, kind: str) -> None:
    if name == "l2rw-layerwise" and kind not in ("table", "images"):
        return  # it refuses batch norm
    with exact():
        plain, other = gpu_run(kind, name), gpu_run(kind, name)
        taker = Replay(other)
        for batch in plain:
            plain.weigh_and_step(batch)
        for batch in other:
            taker.step(batch)
    assert (taker.replayed > 0) == (name in REPLAYED), taker.reason
    tolerance = 2e-2 if kind == "bfloat16" else 1e-4
    torch.testing.assert_close(parameters(plain), parameters(other), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", sorted(REPLAYED - {"adaboost"}))
@pytest.mark.parametrize("replays", [True, False])
def test_no_step_waits_for_the_device(name: str, replays: bool) -> None:
    """Between looks at values and at the select split, and after a capture was proven."""
    run = gpu_run("images", name)
    taker = Replay(run)
    try:
        for batch in run:
            between = 13 <= run.steps_taken < 17 or 32 <= run.steps_taken < 35
            torch.cuda.set_sync_debug_mode("error" if between else "default")
            if replays or not between:
                taker.step(batch)
            else:
                run.weigh_and_step(batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert taker.reason is None


@pytest.mark.parametrize("name", ["random", "mentornet", "resample", "hard-mining"])
def test_steps_that_wait_are_taken_eagerly(name: str) -> None:
    run = gpu_run("table", name)
    run.train()
    assert run.steps_taken == 60


class Looks(Plain):
    """Waits for the device in every step."""

    def weigh(self, batch: wb.Batch) -> Tensor:
        batch.losses.mean().item()
        return torch.full((len(batch),), 1 / len(batch), device=batch.labels.device)


class Breaks(Plain):
    """Cannot be captured, which only the attempt tells."""

    def weigh(self, batch: wb.Batch) -> Tensor:
        if torch.cuda.is_current_stream_capturing():
            torch.cuda.synchronize()
        return torch.full((len(batch),), 1 / len(batch), device=batch.labels.device)


@pytest.mark.parametrize(
    ("make", "why"), [(Looks, "waits for the device"), (Breaks, "cannot be captured")]
)
def test_what_cannot_be_captured_goes_on_eagerly(make: type[wb.Weighter], why: str) -> None:
    with exact():
        plain, other = gpu_run("images", "uniform"), gpu_run("images", make())
        for batch in plain:
            plain.weigh_and_step(batch)
        taker = Replay(other)
        for batch in other:
            taker.step(batch)
    assert taker.reason is not None
    assert why in taker.reason
    torch.testing.assert_close(parameters(plain), parameters(other), rtol=1e-4, atol=1e-4)
    assert torch.nn.functional.dropout(torch.ones(9, device="cuda")).shape == (9,)


def test_augmentation_and_order_are_those_of_a_cpu() -> None:
    one, other = begun(TASKS["images"], "uniform"), gpu_run("images", "uniform")
    alike = 0
    for a, b, _ in zip(one, other, range(20), strict=False):
        assert torch.equal(a.inputs, b.inputs.cpu())
        assert torch.equal(a.labels, b.labels.cpu())
        one.weigh_and_step(a)
        other.weigh_and_step(b)
        alike += 1
    assert alike == 20


def test_workers_share_a_gpu_and_record_its_peak_memory() -> None:
    trials = plan([TINY], ["l2rw-auto"], range(3), "cuda")
    two = Local(Limits(workers=2, seconds=300, memory=2**30), "cuda", PRELOAD)
    done = dict(two.run(trials, run_trial, failed))
    for trial in trials:
        record = done[trial].record
        assert record.status == "ok", record.reason
        assert record.training is not None
        assert record.training.peak_bytes


def test_no_memory_on_the_device_is_a_row() -> None:
    (trial,) = plan([TINY], [broken("FillsDevice")], [0], "cuda")
    record = run_trial(trial).record
    assert record.status == "oom"
    assert "out of memory" in record.reason
