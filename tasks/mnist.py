"""MNIST and Fashion-MNIST: 28x28 grey images of ten digits, or of ten kinds of clothing."""

from __future__ import annotations

import dataclasses

import numpy as np
from torch import nn

import weightbench as wb

from .networks import lenet

_EACH = 982  # test images of either digit: all 4s there are


def mnist() -> wb.DataSet:
    """60,000 training and 10,000 test images, in [0, 1]."""
    return wb.image_set("MNIST", 10)


def fashion_mnist() -> wb.DataSet:
    """As many pictures of clothing."""
    return wb.image_set("FashionMNIST", 10)


def mnist49() -> wb.DataSet:
    """The 4s (class 0) and 9s (class 1), with a balanced test set of 982 and 982."""
    whole = mnist()
    assert whole.test is not None
    digit, training = whole.labels, np.ones(len(whole.labels), bool)
    training[whole.test] = False
    test = [np.flatnonzero((digit == d) & ~training)[:_EACH] for d in (4, 9)]
    chosen = np.concatenate([np.flatnonzero(np.isin(digit, (4, 9)) & training), *test])
    return dataclasses.replace(
        whole,
        name="mnist49",
        inputs=whole.inputs[chosen],
        labels=(digit[chosen] == 9).astype(np.int64),
        num_classes=2,
        test=np.arange(len(chosen) - 2 * _EACH, len(chosen)),
    )


def mnist_lenet(data: wb.DataSet) -> nn.Module:
    """The LeNet of the experiments' released code."""
    return lenet(data.num_classes)


# Ren et al. 2018, section 4.1, with the momentum of the released code. The hold-out is taken from
# the 5,000 images, whatever the method.
wb.register_task(wb.Task(
    "mnist49-imbalance-v0",
    dataset=mnist49, corruption=wb.Imbalance(0.995, total=5000, taken=5),
    holdout=wb.HoldoutPerClass(5), select=400, model=mnist_lenet,
    recipe=wb.Recipe(steps=8000, lr=1e-3, milestones=()),
    about="9s of MNIST against rare 4s, {ratio:odds}; hold-out of {clean} a class; the "
    "paper's LeNet, Figure 2",
    title=("Imbalance", "MNIST 4 against 9, {ratio:odds}"),
))  # fmt: skip

# Sized for a CPU: few images seen often, so that their labels can be learned by heart. At three
# times this rate the LeNet, which has no normalisation, dies under some weights.
FLIPS = wb.Recipe(steps=400, lr=0.01)
for _name, _dataset, _title in (
    ("mnist", mnist, "MNIST"),
    ("fashion-mnist", fashion_mnist, "Fashion-MNIST"),
):
    wb.register_task(wb.Task(
        f"{_name}-uniform-flip-v0",
        dataset=_dataset, corruption=wb.UniformFlip(0.4), holdout=wb.HoldoutPerClass(10),
        select=1000, train=1000, model=mnist_lenet, recipe=FLIPS,
        about="{noise:%} of 1,000 labels become any other; hold-out of {clean} a class; "
        "LeNet",
        title=("Random wrong labels", f"{_title}, {{noise:%}} wrong"),
    ))  # fmt: skip
    wb.register_task(wb.Task(
        f"{_name}-background-flip-v0",
        dataset=_dataset, corruption=wb.BackgroundFlip(0.4), holdout=wb.HoldoutPerClass(10),
        select=1000, train=1000, model=mnist_lenet, recipe=FLIPS,
        about="{noise:%} of 1,000 labels become one class; hold-out of {clean} a class; "
        "LeNet",
        title=("Background flips", f"{_title}, {{noise:%}} to one class"),
    ))  # fmt: skip
