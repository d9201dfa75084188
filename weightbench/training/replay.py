"""Whole steps that are replayed from static buffers: on a GPU, as one captured CUDA graph.

A step of a small network is some hundred kernels, which take a processor longer to launch than a
GPU to run. A graph launches them at once. It also freezes whatever Python decided while it was
captured, so a step is replayed only where it is known to be the same computation every time; all
others are taken one operation after another, as on a CPU. docs/gpu.md has the conditions.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from weightbench.data.dataset import to_device
from weightbench.spec import Spec
from weightbench.training.batch import (
    ComputedBatch,
    backward,
    step_independent,
    with_clean,
    with_losses,
)
from weightbench.training.batch_kinds import Draw, LazyBatch, draws_of
from weightbench.training.cuda import aside, captured, waits
from weightbench.training.optimizer import forget_gradients, is_fused
from weightbench.training.random_streams import global_states
from weightbench.training.run import Batch
from weightbench.training.step_weights import as_step_weights
from weightbench.training.trainer import Stepper, Trainer, eager
from weightbench.training.weighter import Weighter, Wrapper, layers_of

_WATCHED = 3  # steps that are watched before one is captured
_PATIENCE = 10  # of them at most, while the device is waited for in each
_PROOFS = 2  # replayed steps that are compared with the same step taken eagerly, after a capture
_CLOSE = 1e-2  # of what the step changed; two eager steps on a GPU may differ by rounding, too

_STATE = (bool, int, float, str, type(None), Spec, Tensor, nn.Module, Weighter)
_HOOKS = ("batches", "end_epoch")  # what runs between steps


def stepper(trainer: Trainer) -> Callable[[Batch], None]:
    """Steps that are replayed where that is the same."""
    return Replay(trainer).step


def stepper_on(device: str | torch.device) -> Stepper:
    """How a trial takes its steps on ``device``."""
    return stepper if torch.device(device).type == "cuda" else eager


def _place(draw: Draw | None) -> Draw | None:
    """Buffers for the draws of one batch after another, all like this one."""
    if draw is None:
        return None
    drawn = draw.augmentation
    if drawn is not None:
        drawn = to_device(drawn, draw.index.device).clone()
    return Draw(draw.pool, draw.index.clone(), drawn, draw.held_out)


def _fits(place: Draw, draw: Draw | None) -> bool:
    return (
        draw is not None and draw.pool is place.pool and draw.index.shape == place.index.shape
    )  # fmt: skip


def _put(place: Draw, draw: Draw | None) -> None:
    assert draw is not None
    place.index.copy_(draw.index)
    if place.augmentation is not None and draw.augmentation is not None:
        place.augmentation.copy_(to_device(draw.augmentation, place.augmentation.device))


class Replay:
    """Takes the steps of a trainer; replays them where that is the same.

    Attributes:
        replayed: how many steps were.
        reason: why no more of them will be; None as long as they may.
    """

    def __init__(self, trainer: Trainer) -> None:
        self.replayed = 0
        self.reason = _obstacle(trainer)
        self._trainer = trainer
        self._seen = 0
        self._place: Draw | None = None
        self._clean: Draw | None = None
        self._play: Callable[[], None] | None = None
        self._rates: list[float] = []
        self._proofs = 0
        self._stream: torch.cuda.Stream | None = None
        if trainer.device.type == "cuda":
            self._stream = torch.cuda.Stream(trainer.device)  # type: ignore[no-untyped-call]

    def step(self, batch: Batch) -> None:
        """Weigh ``batch`` and take the step."""
        if self.reason is not None:
            self._trainer.weigh_and_step(batch)
        elif self._place is None:
            self._watch(batch)
        elif _fits(self._place, draws_of(batch)[0]) and self._ready(batch):
            self._replay(batch)
        else:
            self._eager(batch)

    def _eager(self, batch: Batch) -> Tensor:
        """On the stream of captures: what autograd keeps from a step remembers the stream."""
        with aside(self._stream):
            return self._trainer.weigh_and_step(batch)

    # ---- is it the same every time? --------------------------------------------------------------

    def _watch(self, batch: Batch) -> None:
        """Take the step and see what it reads and moves."""
        trainer, before = self._trainer, _attributes(self._trainer.weighter)
        streams = _streams(trainer)
        with waits(trainer.device) as waited:
            self._eager(batch)
        after = _attributes(trainer.weighter)
        self._seen += 1
        if not step_independent(batch):
            self.reason = "weigh() asks for the run, the step or the progress"
        elif len(before) != len(after) or any(a is not b for a, b in zip(before, after)):  # noqa: B905
            self.reason = "weigh() rebinds an attribute"
        elif any(not torch.equal(a, b) for a, b in zip(streams, _streams(trainer), strict=True)):
            self.reason = "the step draws random numbers"
        elif waited and self._seen >= _PATIENCE:
            self.reason = "the step waits for the device"
        elif self._seen >= _WATCHED and not waited:
            self._place, self._clean = map(_place, draws_of(batch))
            if not is_fused(optimizer_of(trainer)):
                self.reason = "the network's parameters or gradients are of a kind for plain steps"

    # ---- capture and replay ----------------------------------------------------------------------

    def _ready(self, batch: Batch) -> bool:
        """Put the batch in its place, and capture the step where that is to be done."""
        assert self._place is not None
        _put(self._place, draws_of(batch)[0])
        if self._clean is not None:
            batch.clean()
            _put(self._clean, draws_of(batch)[1])
        rates = [group["lr"] for group in optimizer_of(self._trainer).param_groups]
        if self._play is None or rates != self._rates:
            self._play, self._rates, self._proofs = None, rates, _PROOFS
            try:
                self._play = captured(self._whole, self._stream)
            except Exception as error:  # nothing was run: the step can still be taken eagerly
                self.reason = f"it cannot be captured: {error}"
        return self._play is not None

    def _whole(self) -> None:
        """The whole step on what is in place."""
        run, optimizer = self._trainer.run, optimizer_of(self._trainer)
        assert self._place is not None
        batch: ComputedBatch = LazyBatch(run, self._place)
        if self._clean is not None:
            batch = with_clean(batch, LazyBatch(run, self._clean))
        weights = as_step_weights(self._trainer.weighter.weigh(batch), batch)
        forget_gradients(optimizer)
        backward(batch, weights)
        optimizer.step()
        self._weights, self._losses = weights, batch.losses.detach()

    def _replay(self, batch: Batch) -> None:
        assert self._play is not None
        if self._proofs:
            self._prove(batch)
            return
        self._play()
        with_losses(batch, self._losses)
        self._trainer.check_now_and_then(batch, self._weights)
        self._trainer.finish_step(self._weights)
        self.replayed += 1

    def _prove(self, batch: Batch) -> None:
        """Take the step both ways, keep what the eager one did, and compare."""
        assert self._play is not None
        before = _copied(_state(self._trainer))
        self._play()
        replayed = [*_copied(_state(self._trainer)), [self._weights.clone()]]
        with torch.no_grad():
            for group, was in zip(_state(self._trainer), before, strict=True):
                for tensor, value in zip(group, was, strict=True):
                    tensor.copy_(value)
        weights = as_step_weights(self._eager(batch), batch)
        stepped = [*_state(self._trainer), [weights]]
        before.append([torch.zeros_like(weights)])
        self._proofs -= 1
        if not all(map(_same, before, stepped, replayed)):
            self.reason, self._play = "a replayed step differed from the eager one", None


def optimizer_of(trainer: Trainer) -> torch.optim.Optimizer:
    """Its optimiser, once it has begun."""
    assert trainer.optimizer is not None
    return trainer.optimizer


def _obstacle(trainer: Trainer) -> str | None:
    """Why the steps of a trainer are not even watched."""
    if trainer.recipe.schedule != "step" or trainer.recipe.warmup:
        return "the learning rate is another in every step"
    if trainer.recipe.optimizer != "sgd":
        return f"{trainer.recipe.optimizer} counts its steps"
    for layer in layers_of(trainer.weighter):
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


def _streams(trainer: Trainer) -> list[Tensor]:
    """The states of the random streams that a step could draw from."""
    return [trainer.generator.get_state(), *global_states(trainer.device)]


def _state(trainer: Trainer) -> list[list[Tensor]]:
    """Everything that a step moves, in groups of one scale."""
    modules: list[Tensor] = []
    own: list[Tensor] = []
    for value in _attributes(trainer.weighter):
        if isinstance(value, nn.Module):
            modules += [*value.parameters(), *value.buffers()]
        elif isinstance(value, Tensor):
            own.append(value)
    moments = [value for state in optimizer_of(trainer).state.values() for value in state.values()]
    return [
        list(trainer.model.parameters()),
        list(trainer.model.buffers()),
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
