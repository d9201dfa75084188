"""Networks and batches that the tests of alignment share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from weightbench.tasks.networks import lenet, mlp, resnet32, small_cnn, tiny_transformer
from weightbench.tasks.whitened import whitened_cnn

import weightbench as wb
from weightbench.alignment import Aligned, Way, align
from weightbench.training.random_streams import seeded_globals


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits, labels, reduction="none")


@dataclasses.dataclass
class Case:
    """A network and two batches; ResNets take small images, whose size changes no ratio."""

    model: nn.Module
    inputs: Tensor
    labels: Tensor
    clean_inputs: Tensor
    clean_labels: Tensor
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy

    def align(self, way: Way, loss_has_parameters: bool = False) -> Aligned:
        return align(
            self.model, self.loss, self.inputs, self.labels, self.clean_inputs, self.clean_labels,
            way, loss_has_parameters=loss_has_parameters,
        )  # fmt: skip

    def gradients(self) -> dict[str, Tensor]:
        """What the last step left in ``.grad``, taken away."""
        named = self.model.named_parameters()
        found = {name: p.grad.clone() for name, p in named if p.grad is not None}
        self.model.zero_grad()
        return found

    def update(self, aligned: Aligned, weights: Tensor) -> None:
        """The reverse pass of the step that follows ``aligned``."""
        if aligned.backward is not None:
            aligned.backward(weights)
        elif aligned.losses is not None:
            torch.autograd.backward(aligned.losses, weights)
        else:
            torch.autograd.backward(self.loss(self.model(self.inputs), self.labels), weights)

    def step(self, way: Way) -> tuple[Tensor, dict[str, Tensor]]:
        """Alignment and the parameter gradient of a whole step."""
        aligned = self.align(way)
        self.update(aligned, wb.normalize(aligned.alignment))
        return aligned.alignment, self.gradients()

    def plain(self) -> None:
        """A step without weighting."""
        torch.autograd.backward(self.loss(self.model(self.inputs), self.labels).mean())


def case(
    build: Callable[[], nn.Module], *shape: int, n: int = 6, m: int = 4, classes: int = 10
) -> Case:
    """What ``build`` makes, always from the same seed, and random batches of ``shape`` for it."""
    stream = torch.Generator().manual_seed(0)
    with seeded_globals(0):
        model = build()
    dtype = next(model.parameters()).dtype

    def batch(size: int) -> tuple[Tensor, Tensor]:
        inputs = torch.randn(size, *shape, generator=stream, dtype=dtype)
        return inputs, torch.randint(classes, (size,), generator=stream)

    return Case(model, *batch(n), *batch(m))


def photographs(span: tuple[float, float] = (-1.0, 1.0), count: int = 60) -> wb.DataSet:
    """Images whose neighbouring pixels and channels go together; a third is the test split."""
    draws = np.random.default_rng(0)
    rough = draws.integers(0, 160, (count, 16, 16, 1)).repeat(2, 1).repeat(2, 2)
    images = (rough + draws.integers(0, 96, (count, 32, 32, 3))).astype(np.uint8)
    test = draws.permutation(count)[: count // 3]
    return wb.DataSet("photographs", images, np.arange(count) % 10, 10, test=test, span=span)


BUILT_IN: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "mlp": (lambda: mlp(64, 10), (1, 8, 8)),
    "small-cnn": (lambda: small_cnn(1, 10), (1, 8, 8)),
    "lenet": (lambda: lenet(10), (1, 28, 28)),
    "resnet32-batch": (lambda: resnet32(10), (3, 8, 8)),
    "resnet32-group": (lambda: resnet32(10, norm="group"), (3, 8, 8)),
    "resnet32-frozen": (lambda: resnet32(10).eval(), (3, 8, 8)),
    "transformer": (lambda: tiny_transformer(1, 8, 10), (1, 8, 8)),
    "whitened": (lambda: whitened_cnn(photographs()), (3, 32, 32)),  # its first layer is fixed
}


def built_in(name: str, dtype: torch.dtype = torch.float32, n: int = 6, m: int = 4) -> Case:
    build, shape = BUILT_IN[name]
    return case(lambda: build().to(dtype), *shape, n=n, m=m)
