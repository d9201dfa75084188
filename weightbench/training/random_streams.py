"""Torch's random streams: named ones, and the global one where a layer offers no other way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from weightbench.streams import stream_seed


def torch_stream(task: str, role: str, seed: int, weighter: str = "") -> torch.Generator:
    """A CPU generator for batch order, augmentation and a weighter's own draws."""
    return torch.Generator().manual_seed(stream_seed(task, role, seed, weighter))


@contextlib.contextmanager
def seeded_globals(seed: int) -> Iterator[None]:
    """Seed torch's global streams inside the block and restore them after.

    Layers initialise themselves, and drop out, by the global stream and offer no other way.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def global_states(device: torch.device) -> list[torch.Tensor]:
    """Where torch's global streams are: the processor's and, if ``device`` is a GPU, its own."""
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    return states


def restore_globals(states: list[torch.Tensor], device: torch.device) -> None:
    """Put the global streams where :func:`global_states` found them."""
    torch.set_rng_state(states[0].cpu())
    for state in states[1:]:
        torch.cuda.set_rng_state(state.cpu(), device)
