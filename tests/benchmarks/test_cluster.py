"""What a second node gains, and what Ray costs a trial."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.conftest import report
from weightbench.evaluation import PRELOAD
from weightbench.evaluation.grid import Grid, plan_grid, run_grid
from weightbench.execution import Executor, Limits, Local
from weightbench.execution.cluster import Cluster, connected
from weightbench.execution.on_ray import Ray
from weightbench.records.store import Store
from weightbench.registry import SUITES

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own

LIMITS = Limits(workers=0, seconds=600, memory=2**33)
HERE, THERE = Local(LIMITS), Ray(LIMITS, Cluster(), PRELOAD)
SEEDS = 40


@contextlib.contextmanager
def nodes(count: int) -> Iterator[None]:
    """A cluster of ``count`` nodes with one CPU each, and this process connected to it."""
    utils = pytest.importorskip("ray.cluster_utils")
    node = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    # Ray's workers are nice by default, and would measure what else the machine does.
    head = {**node, "_system_config": {"worker_niceness": 0}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        cluster = utils.Cluster(initialize_head=True, head_node_args=head)
        for _ in range(count - 1):
            cluster.add_node(**node)
        try:
            with connected(cluster.address):
                cluster.wait_for_nodes()
                yield
        finally:
            cluster.shutdown()


def seconds(grid: Grid, store: Store, executor: Executor) -> float:
    """Until the last record is in the store."""
    started = time.perf_counter()
    records = list(run_grid(grid, store, executor))
    assert {record.status for record in records} == {"ok"}
    return time.perf_counter() - started


def bench_two_nodes_beside_one(benchmark: Any, tmp_path: Path) -> None:
    """All trials of the quick suite, starting Ray's workers and loading torch there counted."""
    quick, times = SUITES.get("quick"), {1: 0.0, 2: 0.0}
    for count in times:
        store = Store(tmp_path / str(count))
        grid = plan_grid(quick.tasks, quick.weighters, quick.seeds, "cpu", store)
        with nodes(count):
            times[count] = seconds(grid, store, THERE)
    benchmark.pedantic(lambda: None)
    report("quick suite on Ray, one node / two nodes", f"{times[1] / times[2]:.2f}")


def bench_overhead_of_a_trial(benchmark: Any, tmp_path: Path) -> None:
    """Tiny trials on one warm node beside the same ones in this process."""

    def run(name: str, seeds: int, executor: Executor) -> float:
        store = Store(tmp_path / name)
        return seconds(
            plan_grid(["digits-background-flip-v0[steps=20]"], ["uniform"], seeds, "cpu", store),
            store,
            executor,
        )

    with nodes(1):
        run("warm", 1, THERE)
        there = run("there", SEEDS, THERE)
    run("warm here", 1, HERE)
    here = run("here", SEEDS, HERE)
    benchmark.pedantic(lambda: None)
    overhead = (there - here) / (2 * SEEDS)
    report("Ray's overhead of a trial beside this process, seconds", f"{overhead:.3f}")
