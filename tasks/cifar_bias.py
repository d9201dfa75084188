"""CIFAR-10 and CIFAR-100 with bias by class, by people and by rarity."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

import weightbench as wb

from .cifar import SHORT_20K, cifar10, cifar100, resnet

# Truck to car, bird to airplane, cat and dog to each other, deer to horse: Patrini et al. 2017.
LOOKALIKES = ((9, 1), (2, 0), (3, 5), (5, 3), (4, 7))

# The superclass, 0 to 19, of each of the 100 classes of CIFAR-100 in their order, the alphabet's.
SUPERCLASS = (
    4, 1, 14, 8, 0, 6, 7, 7, 18, 3, 3, 14, 9, 18, 7, 11, 3, 9, 7, 11,
    6, 11, 5, 10, 7, 6, 13, 15, 3, 15, 0, 11, 1, 10, 12, 14, 16, 9, 11, 5,
    5, 19, 8, 8, 15, 13, 14, 17, 18, 10, 16, 4, 17, 4, 2, 0, 17, 4, 18, 17,
    10, 3, 2, 12, 12, 16, 12, 1, 9, 19, 2, 10, 0, 1, 16, 12, 9, 13, 15, 13,
    16, 19, 2, 4, 6, 19, 5, 5, 8, 19, 18, 1, 2, 15, 6, 0, 17, 8, 14, 13,
)  # fmt: skip
WITHIN_SUPERCLASS = tuple(
    (one, other)
    for one in range(100)
    for other in range(100)
    if one != other and SUPERCLASS[one] == SUPERCLASS[other]
)
# What is often called a flip within superclasses, and is one within five neighbours of the
# alphabet: 6 of the 100 flips stay in the superclass.
BLOCK = tuple((one, one // 5 * 5 + (one + 1) % 5) for one in range(100))


def cifar10_people(name: str) -> wb.DataSet:
    """CIFAR-10 with labels that people gave to each training image.

    CIFAR-10N, Wei et al. 2022, CC BY-NC 4.0, read as for ``cifar10-human-noise-v0``.

    Args:
        name: ``aggregate`` (the majority of three, 9.0 % wrong), ``random1``, ``random2`` or
            ``random3`` (one of them, 17.2, 18.1 and 17.6 %).

    Raises:
        BadData: the labels do not belong to these images.
    """
    whole = cifar10()
    assert whole.test is not None
    clean, people = wb.cached_arrays("cifar10n/labels.npz", "clean", name)
    if not np.array_equal(clean, np.delete(whole.labels, whole.test)):
        raise wb.errors.BadData(
            "cifar10n/labels.npz is not in the order of CIFAR-10's training images"
        )
    given = whole.labels.copy()
    given[: len(people)] = people
    return dataclasses.replace(
        whole, name=f"cifar10n-{name}", given=given, licence="labels: CC BY-NC 4.0",
        citation=f"Wei et al. 2022 (CIFAR-10N), of {whole.citation}",
    )  # fmt: skip


_CIFAR = wb.Task(  # what the tasks below have in common
    "cifar", dataset=cifar10, corruption=wb.NoCorruption(), holdout=wb.HoldoutPerClass(10),
    select=5000, model=resnet, recipe=SHORT_20K, augmentation=wb.CropFlip(2),
)  # fmt: skip


def _register(name: str, about: str, title: tuple[str, str], **parts: object) -> None:
    about += "; hold-out of {clean} a class; ResNet-32, {steps:,} steps"
    parts |= {"name": name, "about": about, "title": title}
    wb.register_task(dataclasses.replace(_CIFAR, **parts))  # type: ignore[arg-type]


_register(
    "cifar10-class-flip-v0", "{noise:%} of five classes become one like them",
    ("Look-alike flips", "CIFAR-10, {noise:%} of five classes"),
    corruption=wb.ClassFlip(LOOKALIKES, 0.4),
)  # fmt: skip
_register(
    "cifar10-long-tail-v0", "a long tail, {factor:g} times",
    ("Long tail", "CIFAR-10, {factor:g} to 1"), corruption=wb.LongTail(100),
)  # fmt: skip
_register(
    "cifar100-superclass-flip-v0", "{noise:%} become another class of their superclass",
    ("Flips within superclasses", "CIFAR-100, {noise:%} wrong"),
    dataset=cifar100, corruption=wb.ClassFlip(WITHIN_SUPERCLASS, 0.4),
)  # fmt: skip
_register(
    "cifar100-block-flip-v0", "{noise:%} become the next of five classes, by the alphabet",
    ("Flips to a neighbour", "CIFAR-100, {noise:%} wrong"),
    dataset=cifar100, corruption=wb.ClassFlip(BLOCK, 0.4),
)  # fmt: skip
_register(
    "cifar100-long-tail-v0", "a long tail, {factor:g} times",
    ("Long tail", "CIFAR-100, {factor:g} to 1"), dataset=cifar100, corruption=wb.LongTail(100),
)  # fmt: skip
for _name in ("aggregate", "random1", "random2", "random3"):
    _register(
        f"cifar10-human-{_name}-v0", f"labels by people, CIFAR-10N's {_name}",
        ("Labels by people", f"CIFAR-10, {_name}"),
        dataset=functools.partial(cifar10_people, _name),
    )  # fmt: skip
