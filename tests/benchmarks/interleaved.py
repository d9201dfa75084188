"""Ratios of step times that hold on a noisy machine: two steppers in turn, the median of pairs."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping


@dataclasses.dataclass(frozen=True)
class Ratio:
    """Median and quartiles of time(a) / time(b) over interleaved pairs."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3f} [{self.low:.3f}, {self.high:.3f}]"


def ratio(a: Callable[[], None], b: Callable[[], None], pairs: int, block: int) -> Ratio:
    """Time ``block`` calls of ``a`` and of ``b`` in turn, ``pairs`` times, order alternating."""
    for step in (a, b):
        _seconds(step, block)
    ratios = []
    for i in range(pairs):
        if i % 2:
            time_b, time_a = _seconds(b, block), _seconds(a, block)
        else:
            time_a, time_b = _seconds(a, block), _seconds(b, block)
        ratios.append(time_a / time_b)
    low, median, high = statistics.quantiles(ratios, n=4)
    return Ratio(median, low, high)


def cpu_times(steps: Mapping[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Processor seconds of every step, run in turn ``rounds`` times after a first round.

    For steps so long that others on the machine interrupt them; waiting is not counted.
    """
    times: dict[str, list[float]] = {name: [] for name in steps}
    for i in range(rounds + 1):
        for name, step in steps.items():
            started = time.thread_time()
            step()
            if i:
                times[name].append(time.thread_time() - started)
    return times


def of(a: list[float], b: list[float]) -> Ratio:
    """The ratio of times that were taken in turn."""
    pairs = [x / y for x, y in zip(a, b, strict=True)]
    low, median, high = statistics.quantiles(pairs, n=4)
    return Ratio(median, low, high)


def _seconds(step: Callable[[], None], block: int) -> float:
    started = time.perf_counter()
    for _ in range(block):
        step()
    return time.perf_counter() - started
