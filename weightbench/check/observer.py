"""One training under a magnifying glass."""

from __future__ import annotations

import copy
import dataclasses
import gc
import itertools
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from weightbench.check.rules import broken
from weightbench.check.training import Step, Trace, check_weights, judged, judged_on
from weightbench.errors import Misuse
from weightbench.training.run import Batch
from weightbench.training.trainer import Trainer

_BETWEEN_COUNTS = 10  # steps between two counts of what is alive


class Observer:
    """Drives a whole training and looks at everything that must stay as it is."""

    def __init__(self, run: Trainer) -> None:
        self.run = run
        self._shadow = copy.deepcopy(run.model)
        self._initial = _state_of(run.model)
        self._inputs = judged_on(run.setting)
        self._data = {name: tensor.clone() for name, tensor in _data_of(run).items()}
        self._settings: list[dict[str, Any]] = []  # of the optimiser, as the recipe made it
        self._momentum: list[Tensor] = []

    def train(self) -> Trace:
        """Every step, then ``finish``.

        Raises:
            Broken: a rule was, the first one.
        """
        run, trace, alive = self.run, Trace([]), []
        batches = iter(run)  # watched by nobody: what they note would count as growth
        gc.freeze()  # what is there already is not looked at again
        try:
            while run.steps_taken < run.recipe.steps:
                trace.steps.append(self._step(batches))
                if run.steps_taken % _BETWEEN_COUNTS == 0:
                    alive.append(_live_bytes())
        finally:
            gc.unfreeze()
        grown = min((after - before for before, after in itertools.pairwise(alive)), default=0)
        if grown >= 4 * _BETWEEN_COUNTS:  # a float every step
            broken("memory", f"{grown // _BETWEEN_COUNTS} bytes more after every step")
        outputs = judged(run, self._inputs)
        for name, tensor in _data_of(run).items():
            self._same("data-unchanged", name, self._data[name], tensor)
        return dataclasses.replace(trace, outputs=outputs)

    def _step(self, batches: Iterator[Batch]) -> Step:
        run = self.run
        before = _state_of(run.model) if run.steps_taken else self._initial
        batch = _next(batches, run)
        self._look_at_optimizer()
        rule = "model-unchanged" if run.steps_taken else "initial-parameters"
        for name, parameter in run.model.named_parameters():
            self._same(rule, name, before[name], parameter)
        content = [tensor.clone() for tensor in (batch.inputs, batch.labels, batch.index)]
        gradients = _gradients(run.model)
        weights = check_weights(run.weighter.weigh(batch), batch, run.weighter)
        now = dict(run.model.named_parameters())
        for name, was in zip(("inputs", "labels", "index"), content, strict=True):
            self._same("batch-unchanged", name, was, getattr(batch, name))
        for name, parameter in now.items():
            self._same("model-unchanged", name, before[name], parameter)
            self._same("gradients", f"{name}.grad", gradients[name], parameter.grad)
        frozen = [name for name, parameter in now.items() if not parameter.requires_grad]
        if not run.model.training or frozen:
            broken("mode", f"{', '.join(frozen) or 'the network'} left frozen or in eval mode")
        self._look_at_optimizer()
        expected = self._buffers_after(before, batch.inputs)
        index = batch.index.tolist()
        run.step(weights)
        self._momentum = _momentum(run)
        for name, buffer in run.model.named_buffers():
            self._same("running-statistics", name, expected[name], buffer, tolerance=1e-4)
        return Step(index, weights.tolist())

    def _buffers_after(self, before: dict[str, Tensor], inputs: Tensor) -> dict[str, Tensor]:
        """Buffers as one pass of the training step leaves them."""
        self._shadow.load_state_dict(before)
        self._shadow.train()
        with torch.no_grad():
            self._shadow(inputs)
        return dict(self._shadow.named_buffers())

    def _same(
        self, rule: str, name: str, was: Tensor | None, now: Tensor | None, tolerance: float = 0.0
    ) -> None:
        if not _equal(was, now, tolerance):
            broken(rule, f"{name} changed at step {self.run.steps_taken}")

    def _look_at_optimizer(self) -> None:
        """The recipe's own schedule is all that may change it between two steps."""
        run = self.run
        assert run.optimizer is not None
        now = [{n: v for n, v in g.items() if n != "params"} for g in run.optimizer.param_groups]
        self._settings = self._settings or copy.deepcopy(now)
        lr = run.recipe.rate_at(run.steps_taken)
        for was, group in zip(self._settings, now, strict=False):
            if not math.isclose(group["lr"], lr, rel_tol=1e-6):
                broken(
                    "optimizer", f"lr is {group['lr']:.3g} at step {run.steps_taken}, not {lr:.3g}"
                )
            if len(now) != len(self._settings) or {**was, "lr": 0} != {**group, "lr": 0}:
                broken("optimizer", f"its settings changed at step {run.steps_taken}")
        for before, after in zip(self._momentum, _momentum(run), strict=False):
            self._same("optimizer", "its momentum", before, after)


