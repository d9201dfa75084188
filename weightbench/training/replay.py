"""Whole steps that are replayed from static buffers: on a GPU, as one captured CUDA graph.

A step of a small network is some hundred kernels, which take a processor longer to launch than a
GPU to run. A graph launches them at once. It also freezes whatever Python decided while it was
captured, so a step is replayed only where it is known to be the same computation every time; all
others are taken one operation after another, as on a CPU. docs/gpu.md has the conditions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from weightbench.data.dataset import Pool, sent
from weightbench.spec import Spec
from weightbench.streams import global_states
from weightbench.training.batch import Batch, Drawn, usable
from weightbench.training.cuda import aside, captured, waits
from weightbench.training.loop import check_values, forget_gradients
from weightbench.training.weighter import Weighter, Wrapper, layers_of

if TYPE_CHECKING:
    from weightbench.training.run import Run

_WATCHED = 3  # steps that are watched before one is captured
_PATIENCE = 10  # of them at most, while the device is waited for in each
_PROOFS = 2  # replayed steps that are compared with the same step taken eagerly, after a capture
_CLOSE = 1e-2  # of what the step changed; two eager steps on a GPU may differ by rounding, too

_STATE = (bool, int, float, str, type(None), Spec, Tensor, nn.Module, Weighter)
_HOOKS = ("batches", "end_epoch")  # what runs between steps


def stepper(run: Run) -> Callable[[Batch], None]:
    """What weighs a batch with the run's own weighter and takes the step."""
    if run.replays:
        return Replay(run).step

    def step(batch: Batch) -> None:
        eager(run, batch)

    return step


def eager(run: Run, batch: Batch) -> Tensor:
    """Weigh and take the step, operation by operation; the weights."""
    weights = run.weighter.weigh(batch)
    run.step(weights)
    return weights


@dataclasses.dataclass(frozen=True)
class _Place:
    """A buffer for the draws of one batch after another.

    Attributes:
        pool: what all of them are drawn from.
        index: (n,) int64, positions in the pool.
        drawn: what the augmentation drew, if there is one.
        held_out: whether they are batches of the hold-out.
    """

    pool: Pool
    index: Tensor
    drawn: Tensor | None
    held_out: bool

    @classmethod
    def like(cls, batch: Batch | None) -> _Place | None:
        """A place for batches like this one."""
        if not isinstance(batch, Drawn):
            return None
        drawn = None if batch.drawn is None else sent(batch.drawn, batch.index.device).clone()
        return cls(batch.pool, batch.index.clone(), drawn, batch.held_out)

    def takes(self, batch: Batch) -> bool:
        return (
            isinstance(batch, Drawn)
            and batch.pool is self.pool
            and batch.index.shape == self.index.shape
        )

    def put(self, batch: Batch) -> None:
        assert isinstance(batch, Drawn)
        self.index.copy_(batch.index)
        if self.drawn is not None and batch.drawn is not None:
            self.drawn.copy_(sent(batch.drawn, self.drawn.device))

    def batch(self, run: Run) -> Drawn:
        return Drawn(run, self.pool, self.index, self.drawn, self.held_out)


