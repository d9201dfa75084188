"""Open-set noise: inputs that belong to no class of the task, under labels of its classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightbench.data.corruption import Corrupted, Labels, check_share, describe
from weightbench.data.dataset import DataSet
from weightbench.errors import BadData


@dataclasses.dataclass(frozen=True)
class OpenSet:
    """A share ``noise`` of the inputs becomes inputs of another data set; the labels stay.

    Sachdeva et al. 2021 (EvidentialMix), its open-set part. ``donor`` loads the other data set,
    of whose inputs each is used once at most. No label is right for such an input: it counts as
    wrong in the realised rate and takes no part in the transition matrix.

    Raises:
        BadData: the donor's inputs are of another shape or type, or too few.
    """

    donor: Callable[[], DataSet]
    noise: float = 0.4

    def __post_init__(self) -> None:
        """Refuse parameters that mean nothing."""
        check_share("noise", self.noise)

    def __str__(self) -> str:
        name = getattr(self.donor, "__name__", "another data set").replace("_", " ")
        return f"{self.noise:.0%} of the inputs become {name}, which has none of the classes"

    def __call__(
        self,
        labels: Labels,
        num_classes: int,
        rng: np.random.Generator,
        *,
        inputs: NDArray[Any],
    ) -> Corrupted:
        """Replace inputs; see :class:`Corruption`."""
        theirs, count = self.donor().inputs, round(self.noise * len(labels))
        if theirs.shape[1:] != inputs.shape[1:] or theirs.dtype != inputs.dtype:
            raise BadData(
                f"the donor has {theirs.dtype} inputs of shape {theirs.shape[1:]}; expected "
                f"{inputs.dtype} {inputs.shape[1:]}"
            )
        if count > len(theirs):
            raise BadData(f"noise={self.noise} needs {count} inputs; the donor has {len(theirs)}")
        replaced = np.sort(rng.permutation(len(labels))[:count])
        drawn = theirs[rng.permutation(len(theirs))[:count]]
        kept = np.arange(len(labels))
        return describe(labels, labels, kept, num_classes, replaced=replaced, inputs=drawn)
