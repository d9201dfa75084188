"""Driving runs of a plug-in: what it does is judged, what it comes to is written down."""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from weightbench.check.rules import Broken, broken
from weightbench.errors import (
    BadSpec,
    HiddenData,
    LayerwiseUnsupported,
    OverBudget,
    SharedExamples,
    describe_error,
)
from weightbench.training.run import Batch
from weightbench.training.setting import Setting
from weightbench.training.step_weights import faults_of_form, faults_of_values
from weightbench.training.trainer import Trainer
from weightbench.training.weighter import Weighter

_PART = 5  # examples that a judged network is asked about apart from the others


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
    except OverBudget as error:
        broken("schedule", str(error))
    except SharedExamples as error:
        broken("disjoint", str(error))
    except BadSpec as error:
        broken(rule, str(error))
    except (Exception, SystemExit) as error:
        broken(rule, describe_error(error))


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
    for rule, fault in faults_of_form(weights, batch):
        broken(rule, fault)
    assert isinstance(weights, Tensor)
    weights = weights.detach().clone()
    for rule, fault in faults_of_values(weights, batch, weighter.negative):
        broken(rule, fault)
    total = float(weights.double().sum())
    if weighter.normalized and not weighter.negative and weights.any() and abs(total - 1) > 1e-3:
        broken("sum", f"the {len(weights)} weights of step {batch.step} sum to {total:.4g}")
    return weights


@dataclasses.dataclass(frozen=True)
class Step:
    """The examples of a step, by their index, and their weights."""

    examples: list[int]
    weights: list[float]


@dataclasses.dataclass(frozen=True)
class Trace:
    """What a training came to.

    Attributes:
        steps: in order.
        outputs: (n, K), of the judged network on the examples of :func:`judged_on`, or None where
            the training was not followed to its end.
    """

    steps: list[Step]
    outputs: Tensor | None = None


def judged_on(setting: Setting) -> Tensor:
    """The examples that a checked network answers: those that a scorer would ask it about."""
    return setting.on_device.test.whole()[0].clone()


def trace_of(run: Trainer, steps: int, inputs: Tensor | None = None) -> Trace:
    """Drive ``run`` for some steps, and to its judged network where ``inputs`` for it are given.

    Args:
        run: a fresh one.
        steps: all of its schedule where inputs are given.
        inputs: see :func:`judged_on`.
    """
    trace = Trace([])
    for batch in run:
        weights = check_weights(run.weighter.weigh(batch), batch, run.weighter)
        trace.steps.append(Step(batch.index.tolist(), weights.tolist()))
        run.step(weights)
        if inputs is None and run.steps_taken == steps:
            return trace
    if inputs is None:
        return trace
    return dataclasses.replace(trace, outputs=judged(run, inputs))


def judged(run: Trainer, inputs: Tensor) -> Tensor:
    """(n, K) outputs of what ``finish`` hands in, on ``inputs``; seen to be a network's.

    Raises:
        Broken: they are not.
    """
    with judging("finish"):
        model = run.weighter.finish(run.run)
        if not isinstance(model, nn.Module):
            broken("finish", f"finish returned a {type(model).__name__}")
        with torch.no_grad():
            outputs: Tensor = model.eval()(inputs)
            check_outputs("finish", outputs, (len(inputs), run.num_classes))
            again, part = model(inputs), model(inputs[:_PART])
    if not torch.equal(outputs, again):
        broken("deterministic", "asked twice, the judged network gives two answers")
    if not torch.allclose(outputs[:_PART], part, rtol=1e-3, atol=1e-4):
        apart = (outputs[:_PART] - part).abs().max().item()
        broken("by-itself", f"among fewer others, examples have other outputs, by {apart:.3g}")
    return outputs


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
