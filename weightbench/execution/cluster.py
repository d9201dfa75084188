"""A Ray cluster: being connected to it, and what a job takes of it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.version import Version

from weightbench.errors import ExecutorError
from weightbench.execution.server import short_folder

_ASKS_FOR_A_TOKEN = Version("2.59")  # the first to do so where nothing is set
# Ray's word for it. Without it, a Ray that is started here listens on every network.
_BEYOND_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
_SESSION = len("/ray/session_2026-01-01_00-00-00_123456_1234567/sockets/plasma_store")


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Be connected to a Ray cluster.

    Args:
        address: as Ray takes it: ``auto``, ``host:port``, ``ray://host:port``; None is the one
            that runs here, or RAY_ADDRESS, or one that is started on this machine until the end,
            which nobody reaches from elsewhere, nor without its token from here.

    Raises:
        ExecutorError: Ray is not installed or is too old, or there is no such cluster.
    """
    address = address or os.environ.get("RAY_ADDRESS")
    if address is None:
        os.environ.setdefault(_BEYOND_LOOPBACK, "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else Ray warns about it
    try:
        import ray
    except ImportError:
        raise ExecutorError(
            "running trials on Ray needs the extra ray: pip install 'weightbench[ray]'"
        ) from None
    if Version(ray.__version__) < _ASKS_FOR_A_TOKEN:
        raise ExecutorError(
            f"this is Ray {ray.__version__}, which anybody who reaches its ports can use; install "
            f"{_ASKS_FOR_A_TOKEN} or newer: pip install 'weightbench[ray]'"
        )
    os.environ.setdefault("RAY_TMPDIR", short_folder(_SESSION))
    try:
        _knock(address or "")
        ray.init(address, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        where = address or "this machine"
        raise ExecutorError(f"no Ray cluster at {where}: {line_of(error)}") from error
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

    def shortage(self) -> str | None:
        """Why no node of the cluster can take a job, in words; None where one can."""
        if any(map(self._fits, _nodes())):
            return None
        memory = f", {self.memory / 2**30:g} GiB" if self.memory else ""
        return f"no node of the cluster has {self.cpus:g} CPUs, {self.gpus:g} GPUs{memory}"

    def largest(self) -> Mapping[str, float] | None:
        """What the largest node that can take a job has in all; None where none can."""
        return max(
            filter(self._fits, _nodes()),
            key=lambda node: (node.get("CPU", 0), node.get("GPU", 0)),
            default=None,
        )

    def _fits(self, node: Mapping[str, float]) -> bool:
        wanted = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory or 0}
        return all(node.get(name, 0) >= amount for name, amount in wanted.items())

    def options(self) -> dict[str, Any]:
        """A job's needs as Ray takes them."""
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        needs: dict[str, Any] = {
            "num_cpus": self.cpus, "num_gpus": self.gpus, "max_retries": 0,
        }  # fmt: skip
        if self.memory:
            needs["memory"] = self.memory
        if self.group:
            needs["scheduling_strategy"] = PlacementGroupSchedulingStrategy(self.group)
        return needs


def line_of(error: Exception) -> str:
    """The line of an error that says what is wrong: of Ray's long ones, the last."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return lines[-1] if any("Traceback" in line for line in lines) else lines[0]


def _nodes() -> list[dict[str, float]]:
    """What each living node has in all."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]
