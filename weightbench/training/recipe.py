"""The schedule every weighter trains under."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from weightbench.errors import BadSpec, OverBudget

_MAY_SHRINK = ("steps", "evaluations")
_FREE = ("milestones",)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How every weighter's model is trained: SGD with momentum, step-wise decay.

    Attributes:
        steps: optimiser steps in all.
        batch_size: examples a step.
        lr: learning rate at the start.
        momentum: of SGD.
        weight_decay: on weights (two or more dimensions); biases and norms have none.
        milestones: shares of ``steps`` after which the learning rate is multiplied by ``decay``.
        decay: that factor.
        clean_batch: hold-out examples a mini-batch, at most.
        evaluations: how often the select split is looked at, evenly spaced.
        bf16: where networks run under bfloat16 autocast: ``never``, ``gpu`` or ``always``. Logits,
            losses and parameters are float32 in any case.
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

    def __post_init__(self) -> None:
        """Refuse numbers that cannot train anything."""
        for name in ("steps", "batch_size", "clean_batch", "evaluations", "lr"):
            if getattr(self, name) <= 0:
                raise BadSpec(f"{name}={getattr(self, name)}: must be above 0")
        if self.bf16 not in ("never", "gpu", "always"):
            raise BadSpec(f"bf16={self.bf16}: expected never, gpu or always")

    def autocast(self, device: torch.device) -> contextlib.AbstractContextManager[object]:
        """The precision in which a network runs on ``device``."""
        if self.bf16 == "always" or (self.bf16 == "gpu" and device.type == "cuda"):
            return torch.autocast(device.type, torch.bfloat16)
        return contextlib.nullcontext()

    def decay_steps(self) -> frozenset[int]:
        """The steps after which the learning rate falls."""
        return frozenset(round(share * self.steps) for share in self.milestones)

    def evaluation_steps(self) -> frozenset[int]:
        """The steps after which the select split is looked at."""
        count = min(self.evaluations, self.steps)
        return frozenset(round(self.steps * (i + 1) / count) for i in range(count))

    def admit(self, asked: Recipe) -> None:
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

    def optimizer(
        self, model: nn.Module, loss_parameters: Sequence[nn.Parameter] = ()
    ) -> torch.optim.SGD:
        """SGD over the trainable parameters of ``model`` and, without decay, those of the loss."""
        own = [p for p in model.parameters() if p.requires_grad]
        decayed = [p for p in own if self.weight_decay and p.ndim > 1]
        plain = [p for p in own if not self.weight_decay or p.ndim <= 1]
        groups: list[dict[str, Any]] = [
            {"params": decayed, "weight_decay": self.weight_decay},
            {"params": [*plain, *loss_parameters]},
        ]
        return torch.optim.SGD(
            [group for group in groups if group["params"]],
            lr=self.lr,
            momentum=self.momentum,
            fused=True,  # one kernel for all parameters
        )
