"""Adult: 48,842 people of the 1994 US census, and whether they earn more than 50,000 dollars.

Becker & Kohavi 1996, UCI Machine Learning Repository, doi 10.24432/C5XW20, CC BY 4.0. ``adult.npz``
is ``adult.data`` followed by ``adult.test``, a column an array: numbers as they are, and words as
positions in ``<column>_values``. The column ``fnlwgt``, a weight of the survey, is left out.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.resources

import numpy as np
from torch import nn

import weightbench as wb

from .networks import mlp

_TRAINING = 32_561  # rows of adult.data
_NUMBERS = ("age", "education_num", "capital_gain", "capital_loss", "hours_per_week")
_WORDS = (
    "workclass", "education", "marital_status", "occupation", "relationship", "race", "sex",
    "native_country",
)  # fmt: skip


@functools.cache
def adult() -> wb.DataSet:
    """(48842, 107) float32; class 1 earns more than 50,000; group 0 are women, 1 men.

    Numbers have mean 0 and deviation 1 over the published training rows; a word is 1 in a column of
    its own, "?" for unknown among them.
    """
    with importlib.resources.files(__package__).joinpath("adult.npz").open("rb") as file:
        columns = dict(np.load(file))
    numbers = np.stack([columns[name] for name in _NUMBERS], axis=1).astype(np.float64)
    numbers = (numbers - numbers[:_TRAINING].mean(0)) / numbers[:_TRAINING].std(0)
    words = [np.eye(len(columns[f"{name}_values"]))[columns[name]] for name in _WORDS]
    inputs = np.concatenate([numbers, *words], axis=1).astype(np.float32)
    assert columns["income_values"].tolist() == ["<=50K", ">50K"]
    assert columns["sex_values"].tolist() == ["Female", "Male"]
    return wb.DataSet(
        "adult", inputs, columns["income"].astype(np.int64), 2,
        test=np.arange(_TRAINING, len(inputs)), groups=columns["sex"].astype(np.int64),
        licence="CC BY 4.0",
        citation="Becker & Kohavi 1996, UCI Machine Learning Repository, doi 10.24432/C5XW20",
    )  # fmt: skip


@functools.cache
def adult_sample() -> wb.DataSet:
    """The first 4,000 people of :func:`adult`, in the order of the survey, without groups."""
    whole, few = adult(), slice(4000)
    return dataclasses.replace(
        whole, name="adult-4000", inputs=whole.inputs[few], labels=whole.labels[few], test=None,
        groups=None,
    )  # fmt: skip


def adult_mlp(data: wb.DataSet) -> nn.Module:
    """107-64-64-2."""
    return mlp(data.inputs.shape[1], data.num_classes, hidden=(64, 64))


_RECIPE = wb.Recipe(steps=800, lr=0.05)

wb.register_task(wb.Task(
    "adult-uniform-flip-v0",
    dataset=adult_sample, corruption=wb.UniformFlip(0.4), holdout=wb.HoldoutPerClass(3), select=400,
    test=2000, train=1000, model=adult_mlp, recipe=wb.Recipe(steps=400),
    about="income; {noise:%} of the labels are flipped; hold-out of {clean} a class; MLP",
    title=("Random wrong labels", "census income, {noise:%} wrong"),
))  # fmt: skip

wb.register_task(wb.Task(
    "adult-groups-v0",
    dataset=adult, corruption=wb.NoCorruption(), holdout=wb.HoldoutPerGroup(3), select=1000,
    train=5000, model=adult_mlp, recipe=_RECIPE,
    about="income, few rich women in 5,000 rows; hold-out of {clean} a class and sex",
    metric="worst_group_recall", title=("Groups", "census income"),
))  # fmt: skip
wb.register_task(wb.Task(
    "adult-biased-labels-v0",
    dataset=adult, corruption=wb.GroupFlip(0.4, group=0, label=1, becomes=0),
    holdout=wb.HoldoutPerGroup(3), select=1000, train=5000, model=adult_mlp, recipe=_RECIPE,
    about="{noise:%} of the rich women are called poor; hold-out of {clean} a class and sex",
    metric="worst_group_recall", title=("Biased labels", "census income, {noise:%} of rich women"),
))  # fmt: skip
