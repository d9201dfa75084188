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
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, ClassVar, TypeVar

from pebble import ProcessPool

from weightbench.errors import ExecutorError
from weightbench.execution.cluster import Cluster, line_of
from weightbench.execution.executor import Limits
from weightbench.execution.processes import BARE, KILLED, Lost, new_pool, result_of
from weightbench.records.schema import Status

J = TypeVar("J")
R = TypeVar("R")

_TRIES = 4  # of a job whose node or worker was lost
_PATIENCE = 60.0  # seconds to wait for a whole node


@dataclasses.dataclass(frozen=True)
class Ray:
    """Jobs on the nodes of a cluster.

    Attributes:
        limits: the seconds are a job's; the rest is of what runs on this machine instead.
        cluster: what a job takes.
        preload: modules that processes are born with.
    """

    limits: Limits
    cluster: Cluster
    preload: Sequence[str] = BARE

    is_remote: ClassVar[bool] = True

    @property
    def shares_disk(self) -> bool:
        """See :attr:`Executor.shares_disk`."""
        return self.cluster.shared

    def run(
        self, jobs: Sequence[J], work: Callable[[J], R], lost: Lost[J, R], *, fresh: bool = False
    ) -> Iterator[tuple[J, R]]:
        """See :meth:`Executor.run`.

        Raises:
            ExecutorError: weightbench is not installed on a node.
        """
        import ray

        host = ray.remote(_host).options(**self.cluster.options())
        there = dataclasses.replace(self, cluster=dataclasses.replace(self.cluster, group=None))
        packed = ray.put(pickle.dumps(work))

        def start(job: J) -> Any:
            return host.remote(packed, pickle.dumps(job), fresh, there)

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
    def alone(self, patience: float = _PATIENCE) -> Iterator[Ray]:
        """See :meth:`Executor.alone`: the largest node, all its CPUs reserved.

        Raises:
            ExecutorError: it is not free for ``patience`` seconds.
        """
        import ray
        from ray.util import placement_group, remove_placement_group

        # No node has more CPUs, so what is reserved fills the node it is found on.
        cluster, node = self.cluster, self.cluster.largest()
        if node is None:
            raise ExecutorError(str(cluster.shortage()))
        wanted = {name: node[name] for name in ("CPU", "GPU") if node.get(name)}
        if cluster.memory:
            wanted["memory"] = cluster.memory
        group = placement_group([wanted], strategy="STRICT_PACK")
        try:
            if not group.wait(patience):
                raise ExecutorError(f"no node was free as a whole within {patience:g} s")
            gpus = max(1.0, cluster.gpus) if cluster.gpus else 0.0
            whole = dataclasses.replace(cluster, cpus=wanted["CPU"], gpus=gpus, group=group)
            yield dataclasses.replace(self, cluster=whole)
        finally:
            if ray.is_initialized():
                remove_placement_group(group)


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
                f"here ({line_of(error)})"
            ) from error
        return _Lost("error", f"on the cluster: {line_of(error)}", again=True)
    except exceptions.RayError as error:
        return _Lost("error", line_of(error), again=True)
    return answer


def _host(work: bytes, job: bytes, fresh: bool, there: Ray) -> bytes | _Lost:
    """What a Ray worker does: gives the job to the process beside it, and waits."""
    takes, seconds = there.cluster, there.limits.seconds
    pool = _pool(
        takes.memory or _share(takes.cpus),
        min(takes.gpus, 1.0) or None,
        fresh,
        os.environ.get("CUDA_VISIBLE_DEVICES"),
        tuple(there.preload),
    )
    future: Future[bytes | _Lost] = pool.schedule(_packed, args=[work, job], timeout=seconds)
    return result_of(future, None, _lost, seconds)


def _packed(work: bytes, job: bytes) -> bytes:
    """Do the work, in the process beside a Ray worker; that one has no need to read the result."""
    return pickle.dumps(pickle.loads(work)(pickle.loads(job)))


def _lost(_: None, status: Status, reason: str) -> _Lost:
    return _Lost(status, reason, again=reason == KILLED)


_POOLS: dict[tuple[int, float | None, bool, str | None, tuple[str, ...]], ProcessPool] = {}


def _pool(
    memory: int, share: float | None, fresh: bool, devices: str | None, preload: tuple[str, ...]
) -> ProcessPool:
    """The process beside this Ray worker; a new one where what it may have has changed."""
    key = (memory, share, fresh, devices, preload)
    if key not in _POOLS or not _POOLS[key].active:
        for old in _POOLS.values():
            old.stop()  # type: ignore[no-untyped-call]
        _POOLS.clear()
        # A child would first run the main script of its parent, here Ray's own, again.
        vars(sys.modules["__main__"]).pop("__file__", None)
        visible = {} if devices is None else {"CUDA_VISIBLE_DEVICES": devices}
        _POOLS[key] = new_pool(1, memory, share, fresh=fresh, environment=visible, preload=preload)
    return _POOLS[key]


@functools.cache
def _share(cpus: float) -> int:
    """Bytes of this node's memory that go with some of its CPUs."""
    import ray

    own = ray.get_runtime_context().get_node_id()
    node = next(node["Resources"] for node in ray.nodes() if node["NodeID"] == own)
    return int(node["memory"] * cpus / node["CPU"])
