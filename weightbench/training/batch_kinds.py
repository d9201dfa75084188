"""The kinds of batches: by position in a pool, of given examples, of the examples of two."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor
from typing_extensions import override

from weightbench.data.dataset import Pool
from weightbench.training.batch import ComputedBatch, computed
from weightbench.training.run import Batch, Run


@dataclasses.dataclass(eq=False)
class Draw:
    """Which examples a batch has, before they are gathered.

    Attributes:
        pool: what they are drawn from.
        index: (n,) int64, positions in the pool.
        augmentation: what the augmentation drew for the images; None where there is none.
        held_out: whether they are of the hold-out.
    """

    pool: Pool
    index: Tensor
    augmentation: Tensor | None
    held_out: bool


class LazyBatch(ComputedBatch):
    """A batch by position in a pool."""

    def __init__(self, run: Run, draw: Draw) -> None:
        super().__init__(run, draw.index, draw.held_out)
        self._draw = draw

    @override
    def _gather(self) -> tuple[Tensor, Tensor]:
        return self._draw.pool.take(self.index, self._draw.augmentation)


class GivenBatch(ComputedBatch):
    """A batch of the examples it is given."""

    def __init__(
        self, run: Run, index: Tensor, inputs: Tensor, labels: Tensor, held_out: bool = False
    ) -> None:
        super().__init__(run, index, held_out)
        self._given = inputs, labels

    @override
    def _gather(self) -> tuple[Tensor, Tensor]:
        return self._given


class ReorderedBatch(ComputedBatch):
    """The examples of a batch in another order, or some of them."""

    def __init__(self, batch: Batch, order: Tensor) -> None:
        """Take the examples ``order``, (b,) int64, of ``batch``."""
        super().__init__(batch.run, batch.index[order], batch.held_out)
        self._batch, self._order = batch, order

    @override
    def _gather(self) -> tuple[Tensor, Tensor]:
        return self._batch.inputs[self._order], self._batch.labels[self._order]

    @property
    @override
    def held_out_rows(self) -> Tensor:
        return self._batch.held_out_rows[self._order]

    @property
    @override
    def groups(self) -> Tensor | None:
        groups = self._batch.groups
        return None if groups is None else groups[self._order]


class JoinedBatch(ComputedBatch):
    """The examples of two batches, one after another."""

    def __init__(self, run: Run, *parts: Batch) -> None:
        held_out = all(part.held_out for part in parts)
        super().__init__(run, torch.cat([part.index for part in parts]), held_out)
        self._parts = parts

    @override
    def _gather(self) -> tuple[Tensor, Tensor]:
        inputs = torch.cat([part.inputs for part in self._parts])
        return inputs, torch.cat([part.labels for part in self._parts])

    @property
    @override
    def held_out_rows(self) -> Tensor:
        return torch.cat([part.held_out_rows for part in self._parts])

    @property
    @override
    def groups(self) -> Tensor | None:
        known = [groups for part in self._parts if (groups := part.groups) is not None]
        return torch.cat(known) if len(known) == len(self._parts) else None


def draws_of(batch: Batch) -> tuple[Draw | None, Draw | None]:
    """What the batch is drawn from, and the clean batch that was asked of it; None where not."""
    batch = computed(batch)
    return tuple(  # type: ignore[return-value]
        one._draw if isinstance(one, LazyBatch) else None for one in (batch, batch._clean)
    )
