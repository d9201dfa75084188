"""Each way gives the number or refuses with a reason, on every network of the zoo.

The number is <gradient of the clean loss, gradient of loss i> by one reverse pass an example, on
networks built afresh: one for the clean pass and one for the training pass, so that each of them
meets buffers, plain attributes and parameters as they stood before. A third fresh network takes the
update's reverse pass, and shows what one plain step leaves behind. Reverse passes go through
``backward``, since reentrant checkpointing knows no other.

Networks that draw random numbers: every global stream (torch's, Python's, numpy's) is seeded before
a way begins. ``higher`` takes the training pass first and the clean pass after it, ``fused`` and
``layerwise`` the clean pass first, and what is tried once draws nothing that stays drawn. The
reference draws in that order; the update's pass draws what the training pass drew. ``auto`` takes
whichever way it likes: that the losses come back says that the training pass was the last one, and
else the order is that of ``higher``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.alignment.zoo import ZOO, Entry, two_that_touch
from weightbench.alignment import Aligned, Way, align
from weightbench.errors import WeightbenchError

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*weight_norm.*deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*enable_nested_tensor:UserWarning"),
    pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning"),
]

WAYS: list[Way] = ["higher", "fused", "layerwise", "auto"]
TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-9}
DTYPES = pytest.mark.parametrize("dtype", TOLERANCE, ids=["single", "double"])
# What is right for a network is found once, where all its tests run.
OF_ONE = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ZOO]
NETWORKS = pytest.mark.parametrize("name", OF_ONE)
EACH_WAY = pytest.mark.parametrize("way", WAYS)
N, M = 6, 4

# What ``auto`` may refuse. All others must give the number.
REFUSED_BY_AUTO = {
    # ``torch.autograd.grad`` raises: gradients are to be had by ``backward`` into ``.grad`` alone.
    "checkpoint: reentrant",
    "checkpoint: reentrant, batch norm",
    "checkpoint: reentrant, nested",
    "checkpoint: reentrant, dropout",
    # Neither a forward nor a second derivative (by frequency: torch's second one is wrong), and no
    # known layer: one reverse pass an example would be all that is left.
    "held: once differentiable, after batch norm",
    "layers: bag",
    "layers: bag, batch norm",
    "layers: embedding, by frequency",
    # A trained parameter is written to in the forward pass.
    "layers: embedding, greatest norm",
}

State = dict[str, Any]


@pytest.fixture(autouse=True)
def _streams_are_put_back() -> Iterator[None]:
    before = streams()
    yield
    restore(before)


def streams() -> tuple[Any, ...]:
    return torch.get_rng_state(), random.getstate(), np.random.get_state()  # noqa: NPY002


def restore(states: tuple[Any, ...]) -> None:
    torch.set_rng_state(states[0])
    random.setstate(states[1])
    np.random.set_state(states[2])  # noqa: NPY002


def seed_all(seed: int) -> None:
    torch.default_generator.manual_seed(seed)  # torch.manual_seed notes the stack for other devices
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@dataclasses.dataclass(frozen=True)
class Batches:
    inputs: Tensor
    labels: Tensor
    clean_inputs: Tensor
    clean_labels: Tensor


def batches(entry: Entry) -> Batches:
    stream = torch.Generator().manual_seed(1)
    tensors: list[Tensor] = []
    for size in (N, M):
        tensors.append(torch.randn(size, *entry.shape, generator=stream))
        tensors.append(torch.randint(3, (size,), generator=stream))
    return Batches(*tensors)


def fresh(entry: Entry) -> nn.Module:
    """The network, always the same."""
    seed_all(0)
    return entry.build()


def update_weights() -> Tensor:
    """Of the update; one example takes no part."""
    return torch.arange(N).div(15)


def gradients(model: nn.Module) -> dict[str, Tensor]:
    """What lies in ``.grad``, taken away."""
    named = model.named_parameters()
    found = {name: p.grad.to_dense().clone() for name, p in named if p.grad is not None}
    model.zero_grad()
    return found


# ---- the reference -------------------------------------------------------------------------------


Step = tuple[Tensor, dict[str, Tensor]]


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The numbers, the update's gradient, states after the update's two passes, the next step."""

    alignment: Tensor
    update: dict[str, Tensor]
    after_forward: State
    after_reverse: State
    next_step: Step


