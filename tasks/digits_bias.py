"""Digits whose bias is no flip to any label or to one: by class, by input, by how rare they are."""

from __future__ import annotations

import functools

import numpy as np
from sklearn.datasets import load_sample_images

import weightbench as wb

from .digits import cnn, digits, small_mlp

# Look-alikes among digits, Patrini et al. 2017: 7 to 1, 2 to 7, 5 and 6 to each other, 3 to 8.
LOOKALIKES = ((7, 1), (2, 7), (5, 6), (6, 5), (3, 8))


@functools.cache
def tiles_of_photographs() -> wb.DataSet:
    """(8480, 1, 8, 8) float32 in [0, 1]: grey tiles of the two photographs in scikit-learn."""
    grey = [image[:424].mean(2) / 255 for image in load_sample_images().images]
    tiles = np.stack(grey).reshape(2, 53, 8, 80, 8).swapaxes(2, 3).reshape(-1, 1, 8, 8)
    return wb.DataSet("tiles", tiles.astype(np.float32), np.zeros(len(tiles), np.int64), 1)


wb.register_task(wb.Task(
    "digits-pair-flip-v0",
    dataset=digits, corruption=wb.PairFlip(0.45), holdout=wb.HoldoutPerClass(2),
    select=200, test=500, model=small_mlp, recipe=wb.Recipe(steps=400),
    about="{noise:%} of each digit are called the next one; hold-out of {clean} a class; "
    "MLP",
    title=("Next-class flips", "digits, {noise:%} of each"),
))  # fmt: skip
wb.register_task(wb.Task(
    "digits-class-flip-v0",
    dataset=digits, corruption=wb.ClassFlip(LOOKALIKES, 0.6), holdout=wb.HoldoutPerClass(2),
    select=200, test=500, model=small_mlp, recipe=wb.Recipe(steps=400),
    about="{noise:%} of five digits are called one that looks like them; hold-out of {clean} "
    "a class; MLP",
    title=("Look-alike flips", "digits, {noise:%} of five"),
))  # fmt: skip
wb.register_task(wb.Task(
    "digits-input-flip-v0",
    dataset=digits, corruption=wb.PartDependentFlip(0.5), holdout=wb.HoldoutPerClass(3),
    select=200, test=500, model=small_mlp, recipe=wb.Recipe(steps=400),
    about="{noise:%} of the labels are wrong in a way that depends on the image; hold-out of "
    "{clean} a class; MLP",
    title=("Flips by the image", "digits, {noise:%} wrong"),
))  # fmt: skip
wb.register_task(wb.Task(
    "digits-long-tail-v0",
    dataset=digits, corruption=wb.LongTail(50), holdout=wb.HoldoutPerClass(2),
    select=200, test=500, model=small_mlp, recipe=wb.Recipe(steps=400, lr=0.02),
    about="each digit rarer than the one before, {factor:g} times from 0 to 9; hold-out of {clean} "
    "a class; MLP",
    title=("Long tail", "digits, {factor:g} to 1"),
))  # fmt: skip
wb.register_task(wb.Task(
    "digits-noisy-tail-v0",
    dataset=digits, corruption=wb.NoisyLongTail(20, 0.3), holdout=wb.HoldoutPerClass(2),
    select=200, test=500, model=small_mlp, recipe=wb.Recipe(steps=400),
    about="a long tail of {factor:g} times, then {noise:%} of its labels become any other; "
    "hold-out of {clean} a class; MLP",
    title=("Noisy long tail", "digits, {factor:g} to 1, {noise:%} wrong"),
))  # fmt: skip
wb.register_task(wb.Task(
    "digits-clean-v0",
    dataset=digits, corruption=wb.NoCorruption(), holdout=wb.HoldoutPerClass(3),
    select=200, test=500, model=cnn, recipe=wb.Recipe(steps=400),
    about="nothing is wrong: how much a method harms; no gap, so no skill; hold-out of {clean} "
    "a class; CNN",
    title=("Nothing wrong", "digits"),
))  # fmt: skip
wb.register_task(wb.Task(
    "digits-open-set-v0",
    dataset=digits, corruption=wb.OpenSet(tiles_of_photographs, 0.9), holdout=wb.HoldoutPerClass(1),
    select=200, test=500, model=small_mlp, recipe=wb.Recipe(steps=400, lr=0.05),
    about="{noise:%} of the images are bits of photographs under a digit's label; hold-out of "
    "{clean} a class; MLP",
    title=("Foreign images", "digits, {noise:%} photographs"),
))  # fmt: skip