class Replay:
    """Takes the steps of a run; replays them where that is the same.

    Attributes:
        replayed: how many steps were.
        reason: why no more of them will be; None as long as they may.
    """

    def __init__(self, run: Run) -> None:
        self.replayed = 0
        self.reason = _obstacle(run.weighter)
        self._run = run
        self._seen = 0
        self._place: _Place | None = None
        self._clean: _Place | None = None
        self._play: Callable[[], None] | None = None
        self._rates: list[float] = []
        self._proofs = 0
        self._stream: torch.cuda.Stream | None = None
        if run.device.type == "cuda":
            self._stream = torch.cuda.Stream(run.device)  # type: ignore[no-untyped-call]

    def step(self, batch: Batch) -> None:
        """Weigh ``batch`` and take the step."""
        if self.reason is not None:
            eager(self._run, batch)
        elif self._place is None:
            self._watch(batch)
        elif self._place.takes(batch) and self._ready(batch):
            self._replay(batch)
        else:
            self._eager(batch)

    def _eager(self, batch: Batch) -> Tensor:
        """On the stream of captures: what autograd keeps from a step remembers the stream."""
        with aside(self._stream):
            return eager(self._run, batch)

    # ---- is it the same every time? --------------------------------------------------------------

    def _watch(self, batch: Batch) -> None:
        """Take the step and see what it reads and moves."""
        run, before = self._run, _attributes(self._run.weighter)
        streams = _streams(run)
        with waits(run.device) as waited:
            self._eager(batch)
        clean, after = batch._clean, _attributes(run.weighter)
        self._seen += 1
        if not (batch.timeless and (clean is None or clean.timeless)):
            self.reason = "weigh() asks for the run, the step or the progress"
        elif len(before) != len(after) or any(a is not b for a, b in zip(before, after)):  # noqa: B905
            self.reason = "weigh() rebinds an attribute"
        elif any(not torch.equal(a, b) for a, b in zip(streams, _streams(run), strict=True)):
            self.reason = "the step draws random numbers"
        elif waited and self._seen >= _PATIENCE:
            self.reason = "the step waits for the device"
        elif self._seen >= _WATCHED and not waited:
            self._place, self._clean = _Place.like(batch), _Place.like(clean)

    # ---- capture and replay ----------------------------------------------------------------------

    def _ready(self, batch: Batch) -> bool:
        """Put the batch in its place, and capture the step where that is to be done."""
        assert self._place is not None
        assert self._run.optimizer is not None
        self._place.put(batch)
        if self._clean is not None:
            self._clean.put(batch.clean())
        rates = [group["lr"] for group in self._run.optimizer.param_groups]
        if self._play is None or rates != self._rates:
            self._play, self._rates, self._proofs = None, rates, _PROOFS
            try:
                self._play = captured(self._whole, self._stream)
            except Exception as error:  # nothing was run: the step can still be taken eagerly
                self.reason = f"it cannot be captured: {error}"
        return self._play is not None

    def _whole(self) -> None:
        """The whole step on what is in place."""
        run, optimizer = self._run, self._run.optimizer
        assert self._place is not None
        assert optimizer is not None
        batch = self._place.batch(run)
        if self._clean is not None:
            batch._clean = self._clean.batch(run)
        weights = usable(run.weighter.weigh(batch), batch)
        forget_gradients(optimizer)
        batch.backward(weights)
        optimizer.step()
        self._weights, self._losses = weights, batch.losses.detach()

    def _replay(self, batch: Batch) -> None:
        assert self._play is not None
        if self._proofs:
            self._prove(batch)
            return
        self._play()
        batch._losses = self._losses
        check_values(self._run, self._weights, batch)
        self._run._count(batch, self._weights)
        self.replayed += 1

    def _prove(self, batch: Batch) -> None:
        """Take the step both ways, keep what the eager one did, and compare."""
        assert self._play is not None
        before = _copied(_state(self._run))
        self._play()
        replayed = [*_copied(_state(self._run)), [self._weights.clone()]]
        with torch.no_grad():
            for group, was in zip(_state(self._run), before, strict=True):
                for tensor, value in zip(group, was, strict=True):
                    tensor.copy_(value)
        weights = usable(self._eager(batch), batch)
        stepped = [*_state(self._run), [weights]]
        before.append([torch.zeros_like(weights)])
        self._proofs -= 1
        if not all(map(_same, before, stepped, replayed)):
            self.reason, self._play = "a replayed step differed from the eager one", None


def _obstacle(weighter: Weighter) -> str | None:
    """Why the steps of a weighter are not even watched."""
    for layer in layers_of(weighter):
        cls = type(layer)
        if not cls.__module__.startswith("weightbench."):
            return f"{cls.__name__} does not come with weightbench"
        for hook in _HOOKS:
            if getattr(cls, hook) not in (getattr(Weighter, hook), getattr(Wrapper, hook)):
                return f"{cls.__name__} has {hook}() of its own"
    return None


def _attributes(weighter: Weighter) -> list[object]:
    """The values of all attributes; something new for one that is changed without being rebound."""
    values = [value for layer in layers_of(weighter) for value in vars(layer).values()]
    return [value if isinstance(value, _STATE) else object() for value in values]


def _streams(run: Run) -> list[Tensor]:
    """The states of the random streams that a step could draw from."""
    return [run.generator.get_state(), *global_states(run.device)]


def _state(run: Run) -> list[list[Tensor]]:
    """Everything that a step moves, in groups of one scale."""
    assert run.optimizer is not None
    modules: list[Tensor] = []
    own: list[Tensor] = []
    for value in _attributes(run.weighter):
        if isinstance(value, nn.Module):
            modules += [*value.parameters(), *value.buffers()]
        elif isinstance(value, Tensor):
            own.append(value)
    moments = [value for state in run.optimizer.state.values() for value in state.values()]
    return [
        list(run.model.parameters()),
        list(run.model.buffers()),
        [value for value in moments if isinstance(value, Tensor)],
        modules,
        own,
    ]


def _copied(groups: list[list[Tensor]]) -> list[list[Tensor]]:
    return [[tensor.detach().clone() for tensor in group] for group in groups]


def _same(before: list[Tensor], one: list[Tensor], other: list[Tensor]) -> bool:
    """Whether two steps from ``before`` went to the same place, up to rounding."""
    apart = moved = 0.0
    for was, a, b in zip(before, one, other, strict=True):
        if a.is_floating_point():
            apart += float((a.detach() - b).double().square().sum())
            moved += float((a.detach() - was).double().square().sum())
        elif not torch.equal(a, b):
            return False
    return apart <= _CLOSE**2 * moved
