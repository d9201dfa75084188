"""The real images, where they are at hand: counts and rates that are published."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

import weightbench as wb
from weightbench.data.cache import data_folder, is_cached
from weightbench.errors import DataUnavailable


def needs(name: str, there: bool) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not there, reason=f"no {name} under {data_folder()}")


mnist = needs("MNIST", is_cached("mnist") or (data_folder() / "MNIST" / "raw").is_dir())
fashion = needs("Fashion-MNIST", is_cached("fashionmnist"))
cifar10 = needs("CIFAR-10", is_cached("cifar10"))
cifar10n = needs("CIFAR-10N labels", (data_folder() / "cifar10n" / "labels.npz").is_file())


@mnist
@pytest.mark.parametrize(("ratio", "fours"), [(0.9, 495), (0.98, 95), (0.995, 20)])
def test_fours_are_as_rare_as_in_the_paper(ratio: float, fours: int) -> None:
    """The released code's counts for its own method, five and five taken for the hold-out."""
    task = wb.make_task("mnist49-imbalance-v0", ratio=ratio)
    splits = task.split(0)
    assert np.bincount(splits.given).tolist() == [fours, 4990 - fours]
    assert np.bincount(task.data.labels[splits.test]).tolist() == [982, 982]
    assert np.bincount(task.data.labels[splits.holdout]).tolist() == [5, 5]
    assert splits.corrupted.rate == 0


@needs("MNIST's original files", (data_folder() / "MNIST" / "raw").is_dir())
@pytest.mark.parametrize("unpacked", [True, False])
def test_mnist_is_known_in_a_flat_folder(tmp_path: Path, unpacked: bool) -> None:
    """Unpacked too, by its sha256, and an altered file is not."""
    for path in (data_folder() / "MNIST" / "raw").glob("*.gz"):
        content = gzip.decompress(path.read_bytes()) if unpacked else path.read_bytes()
        (tmp_path / (path.stem if unpacked else path.name)).write_bytes(content)
    data = wb.image_set("MNIST", 10, folder=tmp_path)
    assert data.sha256 == wb.image_set("MNIST", 10).sha256
    shutil.rmtree(tmp_path / "mnist")
    altered = tmp_path / path.name.removesuffix(".gz" * unpacked)
    altered.write_bytes(altered.read_bytes()[:-1] + b"?")
    with pytest.raises(DataUnavailable, match=f"{path.stem}.* is not the .*file of MNIST, by"):
        wb.image_set("MNIST", 10, folder=tmp_path)


@mnist
def test_learning_to_reweight_finds_the_rare_fours_of_mnist() -> None:
    """In a hundred steps of its 8,000."""
    task, scores = wb.make_task("mnist49-imbalance-v0", steps=100), {}
    for name in ("uniform", "l2rw"):
        run = wb.start(task, 0, weighter=wb.make_weighter(name))
        run.train()
        scores[name] = run.score()
    assert scores["uniform"] < 0.55
    assert scores["l2rw"] > 0.65


