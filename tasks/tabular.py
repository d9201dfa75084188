"""A table: 569 breast-tumour biopsies, 30 measurements each, that come with scikit-learn."""

from __future__ import annotations

import functools

import numpy as np
from sklearn.datasets import load_breast_cancer
from torch import nn

import weightbench as wb

from .networks import mlp


@functools.cache
def breast_cancer() -> wb.DataSet:
    """(569, 30) float32 measurements, standardised by each training split."""
    table, labels = load_breast_cancer(return_X_y=True)
    return wb.DataSet(
        "breast-cancer", table.astype(np.float32), labels.astype(np.int64), 2, standardize=True,
        licence="CC BY 4.0",
        citation="Wolberg et al. 1993, UCI Machine Learning Repository, doi 10.24432/C5DW2B",
    )  # fmt: skip


def tabular_mlp(data: wb.DataSet) -> nn.Module:
    """30-64-64-K."""
    return mlp(data.inputs.shape[1], data.num_classes, hidden=(64, 64))


wb.register_task(wb.Task(
    "breast-cancer-uniform-flip-v0",
    dataset=breast_cancer, corruption=wb.UniformFlip(0.4), holdout=wb.HoldoutPerClass(5), select=60,
    test=150, model=tabular_mlp, recipe=wb.Recipe(steps=400, lr=0.02),
    about="{noise:%} of the diagnoses are flipped; hold-out of {clean} a class; MLP",
    title=("Random wrong labels", "tumours, {noise:%} wrong"),
))  # fmt: skip
