"""The schedule every weighter trains under."""

from __future__ import annotations

import contextlib
import dataclasses
import math

import torch

from weightbench.errors import BadSpec, OverBudget

_MAY_SHRINK = ("steps", "evaluations")
_FREE = ("milestones",)
_CHOICES = {
    "bf16": ("never", "gpu", "always"),
    "optimizer": ("sgd", "adamw"),
    "schedule": ("step", "linear", "cosine"),
}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How every weighter's model is trained; SGD with step-wise decay unless it says otherwise.

    Attributes:
        steps: optimiser steps in all.
        batch_size: examples a step.
        lr: learning rate at the start, or where a warm-up ends.
        momentum: of SGD; the decay of the first moment of AdamW.
        nesterov: whether SGD's momentum looks ahead (Sutskever et al. 2013, as torch has it).
        warmup: share of ``steps`` in which the learning rate rises evenly to ``lr`` (Goyal et al.
            2017, section 2.2); a ``linear`` or ``cosine`` schedule falls over those that are left,
            and a milestone among these steps counts from their end on.
        weight_decay: on weights (two or more dimensions); biases and norms have none.
        milestones: shares of ``steps`` after which a ``step`` schedule multiplies the learning rate
            by ``decay``.
        decay: that factor.
        clean_batch: hold-out examples a mini-batch, at most.
        evaluations: how often the select split is looked at, evenly spaced.
        bf16: where networks run under bfloat16 autocast: ``never``, ``gpu`` or ``always``. Logits,
            losses and parameters are float32 in any case.
        optimizer: ``sgd`` or ``adamw``.
        schedule: how the learning rate falls: ``step``, at the milestones; ``linear`` or
            ``cosine``, after every step, to 0 at the end.
    """

    steps: int = 400
    _: dataclasses.KW_ONLY
    batch_size: int = 100
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    milestones: tuple[float, ...] = (0.5, 0.75)
    decay: float = 0.1
    clean_batch: int = 100
    evaluations: int = 10
    bf16: str = "never"
    optimizer: str = "sgd"
    schedule: str = "step"
    nesterov: bool = False
    warmup: float = 0.0

    def __post_init__(self) -> None:
        """Refuse numbers that cannot train anything."""
        for name in ("steps", "batch_size", "clean_batch", "evaluations", "lr"):
            if getattr(self, name) <= 0:
                raise BadSpec(f"{name}={getattr(self, name)}: must be above 0")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                expected = f"{', '.join(choices[:-1])} or {choices[-1]}"
                raise BadSpec(f"{name}={getattr(self, name)}: expected {expected}")
        if self.optimizer == "adamw" and not 0 <= self.momentum < 1:
            raise BadSpec(f"momentum={self.momentum}: adamw needs one from 0 to below 1")
        if self.nesterov and (self.optimizer != "sgd" or self.momentum <= 0):
            raise BadSpec("nesterov=true: it is for sgd with a momentum above 0")
        if not 0 <= self.warmup < 1:
            raise BadSpec(f"warmup={self.warmup}: a share of the steps, from 0 to below 1")

    def autocast(self, device: torch.device) -> contextlib.AbstractContextManager[object]:
        """The precision in which a network runs on ``device``."""
        if self.bf16 == "always" or (self.bf16 == "gpu" and device.type == "cuda"):
            return torch.autocast(device.type, torch.bfloat16)
        return contextlib.nullcontext()

    def rate_at(self, step: int) -> float:
        """The learning rate of the step after ``step`` others."""
        warm = self._warm_steps()
        if step < warm:
            return self.lr * (step + 1) / warm
        fallen = (step - warm) / (self.steps - warm)
        if self.schedule == "linear":
            return self.lr * (1 - fallen)
        if self.schedule == "cosine":
            return self.lr * (1 + math.cos(math.pi * fallen)) / 2
        rate = self.lr
        for _ in range(sum(0 < decayed <= step for decayed in self._decay_steps())):
            rate *= self.decay  # one factor after another: a power would be rounded otherwise
        return rate

    def rate_steps(self) -> frozenset[int]:
        """The steps after which the learning rate is another."""
        if self.schedule == "step":
            return self._decay_steps() | frozenset(range(1, self._warm_steps() + 1))
        return frozenset(range(1, self.steps))

    def _warm_steps(self) -> int:
        return math.floor(self.warmup * self.steps)

    def _decay_steps(self) -> frozenset[int]:
        return frozenset(round(share * self.steps) for share in self.milestones)

    def evaluation_steps(self) -> frozenset[int]:
        """The steps after which the select split is looked at."""
        count = min(self.evaluations, self.steps)
        return frozenset(round(self.steps * (i + 1) / count) for i in range(count))

    def refuse_changes(self, asked: Recipe) -> None:
        """See that a weighter's ``asked`` is this schedule but for fewer steps or other decays.

        Raises:
            OverBudget: it is more, or it is about something else than the schedule.
        """
        for field in dataclasses.fields(self):
            given, wanted = getattr(self, field.name), getattr(asked, field.name)
            if field.name in _MAY_SHRINK and wanted > given:
                raise OverBudget(
                    f"recipe() asks for {wanted} {field.name}; the task grants {given}"
                )
            if field.name not in (*_MAY_SHRINK, *_FREE) and wanted != given:
                raise OverBudget(
                    f"recipe() sets {field.name} to {wanted}; it is {given} for every weighter"
                )
