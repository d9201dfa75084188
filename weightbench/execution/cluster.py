"""Jobs on a Ray cluster, each in a process of its own with the limits that local ones have.

Ray chooses the node and starts a worker there. The worker keeps one process beside it, as the local
pool does, and gives it one job after another: so a job that hangs, crashes or fills the memory ends
the same way as on one machine, and Ray's own worker stays. What comes from outside (a node that is
lost, a worker that is killed) is tried again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import pickle
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from pebble import ProcessPool

from weightbench.errors import ExecutorError
from weightbench.execution.processes import KILLED, Lost, new_pool, result_of, short_folder
from weightbench.records.schema import Status

J = TypeVar("J")
R = TypeVar("R")

_SESSION = len("/ray/session_2026-01-01_00-00-00_123456_1234567/sockets/plasma_store")
_TRIES = 4  # of a job whose node or worker was lost
_PATIENCE = 60.0  # seconds to wait for a whole node


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Be connected to a Ray cluster.

    Args:
        address: as Ray takes it: ``auto``, ``host:port``, ``ray://host:port``; None is the one
            that runs here, or RAY_ADDRESS, or one that is started on this machine until the end.

    Raises:
        ExecutorError: Ray is not installed, or there is no such cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else Ray warns about it
    try:
        import ray
    except ImportError:
        raise ExecutorError(
            "running trials on Ray needs the extra ray: pip install 'weightbench[ray]'"
        ) from None
    os.environ.setdefault("RAY_TMPDIR", short_folder(_SESSION))
    address = address or os.environ.get("RAY_ADDRESS")
    try:
        _knock(address or "")
        ray.init(address, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        where = address or "this machine"
        raise ExecutorError(f"no Ray cluster at {where}: {_line(error)}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """See that somebody listens at ``host:port``; Ray would try for minutes and say much.

    Raises:
        OSError: nobody does.
    """
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=10).close()


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The Ray cluster this process is connected to, and what a job takes of it.

    Attributes:
        cpus: of a job.
        gpus: of a job; .25 lets four share one.
        memory: bytes of data a job may hold, taken of its node; None is the share of the node's
            memory that goes with the CPUs, not counted by Ray.
        shared: whether the folder of records is on a disk that every node sees.
        group: Ray's name of what is reserved for the jobs; None where nothing is.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    memory: int | None = None
    shared: bool = False
    group: Any = None

    def run(
        self,
        jobs: Sequence[J],
        work: Callable[[J], R],
        lost: Lost[J, R],
        *,
        seconds: float,
        fresh: bool = False,
    ) -> Iterator[tuple[J, R]]:
        """Run ``work`` on each job somewhere; yields as they finish. See ``in_processes``.

        Raises:
            ExecutorError: weightbench is not installed on a node.
        """
        import ray

        host = ray.remote(_host).options(**self._needs())
        packed, takes = ray.put(pickle.dumps(work)), dataclasses.replace(self, group=None)

        def start(job: J) -> Any:
            return host.remote(packed, pickle.dumps(job), seconds, fresh, takes)

        running = {start(job): (job, 1) for job in jobs}
        # Left early, jobs end with the connection. To cancel one that is just done is a race in
        # which Ray aborts the process ("Tried to complete task that was not pending").
        while running:
            (done,), _ = ray.wait(list(running), num_returns=1)
            job, tries = running.pop(done)
            answer = _answer(done)
            if isinstance(answer, bytes):
                yield job, pickle.loads(answer)
            elif answer.again and tries < _TRIES:
                running[start(job)] = job, tries + 1
            else:
                tried = f" ({tries} tries)" if tries > 1 else ""
                yield job, lost(job, answer.status, answer.reason + tried)

    @contextlib.contextmanager
    def whole_node(self, patience: float = _PATIENCE) -> Iterator[Cluster]:
        """The largest node for one job at a time, all its CPUs reserved.

        Raises:
            ExecutorError: it is not free for ``patience`` seconds.
        """
        import ray
        from ray.util import placement_group, remove_placement_group

        # No node has more CPUs, so what is reserved fills the node it is found on.
        node = max(
            filter(self._fits, _nodes()),
            key=lambda node: (node.get("CPU", 0), node.get("GPU", 0)),
            default=None,
        )
        if node is None:
            raise ExecutorError(str(self.shortage()))
        wanted = {name: node[name] for name in ("CPU", "GPU") if node.get(name)}
        if self.memory:
            wanted["memory"] = self.memory
        group = placement_group([wanted], strategy="STRICT_PACK")
        try:
            if not group.wait(patience):
                raise ExecutorError(f"no node was free as a whole within {patience:g} s")
            gpus = max(1.0, self.gpus) if self.gpus else 0.0
            yield dataclasses.replace(self, cpus=wanted["CPU"], gpus=gpus, group=group)
        finally:
            if ray.is_initialized():
                remove_placement_group(group)

    def shortage(self) -> str | None:
        """Why no node of the cluster can take a job, in words; None where one can."""
        if any(map(self._fits, _nodes())):
            return None
        memory = f", {self.memory / 2**30:g} GiB" if self.memory else ""
        return f"no node of the cluster has {self.cpus:g} CPUs, {self.gpus:g} GPUs{memory}"

    def _fits(self, node: Mapping[str, float]) -> bool:
        wanted = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory or 0}
        return all(node.get(name, 0) >= amount for name, amount in wanted.items())

    def _needs(self) -> dict[str, Any]:
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        needs: dict[str, Any] = {
            "num_cpus": self.cpus, "num_gpus": self.gpus, "max_retries": 0,
        }  # fmt: skip
        if self.memory:
            needs["memory"] = self.memory
        if self.group:
            needs["scheduling_strategy"] = PlacementGroupSchedulingStrategy(self.group)
        return needs


@dataclasses.dataclass(frozen=True)
class _Lost:
    """Why there is no result, and whether another try may end otherwise."""

    status: Status
    reason: str
    again: bool


def _answer(done: Any) -> bytes | _Lost:
    """What a finished job has left: its packed result, or why there is none."""
    import ray
    from ray import exceptions

    try:
        answer: bytes | _Lost = ray.get(done)
    except exceptions.OutOfMemoryError:
        return _Lost("oom", "its node ran out of memory", again=True)
    except exceptions.RayTaskError as error:
        if "failed to import" in str(error):
            raise ExecutorError(
                "a node of the cluster cannot import weightbench: install there what is installed "
                f"here ({_line(error)})"
            ) from error
        return _Lost("error", f"on the cluster: {_line(error)}", again=True)
    except exceptions.RayError as error:
        return _Lost("error", _line(error), again=True)
    return answer


def _line(error: Exception) -> str:
    """The line of an error that says what is wrong: of Ray's long ones, the last."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return lines[-1] if any("Traceback" in line for line in lines) else lines[0]


