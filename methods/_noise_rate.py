"""Which labels are wrong and how many, from one number for each example."""

from __future__ import annotations

import warnings

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor


def chance_right(losses: Tensor, generator: torch.Generator) -> Tensor:
    """The chance that each label is right: that its loss is of the lower of two Gaussians.

    Losses are scaled to [0, 1] first, so their unit does not matter. Li, Socher & Hoi, ICLR 2020
    (DivideMix), section 3.1, with the settings of their code: 10 iterations, tolerance 1e-2, 5e-4
    added to variances. Where all labels are right it still finds two groups.

    Args:
        losses: (n,) float; any number that is larger the less an example fits its label.
        generator: the mixture's start is drawn from it.

    Returns:
        (n,) float in [0, 1]; all 1 where losses do not differ or are not finite.
    """
    low, high = losses.min(), losses.max()
    if not 0 < float(high - low) < torch.inf:
        return torch.ones_like(losses)
    values = ((losses - low) / (high - low)).double().cpu().numpy()[:, None]
    seed = int(torch.randint(2**31, (), generator=generator))
    mixture = GaussianMixture(2, max_iter=10, tol=1e-2, reg_covar=5e-4, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # ten iterations are the rule
        chances = mixture.fit(values).predict_proba(values)
    return torch.from_numpy(chances[:, mixture.means_[:, 0].argmin()]).to(losses)


def noise_rate(losses: Tensor, generator: torch.Generator) -> float:
    """The share of wrong labels that :func:`chance_right` comes to, in [0, 1]."""
    return float(1 - chance_right(losses, generator).mean())
