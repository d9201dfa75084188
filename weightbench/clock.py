"""Where the seconds of a run go."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import torch

PHASES = ("setup", "begin", "train", "select", "finish", "test")


class PhaseClock:
    """Seconds by phase; what a device was given counts until it is done.

    A phase inside another counts for the inner one alone.
    """

    def __init__(self, device: torch.device) -> None:
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self._device = device
        self._inner = 0.0  # seconds of phases inside the one that is open

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the block for ``name``."""
        outer, self._inner = self._inner, 0.0
        started = self._now()
        try:
            yield
        finally:
            spent = self._now() - started
            self.seconds[name] += spent - self._inner
            self._inner = outer + spent

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()
