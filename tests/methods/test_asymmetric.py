"""Where wrong labels are the easy ones, what trusts the loss follows them."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import weightbench as wb

pytestmark = pytest.mark.slow

TASK = "digits-class-flip-v0"  # 60 % of five digits are called their look-alike
TRUSTS_THE_LOSS = ("uniform", "gce", "sce", "superloss", "aum", "elr", "co-teaching")


@functools.cache
def scores(weighter: str) -> tuple[float, ...]:
    """Test accuracies of three seeds."""
    found = []
    for seed in range(3):
        run = wb.start(wb.make_task(TASK), seed, weighter=wb.make_weighter(weighter))
        run.train()
        found.append(run.score())
    return tuple(found)


@pytest.mark.parametrize("rival", TRUSTS_THE_LOSS)
def test_above_half_asymmetric_noise_alignment_is_ahead_of_the_loss(rival: str) -> None:
    """On every seed, and by more than a tenth; published for CIFAR-10 at 60 and 80 % (CMW-Net)."""
    ahead = np.subtract(scores("l2rw-auto"), scores(rival))
    assert ahead.min() > 0.1