def _host(work: bytes, job: bytes, seconds: float, fresh: bool, takes: Cluster) -> bytes | _Lost:
    """What a Ray worker does: gives the job to the process beside it, and waits."""
    share = min(takes.gpus, 1.0) or None
    pool = _pool(
        takes.memory or _share(takes.cpus), share, fresh, os.environ.get("CUDA_VISIBLE_DEVICES")
    )
    future: Future[bytes | _Lost] = pool.schedule(_packed, args=[work, job], timeout=seconds)
    return result_of(future, None, _lost, seconds)


def _packed(work: bytes, job: bytes) -> bytes:
    """Do the work, in the process beside a Ray worker; that one has no need to read the result."""
    return pickle.dumps(pickle.loads(work)(pickle.loads(job)))


def _lost(_: None, status: Status, reason: str) -> _Lost:
    return _Lost(status, reason, again=reason == KILLED)


_POOLS: dict[tuple[int, float | None, bool, str | None], ProcessPool] = {}


def _pool(memory: int, share: float | None, fresh: bool, devices: str | None) -> ProcessPool:
    """The process beside this Ray worker; a new one where what it may have has changed."""
    key = (memory, share, fresh, devices)
    if key not in _POOLS or not _POOLS[key].active:
        for old in _POOLS.values():
            old.stop()  # type: ignore[no-untyped-call]
        _POOLS.clear()
        # A child would first run the main script of its parent, here Ray's own, again.
        vars(sys.modules["__main__"]).pop("__file__", None)
        visible = {} if devices is None else {"CUDA_VISIBLE_DEVICES": devices}
        _POOLS[key] = new_pool(1, memory, share, fresh=fresh, environment=visible)
    return _POOLS[key]


@functools.cache
def _share(cpus: float) -> int:
    """Bytes of this node's memory that go with some of its CPUs."""
    import ray

    own = ray.get_runtime_context().get_node_id()
    node = next(node["Resources"] for node in ray.nodes() if node["NodeID"] == own)
    return int(node["memory"] * cpus / node["CPU"])


def _nodes() -> list[dict[str, float]]:
    """What each living node has in all."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]
