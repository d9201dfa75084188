"""Trials on a Ray cluster of two nodes: the records of one machine, whatever becomes of a node."""

from __future__ import annotations

import os
import re
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from torch import Tensor

import weightbench as wb
from tests.commands.test_cli import records_of
from tests.execution.test_execution import lost
from tests.execution.test_execution import work as local_work
from tests.shell import TINY, broken, evaluate, start
from tests.training.test_checkpoint import StopAt
from weightbench.cli import main
from weightbench.errors import ExecutorError
from weightbench.evaluation import PRELOAD
from weightbench.evaluation.grid import Grid, missing_costs, plan_grid, run_grid, run_probes
from weightbench.evaluation.remote_files import RemoteFiles, with_files
from weightbench.execution import Limits, Local
from weightbench.execution.cluster import Cluster, connected
from weightbench.execution.on_ray import Ray
from weightbench.records.schema import Record
from weightbench.records.store import Store
from weightbench.training.best_on_select import BestOnSelect
from weightbench.training.state import TrainingState
from weightbench.training.task import make_task
from weightbench.training.weight_log import WeightLog
from weightbench.training.weighter import make_weighter

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("ray"),  # one cluster for all of them
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]

LIMITS = Limits(workers=0, seconds=60, memory=2**33)
HERE, THERE = Local(LIMITS), Ray(LIMITS, Cluster(), PRELOAD)
STOPPED = "\nstopped; finished trials are kept, the same command goes on\n"
NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two nodes of one CPU each, and this process connected to them."""
    utils = pytest.importorskip("ray.cluster_utils")
    head = {
        **NODE,
        "_system_config": {
            "health_check_initial_delay_ms": 0, "health_check_period_ms": 500,
            "health_check_failure_threshold": 4, "worker_niceness": 0,
        },
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        # Nodes leave nothing in the home of whoever runs the tests.
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        cluster = utils.Cluster(initialize_head=True, head_node_args=head)
        cluster.add_node(**NODE)
        try:
            with connected(cluster.address):
                cluster.wait_for_nodes()
                yield cluster
        finally:
            cluster.shutdown()


def grid_of(out: Path, *weighters: str, seeds: int, task: str = TINY) -> tuple[Grid, Store]:
    store = Store(out)
    return plan_grid([task], weighters, seeds, "cpu", store), store


def apart_from_times(records: dict[str, Record]) -> dict[str, Record]:
    """Records without what no two runs share."""
    same: dict[str, Record] = {}
    for key, record in records.items():
        made = record.training and record.training.model_copy(update={"phases": {}})
        same[key] = record.model_copy(update={"training": made, "finished": "some day"})
    return same


def inline(out: Path, *weighters: str, seeds: int, task: str = TINY) -> dict[str, Record]:
    """What the same evaluation leaves in this process."""
    grid, store = grid_of(out, *weighters, seeds=seeds, task=task)
    list(run_grid(grid, store, HERE))
    return apart_from_times(records_of(out))


def work(job: Any) -> str:
    """As on one machine, and what only a cluster mends."""
    kind, argument = job
    if kind == "hang":
        re.match("(a+)+$", "a" * 64 + "b")  # in C, and other threads wait too
    if kind.startswith("once-") and not Path(argument).exists():
        Path(argument).touch()
        server = os.getppid()  # that this process was forked from; its parent is Ray's worker
        worker = int(Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(os.getpid() if kind == "once-killed" else worker, signal.SIGKILL)
        time.sleep(60)
    return local_work(job)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_every_job_has_its_own_end(nodes: Any, tmp_path: Path) -> None:
    jobs: list[tuple[str, Any]] = [
        ("exit", 5), ("add", 1), ("signal", signal.SIGSEGV), ("add", 2), ("hang", 0), ("exit", 0),
        ("fill", 1000), ("add", 3), ("signal", signal.SIGKILL), ("add", 4),
        ("once-killed", tmp_path / "process"), ("once-worker", tmp_path / "worker"),
    ]  # fmt: skip
    small = Ray(Limits(workers=0, seconds=6, memory=0), Cluster(memory=2**30), PRELOAD)
    results: dict[Any, str] = dict(small.run(jobs, work, lost))
    assert results == {
        ("exit", 5): "error: the process exited with status 5 in mid-trial",
        ("exit", 0): "error: the process exited with status 0 in mid-trial",
        ("signal", signal.SIGSEGV): "error: the process was killed by SIGSEGV",
        ("signal", signal.SIGKILL): (
            "error: the process was killed by SIGKILL; the system may have run out of memory "
            "(4 tries)"
        ),
        ("hang", 0): "timeout: it took longer than 6 s and was stopped",
        ("fill", 1000): "oom: out of memory",
        **{("add", i): f"did add {i}" for i in (1, 2, 3, 4)},
        **{job: f"did {job[0]} {job[1]}" for job in jobs[-2:]},
    }


def test_records_are_those_of_one_process(nodes: Any, tmp_path: Path) -> None:
    weighters = ("random", "l2rw", broken("Raises"), broken("Diverges"), broken("Peeks"))
    grid, store = grid_of(tmp_path / "ray", *weighters, seeds=2)
    yielded = list(run_grid(grid, store, THERE))
    there = records_of(tmp_path / "ray")
    assert {record.trial.key: record for record in yielded} == there
    assert apart_from_times(there) == inline(tmp_path / "here", *weighters, seeds=2)
    assert {record.status for record in yielded} == {"ok", "error", "diverged", "skipped"}
    assert store.audit() == []
    assert len(list((tmp_path / "ray" / "weights").iterdir())) == len(
        list((tmp_path / "here" / "weights").iterdir())
    )


def test_a_plugin_file_travels(nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers look from another folder, so they find it only because it came along."""
    monkeypatch.chdir(tmp_path)
    text = "import weightbench as wb\nfrom weightbench.methods.uniform import Uniform\n"
    Path("mine.py").write_text(text + "class Mine(Uniform): 'my own'\n")
    grid, store = grid_of(tmp_path / "ray", "mine.py:Mine", seeds=1)
    assert [r.status for r in run_grid(grid, store, THERE)] == ["ok"] * 3


