"""Weights of examples, made of their alignment."""

from __future__ import annotations

from torch import Tensor


def normalize(weights: Tensor, *, detach: bool = True) -> Tensor:
    """Clamp at 0 and divide by the sum; an all-zero batch stays zero.

    Ren et al. 2018, section 3.3: w = max(u, 0) / (sum + delta(sum)).

    Args:
        weights: (n,) float.
        detach: leave the graph of ``weights`` behind; False keeps it, for weights that are made by
            something that is trained.

    Returns:
        (n,) float, non-negative; sums to 1 or is all zero.
    """
    weights = (weights.detach() if detach else weights).clamp(min=0)
    total = weights.sum()
    return weights / (total + (total == 0))
