"""The links of a joint pass: layers whose forward and reverse are written out here."""

from __future__ import annotations

import abc
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from weightbench.alignment.parts import padding

_aten = torch.ops.aten


class Link(abc.ABC):
    """One layer without its module's machinery; all its methods run without gradient."""

    @abc.abstractmethod
    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        """The output, and what the reverse needs of the pass."""

    @abc.abstractmethod
    def reverse(self, kept: Any, b: Tensor) -> Tensor:
        """The gradient at the input, from that at the output."""


class LinkWithParameters(Link):
    """A layer with a weight and maybe a bias, all trained; keeps its input."""

    def __init__(self, layer: Any) -> None:
        """Stand for ``layer``, whose parameters are read at once: a module is slow to give them."""
        self.weight: nn.Parameter = layer.weight
        self.bias: nn.Parameter | None = layer.bias

    @abc.abstractmethod
    def products(self, a: Tensor, b: Tensor, clean_a: Tensor, clean_b: Tensor) -> Tensor:
        """(n, any) whose sums by row are the layer's share of the alignment.

        Args:
            a: (n, ...) inputs of the training batch.
            b: (n, ...) gradients at its outputs.
            clean_a: (m, ...) inputs of the clean batch.
            clean_b: (m, ...) gradients of the mean clean loss.
        """

    @abc.abstractmethod
    def gradients(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor | None]:
        """Of weight and bias, summed over the rows."""

    def accumulate(self, a: Tensor, b: Tensor) -> None:
        """Add those gradients to ``.grad``."""
        weight, bias = self.gradients(a, b)
        _add(self.weight, weight)
        if self.bias is not None and bias is not None:
            _add(self.bias, bias)


def _add(parameter: nn.Parameter, gradient: Tensor) -> None:
    before = parameter.grad
    parameter.grad = gradient if before is None else before + gradient


class _Linear(LinkWithParameters):
    """Rows are examples: no positions."""

    def __init__(self, layer: Any) -> None:
        super().__init__(layer)
        # The bias is a weight of an input that is always one.
        self._ones = torch.full((1, 1), float(self.bias is not None)).to(self.weight)

    @override
    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        return F.linear(x, self.weight, self.bias), x

    @override
    def reverse(self, kept: Any, b: Tensor) -> Tensor:
        return torch.mm(b, self.weight)

    @override
    def products(self, a: Tensor, b: Tensor, clean_a: Tensor, clean_b: Tensor) -> Tensor:
        """By pairs of examples (eq. 25 of Ren et al. 2018, appendix) where that is less work."""
        n, m, (out, into) = len(a), len(clean_a), self.weight.shape
        if n * m * (into + out) > (n + m) * into * out:
            return F.linear(a, *self.gradients(clean_a, clean_b)).mul_(b)
        inputs = torch.addmm(self._ones, a, clean_a.T)
        return inputs.mul_(torch.mm(b, clean_b.T))

    @override
    def gradients(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor | None]:
        return torch.mm(b.T, a), None if self.bias is None else b.sum(0)


class _Conv(LinkWithParameters):
    """A convolution with zeros around."""

    def __init__(self, layer: Any) -> None:
        super().__init__(layer)
        self._form: Any = (
            layer.stride, padding(layer), layer.dilation, False, [0] * len(layer.stride),
            layer.groups,
        )  # fmt: skip

    def _backward(self, a: Tensor, b: Tensor, mask: list[bool]) -> Any:
        channels = [len(self.weight)]
        return _aten.convolution_backward.default(b, a, self.weight, channels, *self._form, mask)

    @override
    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        return torch.convolution(x, self.weight, self.bias, *self._form), x

    @override
    def reverse(self, kept: Any, b: Tensor) -> Tensor:
        gradient: Tensor = self._backward(kept, b, [True, False, False])[0]
        return gradient

    @override
    def products(self, a: Tensor, b: Tensor, clean_a: Tensor, clean_b: Tensor) -> Tensor:
        moved = torch.convolution(a, *self.gradients(clean_a, clean_b), *self._form)
        return moved.mul_(b).flatten(1).sum(1, keepdim=True)

    @override
    def gradients(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor | None]:
        _, weight, bias = self._backward(a, b, [False, True, self.bias is not None])
        return weight, bias


class _ReLU(Link):
    @override
    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        y = torch.relu(x)
        return y, y

    @override
    def reverse(self, kept: Any, b: Tensor) -> Tensor:
        gradient: Tensor = _aten.threshold_backward.default(b, kept, 0)
        return gradient


class _Flatten(Link):
    @override
    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        return x.flatten(1), x.shape

    @override
    def reverse(self, kept: Any, b: Tensor) -> Tensor:
        return b.view(kept)


class _ByAutograd(Link):
    """A layer without parameters, whatever it computes example by example."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    @override
    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            y = self.layer(x)
        return y.detach(), (x, y)

    @override
    def reverse(self, kept: Any, b: Tensor) -> Tensor:
        x, y = kept
        gradient: Tensor = torch.autograd.grad(y, x, b)[0]
        return gradient


_LINKS: dict[type[nn.Module], Any] = {
    nn.Linear: _Linear,
    nn.Conv1d: _Conv,
    nn.Conv2d: _Conv,
    nn.Conv3d: _Conv,
    nn.ReLU: lambda layer: _ReLU(),
    nn.Flatten: lambda layer: _Flatten() if (layer.start_dim, layer.end_dim) == (1, -1) else None,
    **dict.fromkeys(
        (
            nn.Identity, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.Mish, nn.ELU, nn.LeakyReLU,
            nn.Softplus, nn.Hardtanh, nn.ReLU6, nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d,
            nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d,
        ),
        _ByAutograd,
    ),
}  # fmt: skip


def link_of(layer: nn.Module) -> Link | None:
    """The link that stands for ``layer``, if there is one; a subclass is another layer."""
    make = _LINKS.get(type(layer))
    link: Link | None = make and make(layer)
    return link
