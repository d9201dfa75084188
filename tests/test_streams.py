"""Named random streams: equal where they should be, different where they should be."""

from __future__ import annotations

import torch

from weightbench.streams import numpy_stream, stream_seed
from weightbench.training.random_streams import seeded_globals, torch_stream


def test_a_stream_depends_on_every_part_of_its_name() -> None:
    base = stream_seed("task", "role", 0, "weighter")
    others = [
        stream_seed("task2", "role", 0, "weighter"),
        stream_seed("task", "role2", 0, "weighter"),
        stream_seed("task", "role", 1, "weighter"),
        stream_seed("task", "role", 0, "weighter2"),
        stream_seed("taskrole", "", 0, "weighter"),
    ]
    assert len({base, *others}) == 6
    assert base == stream_seed("task", "role", 0, "weighter")


def test_streams_do_not_move_with_versions_or_machines() -> None:
    """Published numbers rest on this: it may never change."""
    assert stream_seed("task", "split", 0) == 8042561524919766659


def test_generators_repeat() -> None:
    one, two = (torch.randn(3, generator=torch_stream("t", "r", 0)) for _ in range(2))
    assert torch.equal(one, two)
    a, b = (numpy_stream("t", "r", 0).random(3) for _ in range(2))
    assert (a == b).all()


def test_the_global_stream_is_left_as_it_was() -> None:
    state = torch.get_rng_state()
    with seeded_globals(3):
        torch.randn(5)
    assert torch.equal(torch.get_rng_state(), state)
