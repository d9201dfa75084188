"""The contract: one obligation, defaults for the rest, wrappers that pass every hook on."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import weightbench as wb
from weightbench.errors import BadSpec
from weightbench.registry import WRAPPERS
from weightbench.training.weighter import digest_of

HOOKS = [
    name
    for name, member in vars(wb.Weighter).items()
    if inspect.isfunction(member) and not name.startswith("_")
]


def _noting(name: str) -> Any:
    def hook(self: Noting, *arguments: Any) -> Any:
        self.calls.append((name, arguments))
        return f"answer of {name}"

    return hook


class Noting(wb.Weighter):
    """Notes every hook that is called, with what it was given."""

    weigh = _noting("weigh")

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []


for _name in HOOKS:
    setattr(Noting, _name, _noting(_name))


@pytest.mark.parametrize("hook", [name for name in HOOKS if "state_dict" not in name])
def test_a_wrapper_passes_every_hook_on(hook: str) -> None:
    inner = Noting()
    wrapper = wb.Wrapper(inner)
    parameters = inspect.signature(getattr(wb.Weighter, hook)).parameters
    arguments = tuple(object() for _ in list(parameters)[1:])
    answer = getattr(wrapper, hook)(*arguments)
    assert answer == (None if hook in ("begin", "end_epoch") else f"answer of {hook}")
    assert inner.calls == [(hook, arguments)]


def test_a_wrapper_overrides_every_hook() -> None:
    """A hook added to the contract must be added to the wrapper."""
    assert {hook for hook in HOOKS if "state_dict" not in hook} <= set(vars(wb.Wrapper))


@pytest.mark.parametrize("name", ["uniform", "oracle"])
def test_a_wrapper_is_as_privileged_as_what_it_wraps(name: str) -> None:
    assert wb.make_weighter(f"{name}+ft+es").privileged == wb.make_weighter(name).privileged


DECLARATIONS = ["privileged", "negative", "order_dependent"]


def declaring(base: type[Any], name: str, value: bool) -> Any:
    return type("Declaring", (base,), {name: value})


@pytest.mark.parametrize("name", DECLARATIONS)
@pytest.mark.parametrize(("outer", "inner"), [(True, False), (False, True), (True, True)])
def test_a_wrapper_declares_what_it_or_the_inner_one_does(
    name: str, outer: bool, inner: bool
) -> None:
    wrapper = declaring(wb.Wrapper, name, outer)(declaring(Noting, name, inner)())
    assert getattr(wrapper, name) is True
    assert not any(getattr(wrapper, other) for other in DECLARATIONS if other != name)
    assert getattr(wb.Wrapper(wb.Wrapper(wrapper)), name) is True
    assert getattr(type(wrapper), name) is outer


@pytest.mark.parametrize(("outer", "inner"), [(True, False), (False, True), (False, False)])
def test_a_wrapper_is_normalized_where_both_are(outer: bool, inner: bool) -> None:
    wrapper = declaring(wb.Wrapper, "normalized", outer)(declaring(Noting, "normalized", inner)())
    assert wrapper.normalized is False
    assert wb.Wrapper(wrapper).normalized is False
    assert wb.Wrapper(Noting()).normalized is True


class Setting(wb.Wrapper):
    """Declares for itself, once before and once after the inner weighter is there."""

    def __init__(self, inner: wb.Weighter, value: bool = True) -> None:
        self.negative = value
        super().__init__(inner)
        self.order_dependent = value
        self.normalized = not value


@pytest.mark.parametrize("value", [True, False])
def test_an_instance_declares_for_itself(value: bool) -> None:
    wrapper = Setting(Noting(), value)
    declared = (wrapper.negative, wrapper.order_dependent, wrapper.normalized)
    assert declared == (value, value, not value)
    outermost = wb.Wrapper(wrapper)
    assert (outermost.negative, outermost.normalized) == (value, not value)


def test_an_instance_cannot_hide_what_the_inner_one_declares_and_when() -> None:
    inner = Noting()
    wrapper = Setting(inner, False)
    inner.negative = inner.order_dependent = True
    inner.normalized = False
    assert (wrapper.negative, wrapper.order_dependent, wrapper.normalized) == (True, True, False)


class Peek(wb.Wrapper):
    """Reads true labels around a weighter that does not."""

    privileged = True

    def begin(self, run: wb.Run) -> None:
        assert len(run.true_labels) == len(run.labels)
        super().begin(run)


def test_a_privileged_wrapper_sees_true_labels(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0, weighter=Peek(wb.make_weighter("uniform")))
    run.train()
    assert run.steps_taken == tiny.recipe.steps


class Memory(wb.Weighter):
    def __init__(self, size: int = 3) -> None:
        self.sums = torch.zeros(size)
        self.net = nn.Linear(2, 2)
        self.note = "not a tensor"

    def weigh(self, batch: wb.Batch) -> Tensor:
        return torch.ones(len(batch)) / len(batch)


def test_state_is_the_tensors_and_modules() -> None:
    one, other = wb.Wrapper(Memory()), wb.Wrapper(Memory())
    inner = one.inner
    assert isinstance(inner, Memory)
    inner.sums += 1
    other.load_state_dict(one.state_dict())
    restored = other.inner
    assert isinstance(restored, Memory)
    assert restored.sums.tolist() == [1, 1, 1]
    assert torch.equal(restored.net.weight, inner.net.weight)


def test_a_source_is_told_apart_and_a_wrapper_counts() -> None:
    digests = [digest_of(wb.make_weighter(name)) for name in ("uniform", "random", "uniform+ft")]
    assert len(set(digests)) == 3
    assert digests[0] == digest_of(wb.make_weighter("uniform"))


def test_a_weighter_that_cannot_be_built_says_why() -> None:
    class Needs(wb.Weighter):
        def __init__(self, k: int) -> None: ...

        def weigh(self, batch: wb.Batch) -> Tensor:
            raise AssertionError

    wb.register_weighter("needs-k", Needs)
    with pytest.raises(BadSpec, match="'k'"):
        wb.make_weighter("needs-k")


def test_presets_are_defaults() -> None:
    wb.register_weighter("memory-of-five", Memory, size=5)
    weighter = wb.make_weighter("memory-of-five")
    assert isinstance(weighter, Memory)
    assert len(weighter.sums) == 5
    assert str(weighter.spec) == "memory-of-five"
    assert str(wb.make_weighter("memory-of-five[size=5]").spec) == "memory-of-five"
    assert str(wb.make_weighter("memory-of-five[size=3]").spec) == "memory-of-five[size=3]"


@pytest.mark.parametrize("name", WRAPPERS.names())
def test_every_wrapper_is_documented(name: str) -> None:
    cls, _ = WRAPPERS.get(name)
    assert cls.__doc__


def test_a_short_schedule_and_fine_tuning_compose(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0, weighter=wb.make_weighter("uniform+es+ft[steps=4]"))
    run.train()
    assert run.recipe.steps == round(tiny.recipe.steps * 0.75)
    assert run.steps_taken == run.recipe.steps
    assert run.side_work == pytest.approx(4 * 12 / tiny.recipe.batch_size), "of 12 examples"
    assert run.used_holdout


def test_fine_tuning_starts_from_the_trained_model(tiny: wb.Task) -> None:
    plain = wb.start(tiny, 0, weighter=wb.make_weighter("uniform"))
    plain.train()
    before = {name: tensor.clone() for name, tensor in plain.model.state_dict().items()}
    tuned = wb.start(tiny, 0, weighter=wb.make_weighter("uniform+ft[steps=1]"))
    tuned.train()
    after = tuned.model.state_dict()
    rate = tiny.recipe.lr * tiny.recipe.decay ** len(tiny.recipe.milestones)
    moved = max(float((after[name] - before[name]).abs().max()) for name in before)
    assert 0 < moved < rate


class Sampler(wb.Weighter):
    """Uses every hook a method about sampling would."""

    def __init__(self) -> None:
        self.epochs = 0

    def batches(self, run: wb.Run) -> Iterator[wb.Batch]:
        while True:
            yield run.batch(torch.randint(len(run.labels), (7,), generator=run.generator))

    def weigh(self, batch: wb.Batch) -> Tensor:
        return torch.full((len(batch),), 1 / 7)

    def end_epoch(self, run: wb.Run) -> None:
        self.epochs += 1


def test_a_method_may_draw_its_own_batches(tiny: wb.Task) -> None:
    sampler = Sampler()
    run = wb.start(tiny, 0, weighter=sampler)
    run.train()
    an_epoch = max(1, len(run.labels) // run.recipe.batch_size)
    assert sampler.epochs == run.recipe.steps // an_epoch
