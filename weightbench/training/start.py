"""Starting a training: the usual door to a :class:`Trainer`."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from weightbench.training.best_on_select import BestOnSelect
from weightbench.training.clock import PhaseClock
from weightbench.training.setting import Setting
from weightbench.training.task import Task, make_task
from weightbench.training.trainer import Stepper, Trainer
from weightbench.training.watcher import Watcher
from weightbench.training.weight_log import WeightLog
from weightbench.training.weighter import Weighter


def start(
    task: Task | str,
    seed: int = 0,
    weighter: Weighter | None = None,
    device: str = "cpu",
    *,
    watchers: Iterable[Watcher] | None = None,
    stepper: Stepper | None = None,
) -> Trainer:
    """Start a training run: ``for batch in run: run.step(weights)``.

    Args:
        task: what to train on, or its name.
        seed: of every random stream.
        weighter: whose hooks are called, and who weighs when the run is told to ``train()``.
        device: ``cpu`` or ``cuda``.
        watchers: who looks on; a :class:`WeightLog` and a :class:`BestOnSelect` where not given.
        stepper: how ``train()`` takes steps, operation by operation where not given.

    Raises:
        BadSpec: there is no task of that name.
        BadData: the data set is too small for the task's splits.
        OverBudget: the weighter's ``recipe`` asks for what is not granted.
    """
    watchers = (WeightLog(), BestOnSelect()) if watchers is None else watchers
    clock = PhaseClock(torch.device(device))
    with clock.phase("setup"):
        task = make_task(task) if isinstance(task, str) else task
        setting = Setting.of(task, seed, device)
        return Trainer(setting, weighter=weighter, watchers=watchers, stepper=stepper, clock=clock)
