"""A weighter's ``losses``: a function of logits and labels, or of the batch as well."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from weightbench.alignment import Loss
from weightbench.errors import Misuse
from weightbench.training.run import Batch


class _Has(Protocol):
    @property
    def losses(self) -> Callable[..., Tensor]: ...


class _OnBatch:
    """A hook that asks for the batch, as a function of logits and labels alone."""

    def __init__(self, hook: Callable[..., Tensor], batch: Batch) -> None:
        self._hook, self._batch = hook, batch
        self.__func__ = getattr(hook, "__func__", hook)  # one loss, whatever the batch

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        return self._hook(logits, labels, self._batch)


def loss_on(weighter: _Has, batch: Batch | None) -> Loss:
    """The ``losses`` of ``weighter`` on ``batch``, (n, K) and (n,) to (n,).

    Raises:
        Misuse: the hook asks for the batch, and there is none.
    """
    third = _third_argument(type(weighter))
    if third is None or (batch is None and third.default is not third.empty):
        return weighter.losses
    if batch is None:
        raise Misuse(f"{type(weighter).__name__}.losses asks for the batch: read batch.losses")
    return _OnBatch(weighter.losses, batch)


@functools.cache
def _third_argument(cls: type[_Has]) -> inspect.Parameter | None:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    hook: Callable[..., Tensor] = cls.losses  # type: ignore[assignment]
    given = [p for p in inspect.signature(hook).parameters.values() if p.kind in kinds]
    return given[3] if len(given) > len(("self", "logits", "labels")) else None
