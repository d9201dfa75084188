"""``+llr``: the last layer trained again on the hold-out (Kirichenko et al., ICLR 2023)."""

from __future__ import annotations

import copy
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import weightbench as wb


class LastLayer(wb.Wrapper):
    """Minimises the hold-out's mean loss plus ``pull |W - W0|^2`` in the last linear layer alone.

    Each class counts alike, however many of the hold-out are of it. Deep feature reweighting of
    Kirichenko, Izmailov & Wilson, ICLR 2023, with classes for groups and, instead of their L1 norm
    tuned on half of the hold-out, the pull to the layer W0 as it was of Qiu et al., ICML 2023
    (AFR), as features are divided by their root mean square. Solved to the end by L-BFGS. Costs one
    pass over the hold-out and some hundred over the layer alone.
    """

    refuses: ClassVar = {"select": "+select is about the steps before +llr: write +select+llr"}

    def __init__(self, inner: wb.Weighter, pull: float = 0.01) -> None:
        super().__init__(inner)
        self.pull = pull

    def finish(self, run: wb.Run) -> nn.Module:
        """Train the layer of what the inner weighter leaves, in a copy."""
        model = copy.deepcopy(self.inner.finish(run))
        head, features = run.head(model), run.features(model, on="holdout")
        weights = [p.detach().double() for p in (head.weight, head.bias) if p is not None]
        scale = features.double().square().mean().sqrt().clamp(min=1e-12)
        weights[0] = weights[0] * scale
        seen = features.double() / scale
        found = retrained(weights, seen, run.holdout[1], self.pull)
        with torch.no_grad():
            head.weight.copy_(found[0] / scale)
            for bias in found[1:]:
                head.bias.copy_(bias)
        return model


def retrained(start: list[Tensor], features: Tensor, labels: Tensor, pull: float) -> list[Tensor]:
    """The weights (K, d) and, where there is one, the bias (K,) that minimise the class's rule.

    Args:
        start: what they are pulled to.
        features: (m, d), in float64 as the others.
        labels: (m,) int64.
        pull: above 0; with 0 there is no least where classes can be told apart.
    """
    share = (1 / labels.bincount()[labels]).to(features)
    weights = [value.clone().requires_grad_() for value in start]
    optimizer = torch.optim.LBFGS(weights, max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        losses = F.cross_entropy(F.linear(features, *weights), labels, reduction="none")
        away = sum((now - was).square().sum() for now, was in zip(weights, start, strict=True))
        loss: Tensor = share @ losses / share.sum() + pull * away
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return [value.detach() for value in weights]


wb.register_wrapper("llr", LastLayer)