def _state_of(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def _momentum(run: Trainer) -> list[Tensor]:
    assert run.optimizer is not None
    state = run.optimizer.state
    return [
        value.clone() for kept in state.values() for value in kept.values() if value is not None
    ]


def _data_of(run: Trainer) -> dict[str, Tensor]:
    sets, data = run.setting.on_device, run.task.data
    return {
        "the labels of the training set": run.labels,
        "the inputs of the training set": sets.train.inputs,
        "the labels of the hold-out": sets.holdout.labels,
        "the inputs of the hold-out": sets.holdout.inputs,
        "the labels of the data set": torch.from_numpy(data.labels),
        "the inputs of the data set": torch.from_numpy(data.inputs),
    }


def _next(batches: Iterator[Batch], run: Trainer) -> Batch:
    try:
        batch = next(batches)
    except Misuse as error:
        broken("batches", str(error))
    except Exception:
        check_parameters(run)
        raise
    if not isinstance(batch, Batch) or batch.run is not run.run:
        broken("batches", f"batches yielded a {type(batch).__name__} that is not of this run")
    sets, held_out = run.setting.on_device, batch.held_out_rows
    for pool, rows in ((sets.holdout, held_out), (sets.train, ~held_out)):
        inputs, labels = pool.take(batch.index[rows])
        for name, ours, theirs in (
            ("inputs", inputs, batch.inputs), ("labels", labels, batch.labels),
        ):  # fmt: skip
            if not torch.equal(ours, theirs[rows]):
                broken("batches", f"the {name} of a batch are not those of the examples it names")
    return batch


def check_parameters(run: Trainer) -> None:
    """See that the loss's parameters can be trained beside the network's.

    Raises:
        Broken: they cannot.
    """
    own = {id(p) for p in run.model.parameters()}
    for parameter in run.weighter.parameters():
        if not isinstance(parameter, nn.Parameter):
            broken("parameters", f"parameters yielded a {type(parameter).__name__}")
        if id(parameter) in own:
            broken("parameters", "parameters yielded one of the network's own")


def _gradients(model: nn.Module) -> dict[str, Tensor | None]:
    return {
        name: None if p.grad is None else p.grad.clone() for name, p in model.named_parameters()
    }


def _equal(was: Tensor | None, now: Tensor | None, tolerance: float) -> bool:
    if was is None or now is None:
        return was is now
    if was.shape != now.shape or was.dtype != now.dtype:
        return False
    if tolerance:
        return torch.allclose(was.double(), now.double(), rtol=tolerance, atol=tolerance)
    return torch.equal(was, now)


def _live_bytes() -> int:
    """Bytes of all tensors made since the last ``gc.freeze``."""
    gc.collect()
    storages = {}
    for thing in gc.get_objects():
        if type(thing) in (Tensor, nn.Parameter) and thing.device.type != "meta":
            storage = thing.untyped_storage()
            storages[storage._cdata] = storage.nbytes()
    return sum(storages.values())
