"""What a weighter made of the training set: how far its weights tell clean labels from wrong ones.

Loads no torch.
"""

from __future__ import annotations

import dataclasses
import io

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from weightbench.errors import RecordError
from weightbench.records.archive import unpack
from weightbench.records.schema import WeightSummary

_HISTORY_WORDS = 2**21  # of eight bytes each
_HISTORY = TypeAdapter(tuple[WeightSummary, ...])


@dataclasses.dataclass(frozen=True, eq=False)
class Weights:
    """What each training example counted for in the last whole epoch.

    Attributes:
        weight: (n,) float64, the sum of its weights over the epoch, in units of the mean over those
            that occurred; NaN where it did not occur.
        label: (n,) int64, as given.
        clean: (n,) bool, whether that is the true one.
        history: what the weighter made of the training set in some epochs, in order.
    """

    weight: NDArray[np.float64]
    label: NDArray[np.int64]
    clean: NDArray[np.bool_]
    history: tuple[WeightSummary, ...] = ()

    def pack(self) -> bytes:
        """As a compressed npz; weights in half precision, three digits of each."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            allow_pickle=False,
            weight=self.weight.clip(max=60000).astype(np.float16),
            label=self.label.astype(np.min_scalar_type(self.label.max(initial=0))),
            clean=self.clean,
            history=np.frombuffer(_HISTORY.dump_json(self.history), np.uint8),
        )
        return buffer.getvalue()

    @classmethod
    def unpack(cls, content: bytes, examples: int = 10**8) -> Weights:
        """What :meth:`pack` gave, of at most so many examples.

        Raises:
            ValueError: it is something else.
        """
        each = dict.fromkeys(("weight", "label", "clean"), examples)
        try:
            found = unpack(content, {**each, "history": _HISTORY_WORDS})
        except RecordError as error:
            raise ValueError(f"it does not hold weights: {error}") from None
        if len({len(found[name]) for name in each}) > 1:
            raise ValueError("its arrays are not of the same examples")
        return cls(
            found["weight"].astype(np.float64),
            found["label"].astype(np.int64),
            found["clean"].astype(np.bool_),
            _HISTORY.validate_json(found["history"].tobytes()),
        )


def summarise(weights: Weights, step: int) -> WeightSummary:
    """Weights in a few numbers, over the examples that occurred; see the record's attributes."""
    seen = ~np.isnan(weights.weight)
    weight, label, clean = weights.weight[seen], weights.label[seen], weights.clean[seen]
    squares = float((weight**2).sum())
    classes = int(weights.label.max()) + 1
    counts = np.bincount(label, minlength=classes)
    sums = np.bincount(label, weight, minlength=classes)
    return WeightSummary(
        step=step,
        auroc=auroc(weight, clean),
        effective=float(weight.sum()) ** 2 / (squares * len(weight)) if squares else 0.0,
        zero=float((weight == 0).mean()),
        by_class=[round(float(s / c), 4) if c else None for s, c in zip(sums, counts, strict=True)],
    )


def auroc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float | None:
    """P(a positive's score is above a negative's), ties counting half; None without both kinds.

    From ranks, as Mann and Whitney's U (1947).
    """
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return None
    _, which, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[which]
    u = float(rank[positive].sum()) - positives * (positives + 1) / 2
    return u / (positives * negatives)
