"""What a network is before it is trained: its tensors and how it prints, without its numbers."""

from __future__ import annotations

import re
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from weightbench.data.dataset import DataSet
from weightbench.training.random_streams import seeded_globals

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
Signature = tuple[str, list[tuple[str, tuple[int, ...], str, bool]]]


def signature(build: Callable[[DataSet], nn.Module], data: DataSet) -> Signature:
    """How the network that ``build`` makes prints; name, shape, type and whether it is trained.

    It is built on the meta device, without memory or numbers, where it can be.
    """
    with seeded_globals(0):
        try:
            with torch.device("meta"):
                model = build(data)
        except Exception:  # it looks at numbers while it is built
            model = build(data)
    tensors = [*model.named_parameters(), *model.named_buffers()]
    return _ADDRESS.sub("", repr(model)), [_described(*named) for named in tensors]


def _described(name: str, tensor: Tensor) -> tuple[str, tuple[int, ...], str, bool]:
    shape = () if is_lazy(tensor) else tuple(tensor.shape)
    return name, shape, str(tensor.dtype), tensor.requires_grad
