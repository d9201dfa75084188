"""What a weighter made of the training set: how far its weights tell clean labels from wrong ones.

Loads no torch.
"""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StrictInt, StrictStr, TypeAdapter

from weightbench.errors import RecordError
from weightbench.records.archive import unpack
from weightbench.records.schema import WeightSummary

_HISTORY_WORDS = 2**21  # of eight bytes each
_ID_BYTES = 64  # of an example, on average
_HISTORY = TypeAdapter(tuple[WeightSummary, ...])
_Int64 = Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)]
_IDS = TypeAdapter(list[_Int64] | list[StrictStr])


@dataclasses.dataclass(frozen=True, eq=False)
class Weights:
    """What each training example counted for in the last whole epoch.

    Attributes:
        weight: (n,) float64, the sum of its weights over the epoch, in units of the mean over those
            that occurred; NaN where it did not occur.
        label: (n,) int64, as given.
        clean: (n,) bool, whether that is the true one; None where nobody knows.
        history: what the weighter made of the training set in some epochs, in order.
        index: (n,) int64, positions of the examples in the data set; None in files that are older.
        ids: (n,) text or int64, what their owner calls them; None where positions do.
    """

    weight: NDArray[np.float64]
    label: NDArray[np.int64]
    clean: NDArray[np.bool_] | None
    history: tuple[WeightSummary, ...] = ()
    index: NDArray[np.int64] | None = None
    ids: NDArray[np.str_] | NDArray[np.int64] | None = None

    def pack(self) -> bytes:
        """As a compressed npz; weights in half precision, three digits of each.

        Its arrays are ``weight``, ``label``, ``clean`` and ``index``, and in JSON as bytes
        ``history`` and ``ids``; those that are None are left out.
        """
        more: dict[str, NDArray[Any]] = {}
        if self.clean is not None:
            more["clean"] = self.clean
        if self.index is not None:
            more["index"] = self.index.astype(np.min_scalar_type(self.index.max(initial=0)))
        if self.ids is not None:
            more["ids"] = np.frombuffer(json.dumps(self.ids.tolist()).encode(), np.uint8)
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            allow_pickle=False,
            weight=self.weight.clip(max=60000).astype(np.float16),
            label=self.label.astype(np.min_scalar_type(self.label.max(initial=0))),
            history=np.frombuffer(_HISTORY.dump_json(self.history), np.uint8),
            **more,
        )
        return buffer.getvalue()

    @classmethod
    def unpack(cls, content: bytes, examples: int = 10**8) -> Weights:
        """What :meth:`pack` gave, of at most so many examples.

        Raises:
            ValueError: it is something else.
        """
        each = dict.fromkeys(("weight", "label", "clean", "index"), examples)
        longest = {**each, "history": _HISTORY_WORDS, "ids": _ID_BYTES * examples}
        try:
            found = unpack(content, longest, optional=("clean", "index", "ids"))
        except RecordError as error:
            raise ValueError(f"it does not hold weights: {error}") from None
        if len({len(found[name]) for name in each if name in found}) > 1:
            raise ValueError("its arrays are not of the same examples")
        clean, index, ids = (found.get(name) for name in ("clean", "index", "ids"))
        return cls(
            found["weight"].astype(np.float64),
            found["label"].astype(np.int64),
            None if clean is None else clean.astype(np.bool_),
            _HISTORY.validate_json(found["history"].tobytes()),
            None if index is None else index.astype(np.int64),
            None if ids is None else _ids(ids.tobytes(), len(found["weight"])),
        )


def _ids(content: bytes, count: int) -> NDArray[np.str_] | NDArray[np.int64]:
    ids = _IDS.validate_json(content)
    if len(ids) != count:
        raise ValueError("its ids are not of the same examples")
    return np.array(ids)


def summarise(weights: Weights, step: int) -> WeightSummary:
    """Weights in a few numbers, over the examples that occurred; see the record's attributes."""
    seen = ~np.isnan(weights.weight)
    weight, label = weights.weight[seen], weights.label[seen]
    squares = float((weight**2).sum())
    classes = int(weights.label.max()) + 1
    counts = np.bincount(label, minlength=classes)
    sums = np.bincount(label, weight, minlength=classes)
    return WeightSummary(
        step=step,
        auroc=None if weights.clean is None else auroc(weight, weights.clean[seen]),
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
