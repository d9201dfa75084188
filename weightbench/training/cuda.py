"""What is particular to CUDA: capturing work as a graph, seeing waits, another stream."""

from __future__ import annotations

import contextlib
import gc
import warnings
from collections.abc import Callable, Iterator

import torch


@contextlib.contextmanager
def waits(device: torch.device) -> Iterator[list[str]]:
    """Collects where the processor waits for the GPU inside the block, for reading after it."""
    found: list[str] = []
    if device.type != "cuda":
        yield found
        return
    mode = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield found
        finally:
            torch.cuda.set_sync_debug_mode(mode)
    messages = [str(warning.message) for warning in caught]
    found += [message for message in messages if "called a synchronizing" in message]


@contextlib.contextmanager
def aside(stream: torch.cuda.Stream | None) -> Iterator[None]:
    """Run the block on ``stream``, after what came before and before what comes after."""
    if stream is None:
        yield
        return
    current = torch.cuda.current_stream(stream.device)
    stream.wait_stream(current)
    with torch.cuda.stream(stream):
        yield
    current.wait_stream(stream)


def captured(work: Callable[[], None], stream: torch.cuda.Stream | None) -> Callable[[], None]:
    """What does ``work`` again: a graph of it on a GPU, where it is not run now; else itself."""
    if stream is None:
        return work
    gc.collect()  # what is freed during a capture would become part of it
    current, graph = torch.cuda.current_stream(stream.device), torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph, stream=stream):
            work()
    except Exception:
        torch.cuda.set_stream(current)  # torch does not go back to it itself
        torch.cuda.synchronize(stream.device)
        raise
    replay: Callable[[], None] = graph.replay
    return replay