@functools.cache
def wanted(entry: Entry, dtype: torch.dtype, clean_first: bool) -> Wanted:
    """The right answer for a network; see the top of this file."""
    with default_dtype(dtype):
        own, clean, train, plain = batches(entry), fresh(entry), fresh(entry), fresh(entry)
        seed_all(2)
        if clean_first:
            clean_logits = clean(own.clean_inputs)
        drawn = streams()
        losses = entry.loss(train(own.inputs), own.labels)
        if not clean_first:
            clean_logits = clean(own.clean_inputs)
        torch.autograd.backward(F.cross_entropy(clean_logits, own.clean_labels))
        direction = gradients(clean)
        alignment = torch.stack([along(train, loss, direction) for loss in losses])
        restore(drawn)
        update = entry.loss(plain(own.inputs), own.labels)
        after_forward = state(plain)
        torch.autograd.backward(update, update_weights())
        return Wanted(
            alignment, gradients(plain), after_forward, state(plain), step(plain, entry)
        )  # fmt: skip


@functools.cache
def first_step(entry: Entry) -> Step:
    """Of a network that nobody asked."""
    return step(fresh(entry), entry)


def step(model: nn.Module, entry: Entry) -> Step:
    """Logits and gradients of a plain step."""
    own = batches(entry)
    seed_all(3)
    logits = model(own.inputs)
    torch.autograd.backward(entry.loss(logits, own.labels).mean())
    return logits.detach(), gradients(model)


def along(model: nn.Module, loss: Tensor, direction: dict[str, Tensor]) -> Tensor:
    """The inner product of the gradient of ``loss`` with ``direction``."""
    torch.autograd.backward(loss, retain_graph=True)
    found = gradients(model)
    total = torch.zeros(())
    for name in found.keys() & direction.keys():
        total = total + (found[name] * direction[name]).sum()
    return total


# ---- what a pass may leave behind ----------------------------------------------------------------


def state(model: nn.Module) -> State:
    """Values of parameters, buffers and plain attributes (modes among them); what is trained."""
    found: State = {}
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, Tensor | int | float) or _numbers(value):
                found[f"{path}.{name}"] = _copied(value)
        for name, buffer in module._buffers.items():
            found[f"{path}.{name}"] = _copied(buffer)
    for name, p in model.named_parameters(remove_duplicate=False):
        found[name] = _copied(p)
        found[f"{name} is trained"] = p.requires_grad
    return found


def fittings(model: nn.Module) -> State:
    """What no pass moves: hooks, forward functions, and which tensors are the parameters."""
    found: State = {}
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if "hooks" in name:
                found[f"{path}.{name}"] = [(key, id(hook)) for key, hook in value.items()]
        found[f"{path}.forward"] = id(vars(module).get("forward"))
        found[f"{path} is"] = type(module)
    for name, p in model.named_parameters(remove_duplicate=False):
        found[name] = (id(p), list(p._backward_hooks or ()))
    return found


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, int | float) for item in value)


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    return list(value) if isinstance(value, list) else value


def differences(found: State, expected: State, exactly: set[str] | None = None) -> list[str]:
    """Names of what differs; what is not in ``exactly`` may differ by rounding."""
    names = sorted(found.keys() ^ expected.keys())
    for name in found.keys() & expected.keys():
        mine, its = found[name], expected[name]
        if isinstance(mine, Tensor) and isinstance(its, Tensor):
            if exactly is None or name in exactly:
                same = torch.equal(mine, its)
            else:
                same = torch.allclose(mine, its, rtol=1e-5, atol=1e-6)
        elif exactly is None or not isinstance(mine, float | list):
            same = mine == its
        else:
            same = mine == pytest.approx(its)
        if not same:
            names.append(name)
    return names


# ---- the tests -----------------------------------------------------------------------------------


def asked(model: nn.Module, entry: Entry, way: Way) -> Aligned | str:
    """What ``way`` says after seeding the streams, or why it refuses."""
    own = batches(entry)
    seed_all(2)
    try:
        return align(
            model, entry.loss, own.inputs, own.labels, own.clean_inputs, own.clean_labels, way
        )
    except WeightbenchError as error:
        return str(error)


def updated(aligned: Aligned) -> bool:
    """The reverse pass of the step, if ``aligned`` came with one."""
    if aligned.backward is not None:
        aligned.backward(update_weights())
    elif aligned.losses is not None:
        torch.autograd.backward(aligned.losses, update_weights())
    return aligned.losses is not None


def assert_a_reason(text: str) -> None:
    """One line that says more than that it did not work."""
    assert "\n" not in text
    assert len(text.split()) >= 6, text
    assert len(text) < 600, text


def assert_close(found: Tensor, expected: Tensor, relative: float, what: str) -> None:
    largest = float(expected.abs().max())
    assert largest > 1e-6, f"{what}: the network says nothing"
    error = float((found.detach() - expected).abs().max()) / largest
    assert error <= relative, f"{what} is off by {error:.1e} of the largest element"


