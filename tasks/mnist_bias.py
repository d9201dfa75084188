"""MNIST and Fashion-MNIST with bias by class, by input, by rarity and by colour."""

from __future__ import annotations

import numpy as np
from torch import nn

import weightbench as wb

from .digits_bias import LOOKALIKES
from .mnist import FLIPS, fashion_mnist, mnist, mnist_lenet
from .networks import mlp

# Clothing that looks alike, a map of our own after LOOKALIKES: shirt and T-shirt, coat and pullover
# for each other, ankle boot to sneaker.
CLOTHES = ((0, 6), (6, 0), (2, 4), (4, 2), (9, 7))

for _name, _dataset, _title, _pairs in (
    ("mnist", mnist, "MNIST", LOOKALIKES),
    ("fashion-mnist", fashion_mnist, "Fashion-MNIST", CLOTHES),
):
    for _kind, _corruption, _about, _what, _share in (
        (
            "class", wb.ClassFlip(_pairs, 0.6), "{noise:%} of five classes become one like them",
            "Look-alike flips", "{noise:%} of five classes",
        ),
        (
            "pair", wb.PairFlip(0.45), "{noise:%} of each class become the next",
            "Next-class flips", "{noise:%} of each",
        ),
        (
            "input", wb.PartDependentFlip(0.5), "{noise:%} are wrong, by the image, part-dependent",
            "Flips by the image", "{noise:%} wrong",
        ),
        (
            "margin", wb.MarginFlip(0.48),
            "{noise:%} are wrong, by the image, where two classes are close",
            "Flips of unclear images", "{noise:%} wrong",
        ),
    ):  # fmt: skip
        wb.register_task(wb.Task(
            f"{_name}-{_kind}-flip-v0",
            dataset=_dataset, corruption=_corruption, holdout=wb.HoldoutPerClass(2),
            select=1000, train=1000, model=mnist_lenet, recipe=FLIPS,
            about=f"{_about}; 1,000 images, hold-out of {{clean}} a class; LeNet",
            title=(_what, f"{_title}, {_share}"),
        ))  # fmt: skip
    wb.register_task(wb.Task(
        f"{_name}-long-tail-v0",
        dataset=_dataset, corruption=wb.LongTail(100), holdout=wb.HoldoutPerClass(2),
        select=1000, train=5000, model=mnist_lenet, recipe=FLIPS,
        about="each class rarer than the one before, {factor:g} times in all; hold-out of {clean} "
        "a class; LeNet",
        title=("Long tail", f"{_title}, {{factor:g}} to 1"),
    ))  # fmt: skip

# Sachdeva et al. 2021, the open-set part: what was an image of one set shows one of the other.
for _name, _dataset, _title, _donor, _other in (
    ("mnist", mnist, "MNIST", fashion_mnist, "Fashion-MNIST"),
    ("fashion-mnist", fashion_mnist, "Fashion-MNIST", mnist, "MNIST"),
):
    wb.register_task(wb.Task(
        f"{_name}-open-set-v0",
        dataset=_dataset, corruption=wb.OpenSet(_donor, 0.8), holdout=wb.HoldoutPerClass(2),
        select=1000, train=1000, model=mnist_lenet, recipe=FLIPS,
        about=f"{{noise:%}} of the images are of {_other}; hold-out of {{clean}} a class; "
        "LeNet",
        title=("Foreign images", f"{_title}, {{noise:%}} {_other}"),
    ))  # fmt: skip

_FLIPPED = 0.25  # labels, in training and test alike: no network can be right more often than 75 %
_ODD = {"train": 0.15, "test": 0.9}  # share of images whose colour is not that of their label


def colored_mnist() -> wb.DataSet:
    """Digits below five (class 1) or not (class 0), in a colour that goes with the label.

    Arjovsky et al. 2019 (invariant risk minimisation): 14x14 pixels, (70000, 14, 14, 2) uint8, a
    label flipped with probability .25 before it is called true; the colour, which is the group, is
    the label's but for 15 % of the training images (theirs: 10 % and 20 %, in two halves) and 90 %
    of the test images. Drawn once, by a stream of its own.
    """
    whole = mnist()
    assert whole.test is not None
    rng = np.random.default_rng(0)
    odd = np.full(len(whole.labels), _ODD["train"])
    odd[whole.test] = _ODD["test"]
    labels = ((whole.labels < 5) ^ (rng.random(len(odd)) < _FLIPPED)).astype(np.int64)
    colours = labels ^ (rng.random(len(odd)) < odd)
    small = whole.inputs[:, ::2, ::2, 0]
    images = np.stack([small * (colours == colour)[:, None, None] for colour in (0, 1)], axis=-1)
    return wb.DataSet(
        "colored-mnist", images.astype(np.uint8), labels, 2, test=whole.test, groups=colours,
        licence=whole.licence, citation="Arjovsky et al. 2019, of " + whole.citation,
    )  # fmt: skip


def colored_mlp(data: wb.DataSet) -> nn.Module:
    """392-256-256-2."""
    return mlp(int(np.prod(data.shape)), data.num_classes, hidden=(256, 256))


wb.register_task(wb.Task(
    "colored-mnist-groups-v0",
    dataset=colored_mnist, corruption=wb.NoCorruption(), holdout=wb.HoldoutPerGroup(5),
    select=1000, train=10_000, model=colored_mlp, recipe=wb.Recipe(steps=500, lr=0.01),
    about="colour goes with the label in training, against it in the test; hold-out of {clean} "
    "a class and colour; MLP",
    title=("Colour that misleads", "MNIST"),
))  # fmt: skip
