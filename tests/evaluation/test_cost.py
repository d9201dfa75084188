"""What a probe counts; how long things take is for the benchmarks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import weightbench as wb
from weightbench.evaluation.cost import LiveBytes, probe
from weightbench.evaluation.grid import missing_costs, plan_grid
from weightbench.evaluation.provenance import provenance
from weightbench.evaluation.trial import plan
from weightbench.records.schema import Cost
from weightbench.records.store import Store

TASK = "digits-background-flip-v0"


def probed(weighter: str, baseline: str = "uniform") -> Cost:
    (trial,) = plan([TASK], [weighter], [0], "cpu")
    return probe(trial, baseline)


@pytest.fixture(scope="module")
def reweighting() -> Cost:
    return probed("l2rw")


def test_uniform_beside_itself_counts_the_same() -> None:
    cost = probed("uniform")
    assert cost.flop_ratio == 1
    assert cost.memory_ratio == 1
    assert cost.time_low <= cost.time_ratio <= cost.time_high


def test_reweighting_takes_more_flops_and_memory(reweighting: Cost) -> None:
    assert reweighting.flop_ratio is not None
    assert reweighting.flop_ratio > 1.2
    assert reweighting.memory_ratio > 1
    assert reweighting.step_seconds > 0


def test_counts_are_the_same_every_time(reweighting: Cost) -> None:
    again = probed("l2rw")
    assert again.flop_ratio == reweighting.flop_ratio
    assert again.memory_ratio == reweighting.memory_ratio


def test_live_bytes_are_counted_once_and_released() -> None:
    with LiveBytes() as live:
        a = torch.ones(1000)
        assert live.now == 4000
        b = a.view(10, 100)  # the same storage
        assert live.now == 4000
        c = a * 2
        assert live.now == 8000
        del c
        assert live.now == 4000
        del a, b
        assert live.now == 0
    assert live.peak == 8000


def test_bytes_from_outside_are_not_counted() -> None:
    outside = torch.ones(1000)
    with LiveBytes() as live:
        outside.add_(1)
    assert live.peak == 0


WIDE = """
import torch
import weightbench as wb


class Wide(wb.Weighter):
    def begin(self, run):
        self.extra = torch.nn.Parameter(torch.zeros({size}))

    def parameters(self):
        return [self.extra]

    def losses(self, logits, labels):
        return super().losses(logits + self.extra.sum(), labels)

    def weigh(self, batch):
        return torch.full((len(batch),), 1 / len(batch))
"""


def test_memory_is_that_of_model_optimiser_and_step(tmp_path: Path) -> None:
    """Beside a weighter with a parameter of known size, whose gradient a step holds besides, and
    whose momentum the optimiser: so a plain step's bytes follow from the ratio.
    """
    size = 4 * 200_000
    path = tmp_path / "wide.py"
    path.write_text(WIDE.format(size=size // 4))

    def plain(momentum: float) -> float:
        task = f"{TASK}[batch_size=4,momentum={momentum}]"
        (trial,) = plan([task], [f"{path}:Wide"], [0], "cpu")
        extra = size * (2 if momentum else 1)
        return extra / (probe(trial, "uniform").memory_ratio - 1)

    task = wb.make_task(TASK)
    model = sum(p.nbytes for p in task.build_model(0).parameters())
    without, with_momentum = plain(0.0), plain(0.9)
    assert without == pytest.approx(2 * model, rel=0.15)  # parameters and gradients
    assert with_momentum - without == pytest.approx(model, rel=0.02)


def test_time_and_operations_are_those_of_the_weighter_over_uniforms() -> None:
    """Beside another baseline both ratios are smaller, and turned round they are the inverse."""
    there, back = probed("l2rw"), probed("uniform", "l2rw")
    assert there.flop_ratio is not None
    assert back.flop_ratio is not None
    assert there.flop_ratio * back.flop_ratio == pytest.approx(1)
    assert there.memory_ratio * back.memory_ratio == pytest.approx(1)
    assert there.flop_ratio > 1 > back.flop_ratio
    assert 0 < there.time_low <= there.time_ratio <= there.time_high
    assert there.trial.weighter == "l2rw"
    assert there.provenance == provenance("cpu")


def test_no_cost_is_asked_for_where_nothing_ran(tmp_path: object) -> None:
    store = Store(str(tmp_path))
    grid = plan_grid([TASK], ["l2rw"], 1, "cpu", store)
    assert missing_costs(grid, store) == []
