"""All ways give the numbers of ``higher``, and the step's gradient with them."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from weightbench.tasks.networks import mlp

from tests.alignment.cases import BUILT_IN, Case, built_in, case
from weightbench.alignment import Way
from weightbench.alignment.calls import recorded, traced
from weightbench.alignment.layerwise import parts_of
from weightbench.alignment.passes import clean_gradient

COUPLED = {"resnet32-batch", "whitened"}
PAIRS: list[tuple[str, Way]] = [
    *((name, "fused") for name in BUILT_IN),
    *((name, "layerwise") for name in BUILT_IN if name not in COUPLED),
]


def assert_close(found: Tensor, wanted: Tensor, relative: float) -> None:
    """Close beside the largest element."""
    assert float((found - wanted).abs().max()) <= relative * float(wanted.abs().max())


def assert_same_step(case: Case, way: Way, relative: float) -> None:
    """Alignment, and every parameter's gradient beside the norm of the whole gradient."""
    alignment, gradients = copy.deepcopy(case).step("higher")
    found, found_gradients = case.step(way)
    assert alignment.abs().max() > 0
    assert_close(found, alignment, relative)
    assert found_gradients.keys() == gradients.keys()
    norm = sum(float(gradient.square().sum()) for gradient in gradients.values()) ** 0.5
    for name, gradient in gradients.items():
        error = float((found_gradients[name] - gradient).norm())
        assert error <= relative * max(float(gradient.norm()), 0.01 * norm), name


@pytest.mark.parametrize(
    ("dtype", "relative"), [(torch.float64, 1e-9), (torch.float32, 1e-4)], ids=["double", "single"]
)
@pytest.mark.parametrize(("name", "way"), PAIRS)
def test_a_step_is_that_of_higher(name: str, way: Way, dtype: torch.dtype, relative: float) -> None:
    assert_same_step(built_in(name, dtype), way, relative)


@pytest.mark.parametrize("name", ["lenet", "resnet32-batch", "resnet32-group"])
def test_channels_may_be_last_in_memory(name: str) -> None:
    own = built_in(name, torch.float64)
    own.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    own.inputs = own.inputs.contiguous(memory_format=torch.channels_last)
    assert_same_step(own, "fused", 1e-9)
    assert_same_step(own, "layerwise" if name not in COUPLED else "auto", 1e-9)


@pytest.mark.parametrize("m", [1, 25])
@pytest.mark.parametrize("way", ["fused", "layerwise"])
def test_a_clean_batch_has_any_size(way: Way, m: int) -> None:
    assert_same_step(built_in("lenet", torch.float64, m=m), way, 1e-9)


def test_one_example_is_a_batch() -> None:
    assert_same_step(built_in("lenet", torch.float64, n=1), "layerwise", 1e-9)


class Doubled(nn.Module):
    """A layer used twice, and one whose weight another shares."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.tied = nn.Linear(8, 8)
        self.tied.weight = self.first.weight
        self.unused = nn.Linear(8, 8)
        self.last = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(input=torch.tanh(self.first(x)))
        logits: Tensor = self.last(self.tied(hidden))
        return logits


class Words(nn.Module):
    """Token embeddings with padding, a norm over two dimensions, positions in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(10, 6, padding_idx=0)
        self.norm = nn.LayerNorm((3, 6))
        self.last = nn.Linear(6, 10)

    def forward(self, x: Tensor) -> Tensor:
        words = self.words(x.mul(2).long().clamp(0, 9))
        logits: Tensor = self.last(self.norm(words)).sum(1)
        return logits


class Attentive(nn.Module):
    """Attention through torch's own fused kernels."""

    def __init__(self) -> None:
        super().__init__()
        self.joint = nn.Linear(8, 24)
        self.last = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.joint(x).chunk(3, -1)
        mixed = F.scaled_dot_product_attention(query, key, value)
        logits: Tensor = self.last(mixed.mean(1))
        return logits


