"""What a trained network made of the test rows, as it is kept."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightbench.errors import RecordError

Predictions = dict[str, NDArray[np.int64]]
_STEPS = 65535  # of a probability in two bytes


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """Of every test row, what the network after the last step says about it, in six bytes.

    Attributes:
        truth: (n,) int64, the true class.
        confidence: (n,) float64, the largest probability, to 8e-6.
        log_probability: (n,) float64, of the true class, in nats, to a 2,000th of itself.
        squares: (n,) float64, sum of the squared probabilities, to 8e-6.
        groups: (n,) int64; None where the data set has none.
    """

    truth: NDArray[np.int64]
    confidence: NDArray[np.float64]
    log_probability: NDArray[np.float64]
    squares: NDArray[np.float64]
    groups: NDArray[np.int64] | None = None

    @classmethod
    def of(
        cls, log_p: NDArray[np.float64], truth: NDArray[np.int64], groups: NDArray[np.int64] | None
    ) -> Rows:
        """From log-probabilities, (n, K)."""
        each = log_p[np.arange(len(truth)), truth]
        return cls(truth, np.exp(log_p.max(axis=1)), each, np.exp(2 * log_p).sum(axis=1), groups)

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """As they are kept."""
        kept: dict[str, NDArray[Any]] = {
            "truth": self.truth,
            "confidence": _in_steps(self.confidence),
            "log_probability": self.log_probability.astype(np.float16),
            "squares": _in_steps(self.squares),
        }
        return kept if self.groups is None else {**kept, "groups": self.groups}

    @classmethod
    def kept(cls, arrays: dict[str, NDArray[Any]]) -> Rows:
        """What :attr:`arrays` gave.

        Raises:
            RecordError: it is something else.
        """
        for name, values in arrays.items():
            half = name == "log_probability"
            if values.dtype.kind != ("f" if half else "u") or (half and values.itemsize > 2):
                raise RecordError(f"holds {name} as {values.dtype}, which no row is kept as")
        if len({len(values) for values in arrays.values()}) > 1:
            raise RecordError("holds arrays that are not of the same rows")
        groups = arrays.get("groups")
        return cls(
            arrays["truth"].astype(np.int64),
            arrays["confidence"] / _STEPS,
            arrays["log_probability"].astype(np.float64),
            arrays["squares"] / _STEPS,
            None if groups is None else groups.astype(np.int64),
        )

    @property
    def sha256(self) -> str:
        """Checksum (hex) of the arrays as they are kept."""
        digest = hashlib.sha256()
        for name, values in self.arrays.items():
            whole = values.astype("<f2" if values.dtype.kind == "f" else "<i8")
            digest.update(name.encode() + b"\0" + whole.tobytes())
        return digest.hexdigest()


def _in_steps(share: NDArray[np.float64]) -> NDArray[np.uint16]:
    return np.round(share.clip(0, 1) * _STEPS).astype(np.uint16)


def names_of_rows(grouped: bool) -> tuple[str, ...]:
    """The arrays of :class:`Rows` where there are groups, or none."""
    return ("truth", "confidence", "log_probability", "squares", *["groups"] * grouped)


def pack(predictions: Predictions, rows: Rows | None = None) -> bytes:
    """Predicted classes by name, and rows, as a compressed npz; whole numbers in few bytes."""
    buffer = io.BytesIO()
    arrays: dict[str, NDArray[Any]] = {**predictions, **(rows.arrays if rows else {})}
    smallest = {
        name: p if p.dtype.kind == "f" else p.astype(np.min_scalar_type(p.max(initial=0)))
        for name, p in arrays.items()
    }
    np.savez_compressed(buffer, allow_pickle=False, **smallest)
    return buffer.getvalue()


def checksum(predictions: Predictions) -> str:
    """sha256 (hex) over names and predicted classes, whatever their integer type."""
    digest = hashlib.sha256()
    for name in sorted(predictions):
        digest.update(name.encode() + b"\0" + predictions[name].astype("<i8").tobytes())
    return digest.hexdigest()
