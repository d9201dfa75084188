"""CMW-Net: Meta-Weight-Net with a head for each kind of class size (Shu et al., TPAMI 2023)."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import Tensor, nn

import weightbench as wb

from .mw_net import MWNet

KINDS = 3  # of class sizes: few, some, many


class CMWNet(MWNet):
    """As ``mw-net``, V with three outputs, one for each third of class sizes by k-means.

    An example's output is that of its label's class. Shu, Yuan, Meng & Xu, TPAMI 2023, Algorithm 1;
    Adam at 1e-4 with decay 1e-4, as their code has it under label noise, where it moves V in every
    tenth step; here in every one. (Their long-tail results also defer all weighting to the last
    fifth of the training.) Where all classes are of one size it is ``mw-net``. Costs as much.
    """

    def __init__(self, first_order: bool = False, lr: float = 1e-4) -> None:
        super().__init__(first_order, lr)

    def build(self, run: wb.Run) -> nn.Module:
        """V, and which of its outputs a class has."""
        sizes = run.labels.bincount(minlength=run.num_classes)
        self.kinds = kinds_of(sizes, KINDS)
        return nn.Sequential(nn.Linear(1, 100), nn.ReLU(), nn.Linear(100, KINDS), nn.Sigmoid())

    def values(self, losses: Tensor, labels: Tensor) -> Tensor:
        """V of each loss, (n,) float and (n,) int64 to (n,), with graph."""
        value: Tensor = self.net(losses[:, None])
        return value.gather(1, self.kinds[labels][:, None]).squeeze(1)


def kinds_of(sizes: Tensor, count: int) -> Tensor:
    """(K,) int64, which of at most ``count`` clusters of sizes, (K,) int64, a class is in.

    The smallest sizes are in cluster 0. It does not depend on the order of the classes.
    """
    values = sizes.double().cpu().numpy()[:, None]
    means = KMeans(min(count, len(np.unique(values))), n_init=10, random_state=0)
    found = means.fit(np.sort(values, axis=0)).predict(values)
    rank = means.cluster_centers_[:, 0].argsort().argsort()
    return torch.from_numpy(rank[found]).to(sizes.device)


wb.register_weighter("cmw-net", CMWNet)