class BorrowedScale(nn.Module):
    """A norm whose weight is used once more, and a layer of which only the bias learns."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.first.weight.requires_grad_(False)
        self.norm = nn.GroupNorm(2, 8)
        self.last = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.norm(torch.tanh(self.first(x))) * self.norm.weight
        logits: Tensor = self.last(hidden)
        return logits


def images(*layers: nn.Module, channels: int = 6) -> nn.Sequential:
    head = nn.Linear(channels, 10)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)


def frozen_first(model: nn.Sequential) -> nn.Sequential:
    model[0].requires_grad_(False)
    return model


ODD: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "strided": (lambda: images(nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.ReLU()), (4, 9, 9)),
    "same": (lambda: images(nn.Conv2d(4, 6, 3, padding="same", dilation=2), nn.ReLU()), (4, 9, 9)),
    "oblong": (lambda: images(nn.Conv2d(4, 6, (1, 3), padding=(0, 1)), nn.Tanh()), (4, 9, 7)),
    "grouped": (
        lambda: images(nn.Conv2d(4, 8, 3, groups=4, bias=False), nn.GELU(), channels=8),
        (4, 9, 9),
    ),
    "in place": (
        lambda: images(
            nn.Conv2d(4, 6, 3), nn.ReLU(inplace=True), nn.Conv2d(6, 6, 3), nn.ReLU(True)
        ),
        (4, 9, 9),
    ),
    "signal": (
        lambda: nn.Sequential(
            nn.Conv1d(2, 4, 3), nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(28, 10)
        ),
        (2, 9),
    ),
    "frozen": (lambda: frozen_first(mlp(9, 10)[1:]), (9,)),
    "old norm": (
        lambda: nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Linear(8, 10)).eval(),
        (5,),
    ),
    "twice": (Doubled, (8,)),
    "words": (Words, (3,)),
    "attention": (Attentive, (5, 8)),
    "few positions": (
        lambda: nn.Sequential(nn.Linear(40, 48), nn.Flatten(), nn.Linear(96, 10)),
        (2, 40),
    ),
}


@pytest.mark.parametrize("way", ["fused", "layerwise"])
@pytest.mark.parametrize("name", ODD)
def test_layers_of_many_forms(name: str, way: Way) -> None:
    build, shape = ODD[name]
    assert_same_step(case(lambda: build().double(), *shape), way, 1e-9)


def test_a_norm_whose_weight_is_used_elsewhere_too() -> None:
    own = case(lambda: BorrowedScale().double(), 8)
    assert_same_step(own, "fused", 1e-9)
    assert_same_step(own, "auto", 1e-9)


@pytest.mark.parametrize("way", ["fused", "layerwise"])
def test_weights_that_are_all_zero_give_a_gradient_of_zero(way: Way) -> None:
    own = built_in("lenet")
    own.update(own.align(way), torch.zeros(6))
    gradients = own.gradients()
    assert gradients
    assert all(not gradient.any() for gradient in gradients.values())


@pytest.mark.parametrize("way", ["fused", "layerwise"])
def test_a_loss_may_hold_its_targets_fixed(way: Way) -> None:
    """Forward derivatives pass through ``no_grad``; these must not."""

    def bootstrapped(logits: Tensor, labels: Tensor) -> Tensor:
        with torch.no_grad():
            target = 0.8 * F.one_hot(labels, logits.shape[1]) + 0.2 * logits.softmax(1)
        return -(target * logits.log_softmax(1)).sum(1)

    assert_same_step(
        dataclasses.replace(built_in("mlp", torch.float64), loss=bootstrapped), way, 1e-9
    )


def test_a_loss_with_parameters_of_its_own() -> None:
    """The network's parameters alone make the alignment; the update moves both."""
    stream = torch.Generator().manual_seed(0)
    mix = nn.Parameter(torch.randn(10, 10, dtype=torch.float64, generator=stream))

    def mixed(logits: Tensor, labels: Tensor) -> Tensor:
        return F.nll_loss(logits.log_softmax(1) @ mix.softmax(0), labels, reduction="none")

    own = dataclasses.replace(built_in("mlp", torch.float64), loss=mixed)
    wanted = own.align("higher").alignment
    aligned = own.align("auto", loss_has_parameters=True)
    assert_close(aligned.alignment, wanted, 1e-9)
    assert aligned.losses is not None
    own.update(aligned, wanted)
    (expected,) = torch.autograd.grad(own.loss(own.model(own.inputs), own.labels), mix, wanted)
    assert mix.grad is not None
    torch.testing.assert_close(mix.grad, expected)