def assert_same_gradients(
    found: dict[str, Tensor], expected: dict[str, Tensor], relative: float
) -> None:
    """Every parameter's, beside its own norm or a hundredth of the whole gradient's."""
    assert found.keys() == expected.keys()
    norm = sum(float(gradient.square().sum()) for gradient in expected.values()) ** 0.5
    for name, gradient in expected.items():
        error = float((found[name] - gradient).norm())
        beside = max(float(gradient.norm()), 0.01 * norm)
        assert error <= relative * beside, f"update of {name} is off by {error / beside:.1e}"


def clean_first(aligned: Aligned) -> bool:
    """Whether the clean pass came first: the training pass that is handed over came last."""
    return aligned.losses is not None


def assert_the_number_or_a_reason(entry: Entry, way: Way, dtype: torch.dtype) -> str | None:
    """The reason, if there is no number."""
    with default_dtype(dtype):
        model = fresh(entry)
        aligned = asked(model, entry, way)
        if isinstance(aligned, str):
            assert_a_reason(aligned)
            return aligned
        expected = wanted(entry, dtype, clean_first(aligned))
        assert_close(aligned.alignment, expected.alignment, TOLERANCE[dtype], "alignment")
        assert gradients(model) == {}
        if updated(aligned):
            assert_same_gradients(gradients(model), expected.update, TOLERANCE[dtype])
        return None


@DTYPES
@EACH_WAY
@NETWORKS
def test_the_number_or_a_reason(name: str, way: Way, dtype: torch.dtype) -> None:
    refusal = assert_the_number_or_a_reason(ZOO[name], way, dtype)
    assert refusal is None or way != "auto" or name in REFUSED_BY_AUTO, refusal


@DTYPES
@pytest.mark.parametrize("swapped", [True, False], ids=["swapped", "touching"])
@pytest.mark.parametrize("pair", list(itertools.combinations(range(N), 2)), ids=str)
def test_whichever_two_examples_touch(
    pair: tuple[int, int], swapped: bool, dtype: torch.dtype
) -> None:
    """What is tried with some rows of a batch must not depend on which rows those are."""
    entry = Entry(functools.partial(two_that_touch, *pair, swapped))
    assert_the_number_or_a_reason(entry, "layerwise", dtype)
    assert assert_the_number_or_a_reason(entry, "auto", dtype) is None


@EACH_WAY
@NETWORKS
def test_asking_leaves_no_trace(name: str, way: Way) -> None:
    """``higher`` and a refusal move nothing; the others, what a plain step moves, and once.

    Nor does the next step notice that anybody asked.
    What the reverse pass moves (running statistics under activation checkpointing) may be moved
    before the update or by it.
    """
    entry = ZOO[name]
    with default_dtype(torch.float64):
        model = fresh(entry)
        before, fitted = state(model), fittings(model)
        trained = dict(model.named_parameters()).keys()
        seed_all(2)
        unmoved = streams()
        aligned = asked(model, entry, way)
        assert gradients(model) == {}
        assert differences(fittings(model), fitted) == []
        if not entry.draws:
            assert_same_streams(streams(), unmoved)
        if isinstance(aligned, str) or not clean_first(aligned):
            assert differences(state(model), before) == []
            assert_same_step(step(model, entry), first_step(entry))
            return
        expected = wanted(entry, torch.float64, True)
        moved = differences(state(model), expected.after_forward, {*trained})
        assert not moved or not differences(state(model), expected.after_reverse, {*trained}), moved
        assert updated(aligned)
        gradients(model)
        assert differences(fittings(model), fitted) == []
        assert differences(state(model), expected.after_reverse, {*trained}) == []
        assert_same_step(step(model, entry), expected.next_step)


def assert_same_step(found: Step, expected: Step) -> None:
    assert torch.allclose(found[0], expected[0], rtol=1e-9, atol=1e-9), "the next step"
    assert_same_gradients(found[1], expected[1], 1e-8)


def assert_same_streams(found: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    assert torch.equal(found[0], expected[0]), "torch's stream has moved"
    assert found[1] == expected[1], "Python's stream has moved"
    assert all(np.array_equal(a, b) for a, b in zip(found[2], expected[2], strict=True)), (
        "numpy's stream has moved"
    )


def test_what_may_be_refused_is_in_the_zoo() -> None:
    assert ZOO.keys() >= REFUSED_BY_AUTO
    assert len(ZOO) >= 80
