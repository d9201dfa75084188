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
        self._open: tuple[str, float] | None = None  # the phase that is open, since when
        self._inner = 0.0  # seconds of phases inside it

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the block for ``name``."""
        outer, around = self._inner, self._open
        self._open, self._inner = (name, self._now()), 0.0
        started = self._open[1]
        try:
            yield
        finally:
            spent = self._now() - started
            self.seconds[name] += spent - self._inner
            self._open, self._inner = around, outer + spent

    def so_far(self) -> dict[str, float]:
        """Seconds by phase, those of the innermost open one among them."""
        seconds = dict(self.seconds)
        if self._open is not None:
            name, started = self._open
            seconds[name] += self._now() - started - self._inner
        return seconds

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()