def test_the_sum_of_local_dot_products() -> None:
    """Ren et al. 2018, appendix, eqs. 17-25, on an MLP in double precision.

    Term by term: each layer adds, averaged over clean examples, the dot product of the inputs (one
    more for the bias) times that of the output gradients. The whole is what ``layerwise`` and
    ``higher`` say, and a finite difference of the clean loss.
    """
    own = built_in("mlp", torch.float64)

    def local(inputs: Tensor, labels: Tensor) -> list[tuple[Tensor, Tensor]]:
        """(input with a one, output gradient) of every layer."""
        pairs, x = [], inputs.flatten(1)
        for layer in own.model.children():
            z = layer(x)
            if isinstance(layer, nn.Linear):
                pairs.append((F.pad(x, (0, 1), value=1), z))
            x = z
        loss = F.cross_entropy(x, labels, reduction="sum")
        outputs = torch.autograd.grad(loss, [z for _, z in pairs])
        return [(a, b) for (a, _), b in zip(pairs, outputs, strict=True)]

    train = local(own.inputs, own.labels)
    clean = local(own.clean_inputs, own.clean_labels)
    terms = [
        ((a @ ca.T) * (b @ cb.T)).mean(1).detach()
        for (a, b), (ca, cb) in zip(train, clean, strict=True)
    ]

    direction = clean_gradient(own.model, own.clean_inputs, own.clean_labels)
    with recorded(own.model) as calls:
        losses = own.loss(own.model(own.inputs), own.labels)
    parts = parts_of(traced(calls, losses, torch.ones_like(losses)))
    products = [part.product(direction[parameter]) for parameter, part in parts]
    for term, weight, bias in zip(terms, products[::2], products[1::2], strict=True):
        assert_close(weight + bias, term, 1e-12)

    whole = torch.stack(terms).sum(0)
    for way in ("layerwise", "higher"):
        assert_close(own.align(way).alignment, whole, 1e-12)
    assert_close(finite_difference(own, 1e-5), whole, 1e-7)


def finite_difference(own: Case, epsilon: float) -> Tensor:
    """``-d(clean loss)/d(eps_i)`` by moving the parameters along each example's gradient."""
    slopes = []
    for i in range(len(own.labels)):
        moved: list[Tensor] = []
        for sign in (-1.0, 1.0):
            model = copy.deepcopy(own.model)
            loss = own.loss(model(own.inputs[i : i + 1]), own.labels[i : i + 1]).sum()
            steps = torch.autograd.grad(loss, list(model.parameters()))
            with torch.no_grad():
                for parameter, step in zip(model.parameters(), steps, strict=True):
                    parameter.sub_(step, alpha=sign * epsilon)
                moved.append(F.cross_entropy(model(own.clean_inputs), own.clean_labels))
        slopes.append(-(moved[1] - moved[0]) / (2 * epsilon))
    return torch.stack(slopes)


@pytest.mark.parametrize("way", ["higher", "fused", "layerwise"])
@pytest.mark.parametrize(
    ("name", "relative"),
    [("mlp", 0.03), ("lenet", 0.03), ("transformer", 0.03), ("resnet32-group", 0.1)],
)
def test_bfloat16_moves_the_alignment_by_little(name: str, relative: float, way: Way) -> None:
    """By hundredths of the largest element, more in a deep network: products keep 8 bits.

    The update's gradient is that of a plain reverse pass under autocast, to two hundredths.
    """
    own = built_in(name, n=20)
    wanted, _ = own.step(way)
    with torch.autocast("cpu", torch.bfloat16):
        aligned = own.align(way)
        assert aligned.alignment.dtype == torch.float32
        assert_close(aligned.alignment, wanted, relative)
        weights = torch.full((20,), 0.05)
        own.update(aligned, weights)
        found = own.gradients()
        own.plain()
    plain = own.gradients()
    for parameter, gradient in plain.items():
        assert found[parameter].dtype == torch.float32
        error = float((found[parameter] - gradient).norm())
        assert error <= 0.02 * float(gradient.norm()) + 1e-6, parameter
