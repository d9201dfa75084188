"""CIFAR-10 without a GPU: a small network that learns in six passes, a few minutes of one core."""

from __future__ import annotations

import dataclasses

import weightbench as wb

from .cifar import cifar10, cifar10_human
from .cifar_bias import LOOKALIKES
from .whitened import whitened_cnn

PASS = 449  # steps: 44,900 images, 100 a batch

# Weights that leave a fifth of a batch in charge, as in learning to reweight, learn less in so few
# passes where the rate does not rise first.
_SMALL = wb.Task(  # what the tasks below have in common
    "small", dataset=cifar10, corruption=wb.NoCorruption(), holdout=wb.HoldoutPerClass(10),
    select=5000, model=whitened_cnn, augmentation=wb.CropFlip(2),
    recipe=wb.Recipe(
        steps=6 * PASS, lr=0.1, warmup=0.2, schedule="linear", nesterov=True, weight_decay=5e-4,
        evaluations=6,
    ),
)  # fmt: skip


def _register(name: str, about: str, title: tuple[str, str], **parts: object) -> None:
    about += "; hold-out of {clean} a class; small CNN, {steps:,} steps"
    parts |= {"name": f"cifar10-{name}-small-v0", "about": about, "title": title}
    wb.register_task(dataclasses.replace(_SMALL, **parts))  # type: ignore[arg-type]


_register(
    "uniform-flip", "{noise:%} of the labels become any other",
    ("Random wrong labels", "CIFAR-10, {noise:%} wrong, small CNN"), corruption=wb.UniformFlip(0.4),
)  # fmt: skip
_register(
    "background-flip", "{noise:%} of the labels become one class",
    ("Background flips", "CIFAR-10, {noise:%} to one class, small CNN"),
    corruption=wb.BackgroundFlip(0.4),
)  # fmt: skip
_register(
    "asymmetric-flip", "{noise:%} of five classes become one like them",
    ("Look-alike flips", "CIFAR-10, {noise:%} of five classes, small CNN"),
    corruption=wb.ClassFlip(LOOKALIKES, 0.4),
)  # fmt: skip
_register(
    "human-noise", "labels by people, the worst of three (CIFAR-10N)",
    ("Labels by people", "CIFAR-10, the worst of three, small CNN"), dataset=cifar10_human,
)  # fmt: skip
