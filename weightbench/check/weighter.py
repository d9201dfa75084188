"""Is this a weighter? One training under a magnifying glass, then the same again in other ways."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor
from typing_extensions import override

from weightbench.check import trial_task
from weightbench.check.attributes import Attributes
from weightbench.check.observer import Observer, check_parameters
from weightbench.check.rules import Broken, Finding, broken
from weightbench.check.surroundings import left_alone
from weightbench.check.training import (
    Trace,
    check_weights,
    fixed_globals,
    judged_on,
    judging,
    trace_of,
)
from weightbench.errors import LayerwiseUnsupported
from weightbench.training.batch_kinds import GivenBatch, ReorderedBatch
from weightbench.training.best_on_select import BestOnSelect
from weightbench.training.checkpoint import Checkpoint
from weightbench.training.loss_hook import loss_on
from weightbench.training.run import Batch
from weightbench.training.setting import Setting
from weightbench.training.start import start
from weightbench.training.state import TrainingState
from weightbench.training.task import Task
from weightbench.training.trainer import Trainer
from weightbench.training.watcher import Watcher
from weightbench.training.weighter import Weighter, Wrapper, layers_of, make_weighter

_AGAIN = 12  # steps of a training that is compared with the first
_MIDDLE = 6  # the step at which it is stopped, or its batch reordered


def check_weighter(weighter: str | Callable[[], Weighter]) -> list[Finding]:
    """Check a weighter on a small task of its own; takes about a second.

    Args:
        weighter: a spec, such as ``my.py:Mine``, or what makes a fresh weighter, such as a class.

    Returns:
        What was found, empty for a weighter that keeps every rule. Checks that would only repeat
        a finding are left out.
    """
    make = functools.partial(make_weighter, weighter) if isinstance(weighter, str) else weighter
    return left_alone(lambda: _check(make))


def _check(make: Callable[[], Weighter]) -> list[Finding]:
    try:
        with judging("loads"):
            make()
        subject, trace = _first_training(make)
    except Broken as error:
        return [error.finding]
    return [*_again(subject, trace), *_unusual_batches(Subject(make, trial_task.PLAIN))]


@dataclasses.dataclass(frozen=True)
class Subject:
    """What makes the weighter that is checked, and the task it is checked on."""

    make: Callable[[], Weighter]
    task: Task

    def run(self, *watchers: Watcher) -> Trainer:
        """A fresh run of a fresh weighter, always the same."""
        return start(self.task, 0, self.make(), watchers=watchers)


def _first_training(make: Callable[[], Weighter]) -> tuple[Subject, Trace]:
    """A whole training, without batch norm for a weighter that refuses it."""
    for subject in (Subject(make, trial_task.TASK), Subject(make, trial_task.PLAIN)):
        try:
            with fixed_globals() as used, judging():
                _check_hooks(subject)
                trace = Observer(subject.run()).train()
        except LayerwiseUnsupported as error:
            refusal = str(error)
            continue
        if used:
            broken("global-random", f"{' and '.join(used)}'s stream was drawn from")
        return subject, trace
    raise Broken("runs", refusal)


def _check_hooks(subject: Subject) -> None:
    """What is decided before the first step."""
    run = subject.run()
    run.weighter.begin(run.run)
    check_parameters(run)
    logits = torch.randn(5, run.num_classes, generator=torch.Generator().manual_seed(0))
    with judging("losses"):
        batch = run.batch(torch.arange(len(logits)))
        losses = loss_on(run.weighter, batch)(logits, torch.tensor([0, 1, 2, 0, 1]))
        if not isinstance(losses, Tensor) or losses.shape != (5,) or not losses.isfinite().all():
            broken("losses", f"of 5 examples losses gave {losses!r:.60}")


def _again(subject: Subject, first: Trace) -> Iterator[Finding]:
    """Trainings that must come to the same as the first."""
    for check in (_repeated, _poisoned, _within_budget, _same_order, _permuted, _stopped):
        try:
            with fixed_globals():
                check(subject, first)
        except Broken as error:
            yield error.finding
            if check in (_repeated, _poisoned):
                return  # the others would see the same


def _repeated(subject: Subject, first: Trace) -> None:
    """A training like the first."""
    with judging("deterministic"):
        run = subject.run()
        again = trace_of(run, run.recipe.steps, judged_on(run.setting))
        _compare("deterministic", first, again)


def _within_budget(subject: Subject, first: Trace) -> None:
    """A training as it is run for the board, with its work counted."""
    with judging():
        subject.run().train()


def _compare(rule: str, first: Trace, again: Trace, skip: int = 0) -> None:
    """See that two trainings are one, but for the ``skip`` steps that one did not show."""
    pairs = zip(first.steps[skip:], again.steps, strict=False)
    for number, (one, other) in enumerate(pairs, skip):
        if one.examples != other.examples:
            broken(rule, f"batches hold other examples from step {number} on")
        if one.weights != other.weights:
            weights = zip(one.weights, other.weights, strict=False)
            apart = max((abs(a - b) for a, b in weights), default=0)
            broken(rule, f"weights differ from step {number} on, by up to {apart:.3g}")
    ends = first.outputs, again.outputs
    if ends[0] is not None and ends[1] is not None and not torch.equal(ends[0], ends[1]):
        broken(rule, "the judged network is another, though all weights are the same")


def _same_order(subject: Subject, first: Trace) -> None:
    """Weighters that leave the batches alone all get the same ones."""
    ours = subject.run()
    samplers = {type(layer).batches for layer in layers_of(ours.weighter)}
    if samplers - {Weighter.batches, Wrapper.batches} or ours.recipe != subject.task.recipe:
        return
    epochs = ours.epochs(ours.recipe.batch_size)
    plain = [batch.index.tolist() for batch in itertools.islice(epochs, _AGAIN)]
    if [step.examples for step in first.steps[:_AGAIN]] != plain:
        broken("batch-order", "the batches are not those that uniform weighting gets")


def _poisoned(subject: Subject, first: Trace) -> None:
    """Nothing that is hidden reaches a batch, a weight or the judged network."""
    setting, weighter = Setting.of(subject.task, 0, "cpu"), subject.make()
    inputs = judged_on(setting)
    poisoned = trial_task.poisoned(setting, weighter)
    run = Trainer(poisoned, weighter=weighter, watchers=[_Looks()])
    with judging():
        again = trace_of(run, run.recipe.steps, inputs)
        _compare("hidden-data", first, again)


class _Looks(BestOnSelect):
    """Looks at the select split, but has no network to choose: ``+select`` is to take the last."""

    @override
    def evaluate_select(self, training: TrainingState) -> None:
        super().evaluate_select(training)
        self.best = None


def _permuted(subject: Subject, first: Trace) -> None:
    """One batch is put into another order."""
    run = subject.run()
    if run.weighter.order_dependent:
        return
    with judging():
        batches = iter(run)
        for _ in range(_MIDDLE):
            run.weigh_and_step(next(batches))
        batch = next(batches)
        order = torch.arange(len(batch)).flip(0)
        before = run.generator.get_state()
        moved = ReorderedBatch(batch, order)
        weights = check_weights(run.weighter.weigh(moved), moved, run.weighter)
    if not torch.equal(before, run.generator.get_state()):
        return  # its draws go by place; which example gets which is chance
    expected = torch.tensor(first.steps[_MIDDLE].weights)[order]
    if not torch.allclose(weights.float(), expected, rtol=1e-3, atol=1e-5):
        apart = (weights.float() - expected).abs().max().item()
        broken("permutation", f"a reordered batch has other weights, by up to {apart:.3g}")


def _stopped(subject: Subject, first: Trace) -> None:
    """A training is stopped and another goes on from what it left."""
    with tempfile.TemporaryDirectory() as folder, judging("state"):
        path = Path(folder) / "state.pt"
        seen = Attributes()
        for steps in (_MIDDLE, _AGAIN):
            rest = trace_of(subject.run(BestOnSelect(), Checkpoint(path, seconds=0), seen), steps)
    try:
        _compare("state", first, rest, skip=_AGAIN - len(rest.steps))
    except Broken as error:
        if not seen.lost:
            raise
        raise Broken("state", f"{error.finding.detail}; not restored: {seen.lost}") from None


def _unusual_batches(subject: Subject) -> Iterator[Finding]:
    run = usual = None
    for rule, change in _UNUSUAL.items():
        try:
            with fixed_globals(), judging(rule):
                if run is None or usual is None:
                    run = subject.run()
                    usual = next(iter(run))
                batch = change(run, usual)
                check_weights(run.weighter.weigh(batch), batch, run.weighter)
        except Broken as error:
            run, what = None, error.finding  # what failed may have left anything behind
            yield Finding(rule, what.detail if what.rule == rule else str(what))


def _part(run: Trainer, batch: Batch, size: int) -> Batch:
    return ReorderedBatch(batch, torch.arange(min(size, len(batch))))


def _one_class(run: Trainer, batch: Batch) -> Batch:
    return run.batch((run.labels == 1).nonzero().flatten()[: len(batch)])


def _equal_examples(run: Trainer, batch: Batch) -> Batch:
    index = batch.index[:1].expand(len(batch)).clone()
    inputs, labels = torch.zeros_like(batch.inputs), batch.labels[:1].expand(len(batch)).clone()
    return GivenBatch(run.run, index, inputs, labels)


_UNUSUAL: dict[str, Callable[[Trainer, Batch], Batch]] = {
    "batch-of-one": lambda run, batch: _part(run, batch, 1),
    "short-batch": lambda run, batch: _part(run, batch, 5),
    "single-class": _one_class,
    "zero-batch": _equal_examples,
}
