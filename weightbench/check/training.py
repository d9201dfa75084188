"""Driving a run under a magnifying glass."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import gc
import itertools
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from weightbench.batch import Batch
from weightbench.check.rules import Broken, broken
from weightbench.errors import BadSpec, HiddenData, LayerwiseUnsupported, Misuse
from weightbench.run import Run
from weightbench.trial import where
from weightbench.weighter import Weighter

_BETWEEN_COUNTS = 10  # steps between two counts of what is alive


@contextlib.contextmanager
def judging(rule: str = "runs") -> Iterator[None]:
    """Whatever is raised inside becomes a finding: of ``rule`` where it has no rule of its own."""
    try:
        yield
    except Broken:
        raise
    except LayerwiseUnsupported:
        raise
    except HiddenData as error:
        broken("hidden-data", str(error))
    except BadSpec as error:
        broken(rule, str(error))
    except (Exception, SystemExit) as error:
        broken(rule, where(error))


@contextlib.contextmanager
def fixed_globals() -> Iterator[list[str]]:
    """Seed the global random streams inside the block; fills the list with those that were used."""
    used: list[str] = []
    before = _global_states()
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - it is the global stream that is watched
    random.seed(0)
    seeded = _global_states()
    try:
        yield used
    finally:
        after = _global_states()
        used += [name for name, was in seeded.items() if was != after[name]]
        torch.set_rng_state(torch.tensor(before["torch"], dtype=torch.uint8))
        np.random.set_state(before["numpy"])  # noqa: NPY002
        random.setstate(before["random"])


def _global_states() -> dict[str, Any]:
    """In a form that ``==`` compares."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": (name, tuple(keys), *rest),
        "random": random.getstate(),
    }


def check_weights(weights: object, batch: Batch, weighter: Weighter) -> Tensor:
    """The weights, where they keep the contract.

    Raises:
        Broken: they do not.
    """
    if not isinstance(weights, Tensor):
        broken("tensor", f"weigh returned a {type(weights).__name__}")
    if weights.shape != batch.labels.shape:
        broken("shape", f"weights have shape {tuple(weights.shape)}, the batch ({len(batch)},)")
    if weights.device != batch.labels.device:
        broken("device", f"weights are on {weights.device}, the batch on {batch.labels.device}")
    if not weights.is_floating_point():
        broken("dtype", f"weights are {weights.dtype}")
    weights = weights.detach().clone()
    if not weights.isfinite().all():
        bad = weights[~weights.isfinite()]
        broken("finite", f"{len(bad)} of {len(weights)} weights are {bad[0].item()}")
    if not weighter.negative and weights.min() < 0:
        broken("negative", f"a weight is {weights.min().item():.3g} at step {batch.step}")
    total = float(weights.double().sum())
    if weighter.normalized and not weighter.negative and weights.any() and abs(total - 1) > 1e-3:
        broken("sum", f"the {len(weights)} weights of step {batch.step} sum to {total:.4g}")
    return weights


def weights_of(run: Run, steps: int) -> Iterator[list[float]]:
    """Drive ``run`` for some steps; yields the weights of each, valid ones."""
    for batch in run:
        weights = check_weights(run.weighter.weigh(batch), batch, run.weighter)
        run.step(weights)
        yield weights.tolist()
        if run.steps_taken == steps:
            return


@dataclasses.dataclass(frozen=True)
class Trace:
    """The weights of every step of a whole training, and which examples they were of."""

    weights: list[list[float]]
    order: list[list[int]]


class Observer:
    """Drives a whole training and looks at everything that must stay as it is."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._shadow = copy.deepcopy(run.model)

    def train(self) -> Trace:
        """Every step, then ``finish``.

        Raises:
            Broken: a rule was, the first one.
        """
        trace, alive = Trace([], []), []
        batches = self.run.unwatched()  # the engine's own notes would count as growth
        gc.freeze()  # what is there already is not looked at again
        try:
            while self.run.steps_taken < self.run.recipe.steps:
                weights, index = self._step(batches)
                trace.weights.append(weights)
                trace.order.append(index)
                if self.run.steps_taken % _BETWEEN_COUNTS == 0:
                    alive.append(_live_bytes())
        finally:
            gc.unfreeze()
        grown = min((after - before for before, after in itertools.pairwise(alive)), default=0)
        if grown >= 4 * _BETWEEN_COUNTS:  # a float every step
            broken("memory", f"{grown // _BETWEEN_COUNTS} bytes more after every step")
        self._finish()
        return trace

    def _step(self, batches: Iterator[Batch]) -> tuple[list[float], list[int]]:
        run = self.run
        before = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
        batch = _next(batches, run)
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
        expected = self._buffers_after(before, batch.inputs)
        index = batch.index.tolist()
        run.step(weights)
        for name, buffer in run.model.named_buffers():
            self._same("running-statistics", name, expected[name], buffer, tolerance=1e-4)
        return weights.tolist(), index

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

    def _finish(self) -> None:
        run = self.run
        with judging("finish"):
            model = run.weighter.finish(run)
            if not isinstance(model, nn.Module):
                broken("finish", f"finish returned a {type(model).__name__}")
            inputs, labels = run.holdout
            with torch.no_grad():
                outputs = model.eval()(inputs)
            check_outputs("finish", outputs, (len(labels), run.num_classes))


def check_outputs(rule: str, outputs: object, shape: tuple[int, int]) -> None:
    """See that a network's outputs are what a loss can take.

    Raises:
        Broken: they are not.
    """
    if not isinstance(outputs, Tensor):
        broken(rule, f"the network's output is a {type(outputs).__name__}")
    if tuple(outputs.shape) != shape:
        broken(rule, f"outputs have shape {tuple(outputs.shape)}; expected {shape}")
    if not outputs.is_floating_point() or not outputs.isfinite().all():
        broken(rule, f"outputs are {outputs.dtype}, some of them not finite numbers")


def _next(batches: Iterator[Batch], run: Run) -> Batch:
    try:
        batch = next(batches)
    except Misuse as error:
        broken("batches", str(error))
    except Exception:
        check_parameters(run)
        raise
    if not isinstance(batch, Batch) or batch.run is not run:
        broken("batches", f"batches yielded a {type(batch).__name__} that is not of this run")
    return batch


def check_parameters(run: Run) -> None:
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
