"""What a whole step costs beside a plain one, in counts that are the same on every machine."""

from __future__ import annotations

import functools
import gc
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from weightbench.tasks.networks import mlp

from tests.alignment.cases import built_in, case
from weightbench.alignment import Way


def flops(step: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        step()
    return int(counter.get_total_flops())


BOUNDS: list[tuple[str, Way, tuple[float, float]]] = [
    ("mlp", "fused", (1.73, 2.63)),
    ("mlp", "layerwise", (1.16, 2.28)),
    ("mlp", "auto", (1.16, 2.28)),
    ("wide mlp", "fused", (1.72, 2.62)),
    ("wide mlp", "layerwise", (1.08, 1.70)),
    ("wide mlp", "auto", (1.08, 1.70)),
    ("small-cnn", "auto", (1.45, 2.35)),
    ("lenet", "higher", (3.41, 4.31)),
    ("lenet", "fused", (1.80, 2.70)),
    ("lenet", "layerwise", (1.45, 2.35)),
    ("resnet32-batch", "fused", (1.80, 2.70)),
    ("whitened", "fused", (1.80, 2.70)),
    ("resnet32-group", "fused", (1.80, 2.70)),
    ("resnet32-group", "layerwise", (1.45, 2.35)),
    ("transformer", "fused", (1.80, 2.70)),
    ("transformer", "layerwise", (1.45, 2.35)),
]
FLOPS = [
    (name, way, m, b) for name, way, two in BOUNDS for m, b in zip((10, 100), two, strict=True)
]


@pytest.mark.parametrize(("name", "way", "m", "bound"), FLOPS)
def test_flops_of_a_step(name: str, way: Way, m: int, bound: float) -> None:
    """The update here weighs every example: ``layerwise`` saves the work of those it drops."""
    if name == "wide mlp":
        own = case(lambda: mlp(784, 10, hidden=(1024, 1024)), 784, n=100, m=m)
    else:
        own = built_in(name, n=100, m=m)

    def step() -> None:
        own.update(own.align(way), torch.full((100,), 0.01))

    step()  # what is asked once per model
    assert flops(step) / flops(own.plain) <= bound


def test_examples_of_zero_weight_are_free_in_the_layerwise_update() -> None:
    own = built_in("lenet", n=100, m=10)
    everyone, half = torch.full((100,), 0.01), torch.full((100,), 0.02)
    half[::2] = 0
    ends = [own.align("layerwise").backward for _ in range(2)]
    costs = []
    for backward, weights in zip(ends, (everyone, half), strict=True):
        assert backward is not None
        costs.append(flops(functools.partial(backward, weights)))
    assert costs[1] < 0.51 * costs[0]


class Kept:
    """The most bytes of tensors that were kept for a reverse pass at one time."""

    def __init__(self) -> None:
        self.now = self.peak = 0
        self._uses: dict[int, int] = {}

    def pack(self, tensor: Tensor) -> Held:
        storage = tensor.untyped_storage()
        address, size = storage._cdata, storage.nbytes()
        if address not in self._uses:
            self.now += size
            self.peak = max(self.peak, self.now)
        self._uses[address] = self._uses.get(address, 0) + 1
        held = Held(tensor.detach())
        weakref.finalize(held, self._drop, address, size)
        return held

    def _drop(self, address: int, size: int) -> None:
        self._uses[address] -= 1
        if not self._uses[address]:
            del self._uses[address]
            self.now -= size


class Held:
    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def kept_bytes(step: Callable[[], object]) -> int:
    gc.collect()
    kept = Kept()
    with torch.autograd.graph.saved_tensors_hooks(kept.pack, lambda held: held.tensor):
        step()
    return kept.peak


@pytest.mark.parametrize(("way", "low", "high"), [("fused", 1.0, 1.5), ("higher", 2.7, 3.3)])
def test_memory_kept_for_the_reverse_pass(way: Way, low: float, high: float) -> None:
    own = built_in("resnet32-batch", n=100, m=100)
    ratio = kept_bytes(lambda: own.step(way)) / kept_bytes(own.plain)
    assert low <= ratio <= high
