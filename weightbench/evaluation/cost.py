"""The cost of a step, measured apart from accuracy: beside a uniform step, alone."""

from __future__ import annotations

import dataclasses
import statistics
import time
import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from weightbench.evaluation.provenance import provenance
from weightbench.records.schema import Cost, Trial
from weightbench.training.flops import FlopCount
from weightbench.training.replay import stepper_on
from weightbench.training.run import Batch
from weightbench.training.start import start
from weightbench.training.task import make_task
from weightbench.training.weighter import make_weighter

_WARM_UP = 5  # steps before anything is measured
_PAIRS = 15  # alternations of uniform and weighter
_BLOCK_SECONDS = 0.004  # a timed block is at least about this long
_BLOCK_STEPS = 8  # and at most this many steps


class _Steps:
    """A run that is stepped from outside, and that nobody watches."""

    def __init__(self, trial: Trial, weighter: str) -> None:
        task = make_task(trial.task)
        enough = 4 * (_WARM_UP + _PAIRS * _BLOCK_STEPS + 2)
        recipe = dataclasses.replace(task.recipe, steps=max(enough, task.recipe.steps))
        task = dataclasses.replace(task, recipe=recipe)
        made, step = make_weighter(weighter), stepper_on(trial.device)
        self.run = start(task, 0, made, trial.device, watchers=(), stepper=step)
        self._batches: Iterator[Batch] = iter(self.run)
        self._take = step(self.run)

    def step(self) -> None:
        """A step as a trial takes it."""
        self._take(next(self._batches))

    def eager(self) -> None:
        """A step whose operations can be seen."""
        self.run.weigh_and_step(next(self._batches))

    def seconds(self, steps: int) -> float:
        """Seconds a step takes, device done, over ``steps`` of them."""
        self._synchronize()
        started = time.perf_counter()
        for _ in range(steps):
            self.step()
        self._synchronize()
        return (time.perf_counter() - started) / steps

    def flops(self) -> int:
        count = FlopCount()
        with count:
            self.eager()
        return count.flops

    def peak_bytes(self) -> int:
        """Bytes of model, optimiser and weighter, and the most a step holds on top of them."""
        device = self.run.device
        if device.type == "cuda":
            assert self.run.optimizer is not None
            self.run.optimizer.zero_grad()  # gradients are of the step that makes them
            torch.cuda.reset_peak_memory_stats(device)
            before = torch.cuda.memory_allocated(device)
            self.eager()
            peak = int(torch.cuda.max_memory_allocated(device)) - before
        else:
            with LiveBytes() as live:
                self.eager()
            peak = live.peak
        return self._held_bytes() + peak

    def _held_bytes(self) -> int:
        assert self.run.optimizer is not None
        held: list[Tensor] = [*self.run.model.parameters(), *self.run.model.buffers()]
        held += [t for t in tree_leaves(self.run.optimizer.state_dict()) if isinstance(t, Tensor)]
        return sum(int(t.untyped_storage().nbytes()) for t in held)

    def _synchronize(self) -> None:
        if self.run.device.type == "cuda":
            torch.cuda.synchronize(self.run.device)


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of tensors that operations make inside the block, and their peak.

    The CPU allocator keeps no such count. A storage is counted once, from the operation that made
    it to its release, wherever it is referenced from.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now: int = 0
        self.peak: int = 0
        self._seen: dict[int, weakref.finalize[Any, Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation, then look at what it made."""
        result = func(*args, **(kwargs or {}))
        known = {t.untyped_storage()._cdata for t in tree_leaves(args) if isinstance(t, Tensor)}
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._count(leaf, known)
        self.peak = max(self.peak, self.now)
        return result

    def _count(self, tensor: Tensor, known: set[int]) -> None:
        storage = tensor.untyped_storage()
        address = storage._cdata
        if address in known or address in self._seen:
            return
        size = storage.nbytes()
        self.now += size
        self._seen[address] = weakref.finalize(storage, self._release, address, size)

    def _release(self, address: int, size: int) -> None:
        self.now -= size
        self._seen.pop(address, None)


def probe(trial: Trial, baseline: str) -> Cost:
    """Measure ``trial``'s weighter beside ``baseline``, stepping both in turn.

    Call it alone on the machine; its times mean nothing otherwise.
    """
    own, plain = _Steps(trial, trial.weighter), _Steps(trial, baseline)
    for _ in range(_WARM_UP):
        own.step()
        plain.step()
    flops, plain_flops = own.flops(), plain.flops()
    memory, plain_memory = own.peak_bytes(), plain.peak_bytes()
    block = max(1, min(_BLOCK_STEPS, round(_BLOCK_SECONDS / plain.seconds(1))))
    pairs = [(own.seconds(block), plain.seconds(block)) for _ in range(_PAIRS)]
    low, middle, high = statistics.quantiles([a / b for a, b in pairs], n=4)
    return Cost(
        trial=trial,
        time_ratio=middle,
        time_low=low,
        time_high=high,
        step_seconds=statistics.median(a for a, _ in pairs),
        flop_ratio=flops / plain_flops if flops and plain_flops else None,
        memory_ratio=memory / plain_memory,
        provenance=provenance(trial.device),
    )