@cifar10
@pytest.mark.parametrize(
    ("name", "rate", "holdout"),
    [
        ("cifar10-uniform-flip-v0", 0.4, 1000),
        ("cifar10-uniform-flip-v0[convention=redraw]", 0.36, 1000),
        ("cifar10-background-flip-v0", 0.36, 100),
        ("cifar10-background-flip-short-v0", 0.36, 100),
        pytest.param("cifar10-human-noise-v0", 0.402, 100, marks=cifar10n),
    ],
)
def test_cifar_10_is_as_corrupted_as_published(name: str, rate: float, holdout: int) -> None:
    task = wb.make_task(name)
    splits, labels = task.split(0), task.data.labels
    assert splits.corrupted.rate == pytest.approx(rate, abs=0.005)
    assert np.bincount(labels[splits.holdout]).tolist() == [holdout // 10] * 10
    assert np.bincount(labels[splits.select]).tolist() == [500] * 10
    assert np.bincount(labels[splits.test]).tolist() == [1000] * 10
    assert len(splits.train) == 45_000 - holdout


@cifar10
def test_a_short_track_steps_on_the_real_images() -> None:
    task = wb.make_task("cifar10-uniform-flip-short-v0", batch_size=8, clean_batch=8)
    run = wb.start(task, 0, weighter=wb.make_weighter("l2rw"))
    batch = next(iter(run))
    assert batch.inputs.shape == (8, 3, 32, 32)
    assert -1 <= batch.inputs.min() < batch.inputs.max() <= 1
    run.step(run.weighter.weigh(batch))
    assert batch.losses.isfinite().all()
    assert run.steps_taken == 1


@mnist
@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("mnist-class-flip-v0", 0.3), ("mnist-pair-flip-v0", 0.45), ("mnist-input-flip-v0", 0.5),
        ("mnist-margin-flip-v0", 0.48), ("mnist-long-tail-v0", 0.0),
    ],
)  # fmt: skip
def test_mnist_is_as_biased_as_the_task_says(name: str, rate: float) -> None:
    """A thousand labels: where each is drawn, three deviations of their share are .047."""
    splits = wb.make_task(name).split(0)
    assert splits.corrupted.rate == pytest.approx(rate, abs=0.047)
    assert len(splits.holdout) == 20


@mnist
@fashion
@pytest.mark.parametrize("name", ["mnist-open-set-v0", "fashion-mnist-open-set-v0"])
def test_most_images_are_of_the_other_set(name: str) -> None:
    """Both are white on black; clothing covers more of an image than a digit does."""
    task = wb.make_task(name)
    splits = task.split(0)
    assert splits.corrupted.rate == pytest.approx(0.8)
    assert splits.corrupted.inputs is not None
    covered = [(part > 0).mean() for part in (splits.corrupted.inputs, task.data.inputs)]
    assert (covered[0] > 1.5 * covered[1]) == (name == "mnist-open-set-v0")


@mnist
def test_the_colour_of_a_digit_misleads_in_the_test() -> None:
    """As in the paper: 25 % of the labels are flipped, and 90 % of the test images are odd."""
    task = wb.make_task("colored-mnist-groups-v0")
    data, splits = task.data, task.split(0)
    assert data.groups is not None
    assert data.shape == (2, 14, 14)
    odd = data.labels != data.groups
    assert odd[splits.train].mean() == pytest.approx(0.15, abs=0.01)
    assert odd[splits.test].mean() == pytest.approx(0.9, abs=0.01)
    for group in (0, 1):
        assert not data.inputs[data.groups == group][..., 1 - group].any()
    digit = wb.make_task("mnist-pair-flip-v0").data.labels
    assert ((digit < 5) != data.labels).mean() == pytest.approx(0.25, abs=0.005)


def test_superclasses_of_cifar_100_are_five_classes_each() -> None:
    """Bee and beetle, cattle and camel ...: of a hundred flips in blocks, six stay inside."""
    from weightbench.tasks.cifar_bias import BLOCK, SUPERCLASS, WITHIN_SUPERCLASS

    assert np.bincount(SUPERCLASS).tolist() == [5] * 20
    assert len(WITHIN_SUPERCLASS) == 400
    inside = {pair for pair in BLOCK if SUPERCLASS[pair[0]] == SUPERCLASS[pair[1]]}
    assert inside == {(6, 7), (19, 15), (42, 43), (63, 64), (86, 87), (89, 85)}
    assert inside < set(WITHIN_SUPERCLASS)


@cifar10
@cifar10n
@pytest.mark.parametrize(
    ("name", "rate"),
    [("aggregate", 0.0901), ("random1", 0.1723), ("random2", 0.1812), ("random3", 0.1764)],
)
def test_people_are_as_often_wrong_as_published(name: str, rate: float) -> None:
    splits = wb.make_task(f"cifar10-human-{name}-v0").split(0)
    assert splits.corrupted.rate == pytest.approx(rate, abs=0.003)
