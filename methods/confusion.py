"""``+conf``: the S-model starts from the confusion matrix of a network trained before."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

import weightbench as wb

from .s_model import SModel
from .uniform import Uniform


class Confusion(wb.Wrapper):
    """``V = log(C + 1e-3)``, C the row-normalised confusion matrix of a plainly trained network.

    ``C[predicted, given label]`` is counted over the training set (Goldberger & Ben-Reuven's code;
    Ren et al. 2018, section 4.2). The network is trained under the same schedule, at the same cost.
    """

    def __init__(self, inner: wb.Weighter) -> None:
        if not isinstance(inner, SModel):
            raise wb.errors.BadSpec("+conf sets the S-model's first matrix: write s-model+conf")
        super().__init__(inner)
        self.inner: SModel = inner

    def begin(self, run: wb.Run) -> None:
        """Train, count, set."""
        self.inner.begin(run)
        predicted = run.predict(run.fork(Uniform(), "conf")).argmax(1)
        self.inner.start_from(confusion(predicted, run.labels, run.num_classes))


def confusion(predicted: Tensor, given: Tensor, num_classes: int) -> Tensor:
    """(K, K) float: of what was predicted as t, the share labelled k.

    A class that was never predicted has the row of the identity.

    Args:
        predicted: (n,) int64.
        given: (n,) int64.
        num_classes: K.
    """
    pairs = F.one_hot(predicted, num_classes).float().T @ F.one_hot(given, num_classes).float()
    counts = pairs.sum(1, keepdim=True)
    identity = torch.eye(num_classes, device=given.device)
    return torch.where(counts > 0, pairs / counts.clamp(min=1), identity)


wb.register_wrapper("conf", Confusion)
