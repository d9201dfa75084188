"""Floating point operations of a training, counted by torch's formulae as they happen.

Counted are products and convolutions, which is what torch has formulae for, the same on every
machine. Looking at an operation takes longer than a small one does, so of the steps some are
counted, spread over the schedule; all that is done outside of them is counted.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Iterator
from typing import Any

import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils.flop_counter import flop_registry

from weightbench.data.dataset import Pool

_SAMPLED = 12  # steps of a training that are counted
_GOLDEN = 0.6180339887498949  # its multiples' fractions lie evenly, in step with no period


class FlopCount(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts inside the block.

    Attributes:
        flops: so far.
    """

    flops: int

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and count it."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.flops += int(formula(*args, **kwargs, out_val=result))
        return result


def plain_step_flops(model: nn.Module, pool: Pool, size: int) -> int:
    """Of a forward and a reverse pass of plain training on ``size`` examples.

    Args:
        model: a network of its own, which is not used again.
        pool: whose first examples are taken.
        size: how many; all where there are fewer.
    """
    inputs, labels = pool.first(size)
    count = FlopCount()
    with count:
        F.cross_entropy(model.train()(inputs), labels).backward()  # type: ignore[no-untyped-call]
    return count.flops


class FlopMeter:
    """The work of one training.

    Attributes:
        outside: operations outside of the steps, side trainings among them.
        trained: those of side trainings.
        counting: whether something is being counted.
    """

    def __init__(self, steps: int) -> None:
        """Measure a training of ``steps`` steps."""
        self.outside = self.trained = 0
        self._steps = steps
        self.counting = False
        self._counted: list[int] = []
        self._sampled = {
            max(min(int((i + (i + 1) * _GOLDEN % 1) * steps / _SAMPLED), steps - 1), steps > 1)
            for i in range(_SAMPLED)
        }  # not the first, in which some things are decided once for all

    def samples(self, number: int) -> bool:
        """Whether the step after ``number`` others is counted."""
        return number in self._sampled

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """The block is a step that is counted."""
        self.counting = True
        try:
            with _disable_current_modes(), FlopCount() as count:
                yield
        finally:
            self.counting = False
        if count.flops:  # a step that is replayed shows none
            self._counted.append(count.flops)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """The block is outside of the steps; what surrounds it does not count it."""
        before, self.counting = self.counting, True
        try:
            with _disable_current_modes(), FlopCount() as count:
                yield
        finally:
            self.counting = before
        self.outside += count.flops

    @contextlib.contextmanager
    def side_training(self, meter: FlopMeter) -> Iterator[None]:
        """The block is a training that ``meter`` measures, outside of the steps."""
        with _disable_current_modes():
            yield
        self.outside += round(meter.whole)
        self.trained += round(meter.whole)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """The block is the engine's own: it is no part of the step around it."""
        if not self.counting:
            yield
            return
        with _disable_current_modes():
            yield

    @property
    def a_step(self) -> float | None:
        """Of one step, on average over those counted; None where none was."""
        return statistics.fmean(self._counted) if self._counted else None

    @property
    def whole(self) -> float:
        """Of the whole training, as far as is known."""
        return (self.a_step or 0) * self._steps + self.outside

    def state_dict(self) -> dict[str, Any]:
        """Enough to go on from."""
        return {"outside": self.outside, "trained": self.trained, "counted": list(self._counted)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` gave."""
        self.outside, self.trained = state["outside"], state["trained"]
        self._counted = list(state["counted"])