class Marked(StopAt):
    """Leaves a time that no trial on the tiny task takes."""

    def after_step(self, training: TrainingState, batch: wb.Batch, weights: Tensor) -> None:
        if training.steps_taken == self.step:
            training.clock.seconds["train"] += 1000
        super().after_step(training, batch, weights)


def test_a_shared_folder_is_gone_on_from(nodes: Any, tmp_path: Path) -> None:
    grid, store = grid_of(tmp_path / "ray", seeds=1)
    state = store.unfinished / f"{grid.missing[0].key}.pt"
    watchers = [WeightLog(), BestOnSelect(), Marked(state, 7)]
    begun = wb.start(make_task(TINY), 0, make_weighter("uniform"), watchers=watchers)
    with pytest.raises(KeyboardInterrupt):
        begun.train()
    assert state.exists()
    list(run_grid(grid, store, Ray(LIMITS, Cluster(shared=True), PRELOAD)))
    there = records_of(tmp_path / "ray")
    made = there[state.stem].training
    assert made is not None
    assert made.phases["train"] > 1000
    assert apart_from_times(there) == inline(tmp_path / "here", seeds=1)
    assert not state.exists()


def test_a_node_without_the_shared_folder_says_so(tmp_path: Path) -> None:
    files = RemoteFiles({}, "", tmp_path / "nowhere")
    said = with_files(("add", 1), work=local_work, lost=lost, files=files)
    assert said.startswith("error: ")
    assert said.endswith(f"cannot write to {tmp_path / 'nowhere'}")


def test_costs_are_measured_on_a_node_of_their_own_or_not_at_all(
    nodes: Any, tmp_path: Path
) -> None:
    grid, store = grid_of(tmp_path, seeds=1)
    list(run_grid(grid, store, HERE))
    probes = missing_costs(grid, store)
    with THERE.alone(), THERE.alone():
        (said,) = run_probes(probes, store, Impatient(LIMITS, Cluster(), PRELOAD))
    assert said == "costs were not measured: no node was free as a whole within 0.5 s"
    assert list(run_probes(probes, store, THERE)) == probes
    assert missing_costs(grid, store) == []


class Impatient(Ray):
    """Waits for half a second."""

    def alone(self, patience: float = 0.5) -> Any:
        return super().alone(patience)


def test_what_no_node_has_is_said(nodes: Any) -> None:
    assert Cluster().shortage() is None
    assert Cluster(cpus=64, memory=2**30).shortage() == (
        "no node of the cluster has 64 CPUs, 0 GPUs, 1 GiB"
    )


def test_stopped_in_mid_run_it_goes_on(nodes: Any, tmp_path: Path) -> None:
    """The command dies, is started again, interrupted, and started a third time."""
    task, out = "digits-background-flip-v0[steps=300]", tmp_path / "ray"
    command = ["evaluate", "--executor", "ray", "--address", nodes.address, "--task", task,
               "--weighter", "random", "--seeds", "3", "--out", str(out)]  # fmt: skip
    seen = 0
    for kind, code in ((signal.SIGKILL, -9), (signal.SIGINT, 130)):
        with start(*command) as process:
            deadline = time.monotonic() + 180
            while len(list(out.glob("records/*.json"))) < seen + 2:
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            process.send_signal(kind)
            _, said = process.communicate(timeout=60)
        assert process.returncode == code, said
        assert said == ("" if kind is signal.SIGKILL else STOPPED)
        assert seen + 2 <= len(records_of(out)) < 9
        seen = len(records_of(out))
        assert Store(out).audit() == []
    grid, store = grid_of(out, "random", seeds=3, task=task)
    assert len(list(run_grid(grid, store, THERE))) == 9 - seen
    there = apart_from_times(records_of(out))
    assert there == inline(tmp_path / "here", "random", seeds=3, task=task)


def test_a_node_is_lost_in_mid_run(nodes: Any, tmp_path: Path) -> None:
    """Last, for the cluster has one node less after it."""
    weighters = (broken("Slow"),)
    grid, store = grid_of(tmp_path / "ray", *weighters, seeds=5)
    for told, _ in enumerate(run_grid(grid, store, THERE)):
        if told == 2:
            nodes.remove_node(nodes.list_all_nodes()[-1], allow_graceful=False)
    there = apart_from_times(records_of(tmp_path / "ray"))
    assert there == inline(tmp_path / "here", *weighters, seeds=5)


def here(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_without_ray_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    command = evaluate(tmp_path)
    result = here(*command[: command.index("--workers")], "--executor", "ray")
    assert result.exit_code == 1
    assert result.stderr == (
        "error: running trials on Ray needs the extra ray: pip install 'weightbench[ray]'\n"
    )


@pytest.mark.parametrize("address", ["127.0.0.1:1", "no address"])
def test_no_cluster_there(address: str) -> None:
    pytest.importorskip("ray")
    with (
        pytest.raises(ExecutorError, match=f"no Ray cluster at {address}: "),
        connected(address),
    ):
        pass


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--executor", "ray", "--workers", "2"), "--workers goes with --executor local"),
        (("--gpus", "0.25"), "--gpus goes with --executor ray"),
        (("--shared",), "--shared goes with --executor ray"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    options: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    result = here("evaluate", *options, "--out", str(tmp_path / "runs"))
    assert result.exit_code == 2
    assert says in result.stderr
    assert not (tmp_path / "runs").exists()
