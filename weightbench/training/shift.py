"""A hold-out of another mix than the test: a share of it comes from one side of the data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from weightbench.data.dataset import DataSet
from weightbench.data.input_noise import standardized
from weightbench.errors import BadData

Index = NDArray[np.int64]

_SIDE = 0.25  # of a class: what lies furthest along the component
_FITTED = 5000  # examples at most that the component is found on


def shifted(data: DataSet, holdout: Index, pool: Index, share: float) -> Index:
    """The hold-out with a share of each class exchanged for examples of one side of the data.

    Of the n examples of a class, round(``share`` n), evenly spread over those in the hold-out, give
    way to as many others of the class. These are the first in ``pool`` that lie on the side: in
    group 0, where the data set has groups; else in the quarter of the class, within ``pool``, that
    lies furthest along the first principal component. Size and classes stay what they were.

    The component is that of the first 5,000 of ``pool``, every feature at mean 0 and deviation 1;
    it points to where its largest loading is positive.

    Args:
        data: the data set.
        holdout: (m,) positions as they were drawn.
        pool: (n,) positions that it was drawn from, in random order.
        share: in [0, 1].

    Raises:
        BadData: too few examples of a class lie on that side.
    """
    free = pool[_on_one_side(data, pool) & ~np.isin(pool, holdout)]
    changed: Index = holdout.copy()
    for label in np.unique(data.labels[holdout]):
        places = np.flatnonzero(data.labels[holdout] == label)
        count = round(share * len(places))
        candidates = free[data.labels[free] == label]
        if count > len(candidates):
            raise BadData(
                f"holdout_shift={share}: class {label} has {len(candidates)} examples on the one "
                f"side of the data for {count}"
            )
        spread = ((np.arange(count) + 0.5) * len(places) / max(count, 1)).astype(np.int64)
        changed[places[spread]] = candidates[:count]
    return changed


def _on_one_side(data: DataSet, pool: Index) -> NDArray[np.bool_]:
    """(n,) whether each of ``pool`` is of the part that a shifted hold-out is drawn from."""
    if data.groups is not None:
        return np.asarray(data.groups[pool] == 0)
    along, labels = _along_first_component(data, pool), data.labels[pool]
    side = np.zeros(len(pool), bool)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        order = places[np.argsort(-along[places], kind="stable")]
        side[order[: round(_SIDE * len(order))]] = True
    return side


def _along_first_component(data: DataSet, pool: Index) -> NDArray[np.float64]:
    """(n,) float64: how far each of ``pool`` lies along it."""
    parts = np.split(pool, range(_FITTED, len(pool), _FITTED))  # a table of all may be gigabytes
    first = data.inputs[parts[0]].reshape(len(parts[0]), -1).astype(np.float64)
    mean, deviation = first.mean(0), first.std(0)
    (loading,) = PCA(1, svd_solver="arpack", random_state=0).fit(standardized(first)).components_
    scaled = np.where(deviation > 0, loading / np.where(deviation > 0, deviation, 1), 0)
    scaled *= np.sign(loading[np.abs(loading).argmax()])
    return np.concatenate(
        [(data.inputs[part].reshape(len(part), -1) - mean) @ scaled for part in parts]
    )
