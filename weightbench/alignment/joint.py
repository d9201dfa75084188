"""Alignment of a chain of well-known layers by one hand-made pass over both batches.

A small network is bound by calls, not by arithmetic: there this takes less than half the time of a
layerwise step, which it is otherwise, and gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from weightbench.alignment import layers
from weightbench.alignment.links import Link, LinkWithParameters, link_of
from weightbench.alignment.parts import Weights
from weightbench.alignment.passes import Aligned, Batches, Form, Loss

# Multiplications of a forward pass of both batches; docs/alignment.md has the measurements.
_LARGE = 40e6  # in convolutions: beyond it, their products take longer for many rows at once
_SMALL = 8e6  # in all: below it, to leave out examples of weight zero takes longer than it saves


def joint_form(model: nn.Module, batches: Batches) -> Form | str:
    """The joint pass for ``model``, or why there is none."""
    chain: list[Link] = []
    for layer in _in_order(model):
        link = None if _is_tampered_with(layer) else link_of(layer)
        if link is None:
            return f"a {type(layer).__name__} is not among the layers of a joint pass"
        chain.append(link)
    first = next((i for i, link in enumerate(chain) if isinstance(link, LinkWithParameters)), None)
    if first is None or not all(p.requires_grad for p in model.parameters()):
        return "not all parameters are trained"
    work = _multiplications(chain, batches)
    convolved = sum(count for link, count in work if link.weight.dim() != 2)
    if convolved > _LARGE:
        return f"{convolved / 1e6:.0f} million multiplications in convolutions are too many"
    return Joint(chain, first, sum(count for _, count in work) > _SMALL).align


def _in_order(module: nn.Module) -> Iterator[nn.Module]:
    """The layers of a chain of chains; what is no chain counts as one layer."""
    if type(module).forward is nn.Sequential.forward and not _is_tampered_with(module):
        for layer in module.children():
            yield from _in_order(layer)
    else:
        yield module


def _is_tampered_with(layer: nn.Module) -> bool:
    """Whether a call of the layer is more than its forward method on its parameters."""
    hooks: tuple[Any, ...] = (
        layer._forward_hooks, layer._forward_pre_hooks, layer._backward_hooks,
        layer._backward_pre_hooks,
    )  # fmt: skip
    own = layers.own(layer)
    return any(hooks) or "forward" in vars(layer) or bool(own and layers.obstacle(layer))


@torch.no_grad()
def _multiplications(chain: list[Link], batches: Batches) -> list[tuple[LinkWithParameters, int]]:
    """Of a forward pass of both batches, by link."""
    rows = len(batches.labels) + len(batches.clean_labels)
    x, work = batches.inputs[:1], []
    for link in chain:
        x, _ = link.forward(x)
        if isinstance(link, LinkWithParameters):
            work.append((link, rows * x.numel() * link.weight[0].numel()))
    return work


class Joint:
    """The pass over a chain of layers."""

    def __init__(self, chain: list[Link], first: int, drop: bool) -> None:
        """Of ``chain``.

        Args:
            chain: the layers in order.
            first: the position of the first with parameters.
            drop: whether examples of weight zero are left out of the update.
        """
        self.chain, self._drop = chain, drop
        self._back = list(enumerate(chain))[first:][::-1]
        self._classes: Tensor | None = None  # (K, K) identity

    def align(self, _: nn.Module, loss: Loss, batches: Batches) -> Aligned:
        """Alignment (n,), logits (n, K), losses (n,), all detached, and what ends the step.

        The gradients of all examples and of the clean loss go back through the chain as rows of one
        tensor. At each layer with parameters its rows give what the layer adds to the alignment;
        kept, they give the update once the weights are known.
        """
        n = len(batches.labels)
        with torch.no_grad():
            x = torch.cat((batches.inputs, batches.clean_inputs))
            tape = []
            for link in self.chain:
                x, kept = link.forward(x)
                tape.append(kept)
        logits = x[:n].requires_grad_()
        losses = loss(logits, batches.labels)
        (seeds,) = torch.autograd.grad(losses, logits, torch.ones_like(losses))
        with torch.no_grad():
            b = torch.cat((seeds, self._clean_seeds(x[n:], batches.clean_labels)))
            alignment, parts = self._reverse(tape, b, n)
        return Aligned(
            alignment,
            logits.detach(),
            losses.detach(),
            lambda weights: self._update(parts, weights),
        )

    def _clean_seeds(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The gradient of the mean cross-entropy in the logits, (m, K)."""
        if self._classes is None:
            self._classes = torch.eye(logits.shape[1]).to(logits)
        wanted = self._classes.index_select(0, labels)
        return logits.softmax(1).sub_(wanted).div_(len(labels))

    def _reverse(self, tape: list[Any], b: Tensor, n: int) -> tuple[Tensor, list[Any]]:
        """The alignment, and what the update needs of each layer with parameters."""
        shares, parts = [], []
        for i, link in self._back:
            kept = tape[i]
            if isinstance(link, LinkWithParameters):
                a, own = kept[:n], b[:n]
                shares.append(link.products(a, own, kept[n:], b[n:]))
                parts.append((link, a, own))
            if i != self._back[-1][0]:
                b = link.reverse(kept, b)
        return torch.cat(shares, 1).sum(1), parts

    @torch.no_grad()
    def _update(self, parts: list[Any], weights: Tensor) -> None:
        """Add the gradient of the weighted losses to ``.grad``."""
        by = Weights(weights) if self._drop else None
        column = weights.unsqueeze(1)
        for link, a, b in parts:
            if by is not None:
                link.accumulate(by.choose(a), by.scale(b))
            else:
                link.accumulate(a, b * column.view(-1, *[1] * (b.dim() - 1)))
