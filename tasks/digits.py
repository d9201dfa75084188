"""Handwritten digits, 8x8: 1,797 real images that come with scikit-learn."""

from __future__ import annotations

import functools

import numpy as np
from sklearn.datasets import load_digits
from torch import nn

import weightbench as wb

from .networks import mlp, small_cnn


@functools.cache
def digits() -> wb.DataSet:
    """All ten digits: (1797, 1, 8, 8) float32 in [0, 1]."""
    images, labels = load_digits(return_X_y=True)
    inputs = (images / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    return wb.DataSet(
        "digits", inputs, labels.astype(np.int64), 10, licence="CC BY 4.0",
        citation="Alpaydin & Kaynak 1998, UCI Machine Learning Repository, doi 10.24432/C50P49",
    )  # fmt: skip


@functools.cache
def digits49() -> wb.DataSet:
    """The 4s (class 0) and 9s (class 1): 361 images."""
    whole = digits()
    chosen = np.isin(whole.labels, (4, 9))
    labels = (whole.labels[chosen] == 9).astype(np.int64)
    return wb.DataSet("digits49", whole.inputs[chosen], labels, 2)


def small_mlp(data: wb.DataSet) -> nn.Module:
    """64-128-128-K."""
    return mlp(data.inputs[0].size, data.num_classes)


def cnn(data: wb.DataSet) -> nn.Module:
    """Two convolutions."""
    return small_cnn(data.inputs.shape[1], data.num_classes)


wb.register_task(wb.Task(
    "digits-uniform-flip-v0",
    dataset=digits, corruption=wb.UniformFlip(0.4), holdout=wb.HoldoutPerClass(3),
    select=200, test=500, model=cnn, recipe=wb.Recipe(steps=400),
    about="{noise:%} of the labels become any other; hold-out of {clean} a class; small CNN",
    title=("Random wrong labels", "digits, {noise:%} wrong"),
))  # fmt: skip
wb.register_task(wb.Task(
    "digits-background-flip-v0",
    dataset=digits, corruption=wb.BackgroundFlip(0.4), holdout=wb.HoldoutPerClass(3),
    select=200, test=500, model=small_mlp, recipe=wb.Recipe(steps=400),
    about="{noise:%} of the labels become one class; hold-out of {clean} a class; MLP",
    title=("Background flips", "digits, {noise:%} to one class"),
))  # fmt: skip
wb.register_task(wb.Task(
    "digits49-imbalance-v0",
    dataset=digits49, corruption=wb.Imbalance(0.97), holdout=wb.HoldoutPerClass(5),
    select=40, test=120, model=small_mlp, recipe=wb.Recipe(steps=400, lr=0.01),
    about="9s against rare 4s, {ratio:odds}; hold-out of {clean} a class; MLP",
    title=("Imbalance", "digits 4 against 9, {ratio:odds}"),
))  # fmt: skip
