"""CIFAR-10 and CIFAR-100: 32x32 photographs in ten and a hundred classes."""

from __future__ import annotations

import dataclasses

import numpy as np
from torch import nn

import weightbench as wb

from .networks import resnet32, wrn28_10

_SIGNED = (-1.0, 1.0)  # pixels, in the experiments' released code


def cifar10() -> wb.DataSet:
    """50,000 training and 10,000 test images."""
    return wb.image_set("CIFAR10", 10, _SIGNED)


def cifar100() -> wb.DataSet:
    """As many images in a hundred classes."""
    return wb.image_set("CIFAR100", 100, _SIGNED)


def cifar10_human() -> wb.DataSet:
    """CIFAR-10 with, for each training image, the worst of three labels that people gave it.

    CIFAR-10N, Wei et al. 2022, ``worse_label``: 40.2 % are wrong. CC BY-NC 4.0. Read from
    ``cifar10n/labels.npz``, uint8 arrays (50000,) named ``clean``, ``worst`` and so on.

    Raises:
        BadData: the labels do not belong to these images.
    """
    whole = cifar10()
    assert whole.test is not None
    clean, worst = wb.cached_arrays("cifar10n/labels.npz", "clean", "worst")
    if not np.array_equal(clean, np.delete(whole.labels, whole.test)):
        raise wb.errors.BadData(
            "cifar10n/labels.npz is not in the order of CIFAR-10's training images"
        )
    given = whole.labels.copy()
    given[: len(worst)] = worst
    return dataclasses.replace(whole, name="cifar10n-worst", given=given)


def resnet(data: wb.DataSet) -> nn.Module:
    """ResNet-32."""
    return resnet32(data.num_classes)


def wide_resnet(data: wb.DataSet) -> nn.Module:
    """WRN-28-10 with dropout 0.3."""
    return wrn28_10(data.num_classes)


# Ren et al. 2018, section 4.2; weight decay and augmentation are those of the released code.
WRN_60K = wb.Recipe(steps=60_000, weight_decay=2e-4, milestones=(4 / 6, 5 / 6), bf16="gpu")
RESNET_80K = wb.Recipe(steps=80_000, weight_decay=2e-4, milestones=(0.5, 0.75), bf16="gpu")
# A schedule under which plain training is far better than published.
SHORT_20K = wb.Recipe(steps=20_000, weight_decay=2e-4, milestones=(0.9, 0.95), bf16="gpu")

for _name, _dataset, _title in (
    ("cifar10", cifar10, "CIFAR-10"),
    ("cifar100", cifar100, "CIFAR-100"),
):
    wb.register_task(wb.Task(
        f"{_name}-uniform-flip-v0",
        dataset=_dataset, corruption=wb.UniformFlip(0.4), holdout=wb.HoldoutTotal(1000),
        select=5000, model=wide_resnet, recipe=WRN_60K, augmentation=wb.CropFlip(2),
        about="{noise:%} of the labels become any other; hold-out of {clean:,}; WRN-28-10, "
        "{steps:,} steps, Table 1",
        title=("Random wrong labels", f"{_title}, {{noise:%}} wrong, {{steps:,}} steps"),
    ))  # fmt: skip
    wb.register_task(wb.Task(
        f"{_name}-uniform-flip-short-v0",
        dataset=_dataset, corruption=wb.UniformFlip(0.4), holdout=wb.HoldoutTotal(1000),
        select=5000, model=resnet, recipe=SHORT_20K, augmentation=wb.CropFlip(2),
        about="{noise:%} of the labels become any other; hold-out of {clean:,}; ResNet-32, "
        "{steps:,} steps",
        title=("Random wrong labels", f"{_title}, {{noise:%}} wrong, {{steps:,}} steps"),
    ))  # fmt: skip
    wb.register_task(wb.Task(
        f"{_name}-background-flip-v0",
        dataset=_dataset, corruption=wb.BackgroundFlip(0.4), holdout=wb.HoldoutPerClass(10),
        select=5000, model=resnet, recipe=RESNET_80K, augmentation=wb.CropFlip(2),
        about="{noise:%} of the labels become one class; hold-out of {clean} a class; "
        "ResNet-32, {steps:,} steps, Table 2",
        title=("Background flips", f"{_title}, {{noise:%}} to one class, {{steps:,}} steps"),
    ))  # fmt: skip
    wb.register_task(wb.Task(
        f"{_name}-background-flip-short-v0",
        dataset=_dataset, corruption=wb.BackgroundFlip(0.4), holdout=wb.HoldoutPerClass(10),
        select=5000, model=resnet, recipe=SHORT_20K, augmentation=wb.CropFlip(2),
        about="{noise:%} of the labels become one class; hold-out of {clean} a class; "
        "ResNet-32, {steps:,} steps",
        title=("Background flips", f"{_title}, {{noise:%}} to one class, {{steps:,}} steps"),
    ))  # fmt: skip
wb.register_task(wb.Task(
    "cifar10-human-noise-v0",
    dataset=cifar10_human, corruption=wb.NoCorruption(), holdout=wb.HoldoutPerClass(10),
    select=5000, model=resnet, recipe=SHORT_20K, augmentation=wb.CropFlip(2),
    about="labels by people, the worst of three (CIFAR-10N); hold-out of {clean} a class; "
    "ResNet-32, {steps:,} steps",
    title=("Labels by people", "CIFAR-10, the worst of three"),
))  # fmt: skip
