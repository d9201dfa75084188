"""The layerwise way refuses where it would be wrong, with the reason; ``auto`` goes another way."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.parametrize import register_parametrization

from tests.alignment.cases import Case, case, cross_entropy
from weightbench.alignment import alignment_way
from weightbench.errors import FusedUnsupported, LayerwiseUnsupported, UnknownParameter


class Centred(nn.Module):
    """A layer without parameters that mixes examples."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0)


class Neighbours(nn.Module):
    """Each example sees the next one."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.1 * x.roll(1, 0)


class Transposed(nn.Module):
    """Examples in the last dimension while a layer works."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.inner(x.unsqueeze(0).expand(3, -1, -1))
        return mixed.mean(0)


class Scaled(nn.Module):
    """A parameter of a module that nobody knows."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(8))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


class Borrowed(nn.Module):
    """A known layer whose weight is used once more without calling it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(torch.relu(self.inner(x)), self.inner.weight)


class Shifted(nn.Linear):
    """A subclass that computes something else."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) + self.bias


class Places(nn.Module):
    """A position for each feature, as many as there are examples: one row is not one example."""

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Embedding(6, 8)

    def forward(self, x: Tensor) -> Tensor:
        places: Tensor = self.places(torch.arange(6)).sum(0)
        return x + places


class Spoilt(nn.Module):
    """Changes the input of a layer after its use."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = x.detach().clone()
        out: Tensor = self.inner(x)
        x.zero_()
        return out


class Pool(nn.Module):
    """Batch norm on images, for vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(8, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(x[:, :, None, None]).flatten(1)
        return out


class Symmetric(nn.Module):
    """A weight made from another."""

    def forward(self, x: Tensor) -> Tensor:
        return x + x.T


def symmetric() -> nn.Module:
    return register_parametrization(nn.Linear(8, 8), "weight", Symmetric())


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "batch norm": (
        lambda: nn.BatchNorm1d(8),
        r"layer 1 \(BatchNorm1d\) normalises over the batch",
    ),
    "batch norm without parameters": (Pool, "normalises over the batch"),
    "mean over examples": (Centred, "examples touch each other after a Linear"),
    "neighbours": (Neighbours, "examples touch each other"),
    "examples elsewhere": (Transposed, "does not have the examples in its first dimension"),
    "rows by chance": (Places, "examples touch each other after a Embedding"),
    "unknown parameters": (Scaled, r"layer 1 \(Scaled\) has parameters of a kind"),
    "borrowed weight": (Borrowed, "is used outside of its layer's call"),
    "subclass": (lambda: Shifted(8, 8), r"layer 1 \(Shifted\) has parameters of a kind"),
    "parametrization": (symmetric, "has parameters of a kind"),
}


def network(middle: Callable[[], nn.Module]) -> Case:
    return case(lambda: nn.Sequential(nn.Linear(8, 8), middle(), nn.Linear(8, 10)).double(), 8)


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_wrong_is_refused(name: str) -> None:
    middle, reason = REFUSED[name]
    own = network(middle)
    with pytest.raises(LayerwiseUnsupported, match=reason):
        own.align("layerwise")


@pytest.mark.parametrize("name", REFUSED)
def test_auto_is_right_all_the_same(name: str) -> None:
    own = network(REFUSED[name][0])
    wanted = own.align("higher").alignment
    aligned = own.align("auto")
    assert aligned.backward is None
    torch.testing.assert_close(aligned.alignment, wanted, rtol=1e-9, atol=1e-12)


def test_an_input_changed_in_place_is_refused() -> None:
    own = network(nn.Identity)
    own.model = nn.Sequential(Spoilt(), nn.Linear(8, 10)).double()
    next(own.model.parameters()).requires_grad_(False)  # or a plain step would refuse it as well
    with pytest.raises(LayerwiseUnsupported, match="changed in place"):
        own.align("layerwise")


def test_a_loss_that_mixes_examples_is_refused() -> None:
    def relative(logits: Tensor, labels: Tensor) -> Tensor:
        losses = cross_entropy(logits, labels)
        return losses / losses.mean()

    own = dataclasses.replace(network(nn.ReLU), loss=relative)
    with pytest.raises(LayerwiseUnsupported, match="examples touch each other"):
        own.align("layerwise")
    wanted = own.align("higher").alignment
    torch.testing.assert_close(own.align("auto").alignment, wanted, rtol=1e-9, atol=1e-12)


def test_a_loss_with_parameters_is_refused() -> None:
    with pytest.raises(LayerwiseUnsupported, match="the loss has trained parameters"):
        network(nn.ReLU).align("layerwise", loss_has_parameters=True)


def test_an_operation_without_a_forward_derivative_is_named() -> None:
    own = network(lambda: weight_norm(nn.Linear(8, 8)))
    with pytest.raises(FusedUnsupported, match=r"_weight_norm_interface.*alignment=higher"):
        own.align("fused")
    wanted = own.align("higher").alignment
    torch.testing.assert_close(own.align("auto").alignment, wanted, rtol=1e-9, atol=1e-12)


def test_the_answer_follows_the_mode() -> None:
    own = network(lambda: nn.BatchNorm1d(8))
    own.model.eval()
    assert own.align("auto").backward is not None
    own.model.train()
    assert own.align("auto").backward is None


def test_the_answer_follows_what_is_trained() -> None:
    """A weight that is used outside of its layer stands in the way only while it is trained."""
    own = network(Borrowed)
    weight = next(p for name, p in own.model.named_parameters() if name == "1.inner.weight")
    for frozen in (True, False, True, False):
        weight.requires_grad_(not frozen)
        aligned = own.align("auto")
        assert (aligned.backward is not None) == frozen
        wanted = own.align("higher").alignment
        torch.testing.assert_close(aligned.alignment, wanted, rtol=1e-9, atol=1e-12)
        if frozen:
            assert own.align("layerwise").backward is not None
        else:
            with pytest.raises(LayerwiseUnsupported, match="is used outside of its layer's call"):
                own.align("layerwise")


def test_the_answer_follows_the_loss() -> None:
    def relative(logits: Tensor, labels: Tensor) -> Tensor:
        losses = cross_entropy(logits, labels)
        return losses / losses.mean()

    own = network(nn.ReLU)
    for loss, right in ((cross_entropy, True), (relative, False), (cross_entropy, True)):
        own.loss = loss
        assert (own.align("auto").backward is not None) == right


def test_asking_leaves_no_trace() -> None:
    """Neither in the streams of random numbers nor in buffers or gradients."""
    own = network(
        lambda: nn.Sequential(nn.Dropout(0.5), Centred(), nn.BatchNorm1d(8, affine=False).eval())
    )
    before = copy.deepcopy(own.model.state_dict())
    state = torch.get_rng_state()
    with pytest.raises(LayerwiseUnsupported):
        own.align("layerwise")
    assert torch.equal(torch.get_rng_state(), state)
    assert own.gradients() == {}
    for name, value in own.model.state_dict().items():
        assert torch.equal(value, before[name])


def test_an_unknown_way_is_named() -> None:
    with pytest.raises(UnknownParameter, match="alignment=fast: expected auto, higher, fused or"):
        alignment_way("fast")
