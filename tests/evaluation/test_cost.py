"""What a probe counts; how long things take is for the benchmarks."""

from __future__ import annotations

import pytest
import torch

from weightbench.evaluation.cost import LiveBytes, probe
from weightbench.evaluation.grid import missing_costs, plan_grid
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


def test_no_cost_is_asked_for_where_nothing_ran(tmp_path: object) -> None:
    store = Store(str(tmp_path))
    grid = plan_grid([TASK], ["l2rw"], 1, "cpu", store)
    assert missing_costs(grid, store) == []
