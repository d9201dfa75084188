"""Where the literature agrees: on real digits the methods do what they are known to do.

Each margin is far below the mean difference over seeds, and seeds are paired.
"""

from __future__ import annotations

import functools

import pytest
import torch
from weightbench.methods.s_model import SModel

import weightbench as wb

from .toys import trained

pytestmark = pytest.mark.slow

SEEDS = 3


@functools.cache
def accuracy(task: str, weighter: str) -> float:
    """Mean test accuracy over seeds."""
    scores = [trained(wb.make_task(task), weighter, seed).score() for seed in range(SEEDS)]
    return sum(scores) / SEEDS


def gain(task: str, weighter: str) -> float:
    """What a method has over plain training at the same seeds."""
    return accuracy(task, weighter) - accuracy(task, "uniform")


@pytest.mark.parametrize("name", ["random", "self-paced", "gce", "superloss", "elr", "gmm", "aum"])
def test_they_beat_uniform_at_40_percent_uniform_flip(name: str) -> None:
    assert gain("digits-uniform-flip-v0", name) > 0.01


def test_what_counts_hard_examples_more_loses_at_40_percent_uniform_flip() -> None:
    assert gain("digits-uniform-flip-v0", "focal") < -0.01


def test_class_sizes_tell_nothing_where_labels_stay_balanced() -> None:
    assert abs(gain("digits-uniform-flip-v0", "logit-adjust")) < 0.02


@pytest.mark.parametrize(
    "name", ["proportion", "resample", "class-balanced", "logit-adjust", "uniform+posthoc", "jtt"]
)
def test_they_beat_uniform_at_heavy_imbalance(name: str) -> None:
    assert gain("digits49-imbalance-v0", name) > 0.1


@pytest.mark.parametrize("name", ["gce", "elr"])
def test_what_trusts_small_losses_gives_the_rare_class_up(name: str) -> None:
    assert gain("digits49-imbalance-v0", name) < -0.01


@pytest.mark.parametrize("name", ["class-balanced", "logit-adjust", "uniform+posthoc", "ldam-drw"])
def test_class_sizes_betray_a_background_flip(name: str) -> None:
    assert gain("digits-background-flip-v0", name) > 0.05


def test_fine_tuning_helps_under_background_flip() -> None:
    assert gain("digits-background-flip-v0", "uniform+ft") > 0.05


def test_the_s_model_learns_the_transition_matrix_from_its_confusion_matrix() -> None:
    task = wb.make_task("digits-background-flip-v0")
    run = trained(task, "s-model+conf")
    assert isinstance(run.weighter, wb.Wrapper)
    inner = run.weighter.inner
    assert isinstance(inner, SModel)
    true = torch.from_numpy(run.splits.corrupted.transition).float()
    learnt = float((inner.transition - true).norm())
    assert learnt < 0.7 * float((torch.eye(10) - true).norm())


@pytest.mark.parametrize(
    ("name", "since", "until"), [("mentornet-dd", 0.3, 1.0), ("self-paced", 0.1, 0.3)]
)
def test_wrong_labels_count_less(name: str, since: float, until: float) -> None:
    """MentorNet to the end; self-paced while its threshold is low, for later it takes all."""
    weighter = wb.make_weighter(name)
    run = wb.start(wb.make_task("digits-uniform-flip-v0"), 0, weighter=weighter)
    right, wrong = 0.0, 0.0
    truth = torch.from_numpy(run.task.data.labels[run.splits.train])
    for batch in run:
        weights = weighter.weigh(batch)
        run.step(weights)
        if since <= batch.progress < until:
            fine = truth[batch.index] == batch.labels
            right += float(weights[fine].mean())
            wrong += float(weights[~fine].mean())
    assert wrong < 0.7 * right
