"""Crops and mirrors: what they are, and that they are the same for every weighter."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

import weightbench as wb
from weightbench.data.dataset import Pool

N, SIZE, PAD = 60, 6, 2
RNG = np.random.default_rng(0)
LABELS = np.arange(N) % 3
# No two pixels of an image are alike and none is black: a crop says where it came from.
IMAGES = np.stack([RNG.permutation(np.arange(1, 109)) for _ in range(N)]).astype(np.uint8)
DATA = wb.DataSet("squares", IMAGES.reshape(N, SIZE, SIZE, 3), LABELS.astype(np.int64), 3)


def network(data: wb.DataSet) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))


TASK = wb.Task(
    name="squares", dataset=DATA, corruption=wb.UniformFlip(0.2), holdout=wb.HoldoutPerClass(3),
    select=6, test=6, model=network, augmentation=wb.CropFlip(PAD),
    recipe=wb.Recipe(steps=6, batch_size=10, clean_batch=4, lr=0.01),
)  # fmt: skip


def places(image: np.ndarray) -> dict[bytes, tuple[int, int, bool]]:
    """Every crop of the padded image, mirrored or not, by its bytes."""
    padded = np.pad(image, ((PAD, PAD), (PAD, PAD), (0, 0)))
    found = {}
    for down in range(2 * PAD + 1):
        for right in range(2 * PAD + 1):
            crop = padded[down : down + SIZE, right : right + SIZE]
            found[crop.tobytes()] = (down, right, False)
            found[crop[:, ::-1].tobytes()] = (down, right, True)
    return found


def test_each_image_is_cropped_and_mirrored_by_its_own_draw() -> None:
    index = np.arange(N)
    pool = Pool.from_dataset(DATA, index, DATA.labels, torch.device("cpu"), wb.CropFlip(PAD))
    stream = torch.Generator().manual_seed(0)
    seen = []
    for _ in range(10):
        inputs, _ = pool.take(torch.from_numpy(index), wb.CropFlip(PAD).draw(N, stream))
        assert inputs.is_contiguous(memory_format=torch.channels_last)
        images = (inputs * 255).round().byte().permute(0, 2, 3, 1).numpy()
        seen += [places(DATA.inputs[i])[images[i].tobytes()] for i in index]
    assert len(set(seen)) == 50, "every place, and both ways round"
    assert 0.4 < np.mean([mirrored for *_, mirrored in seen]) < 0.6


def test_without_a_stream_images_are_as_they_were() -> None:
    pool = Pool.from_dataset(DATA, np.arange(N), DATA.labels, torch.device("cpu"), wb.CropFlip(PAD))
    plain = Pool.from_dataset(DATA, np.arange(N), DATA.labels, torch.device("cpu"))
    assert torch.equal(pool.whole()[0], plain.whole()[0])


def inputs_of(weigh: Callable[[wb.Batch], Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Training and clean inputs of every step of a run by hand."""
    run, train, clean = wb.start(TASK, 0), [], []
    for batch in run:
        train.append(batch.inputs)
        clean.append(run.clean_batch().inputs)
        run.step(weigh(batch))
    return train, clean


def test_augmentation_is_the_same_whatever_a_weighter_does() -> None:
    def greedy(batch: wb.Batch) -> Tensor:
        batch.run.batch(torch.arange(3))
        batch.run.predict()
        torch.rand(5, generator=batch.run.generator)
        return torch.rand(len(batch), generator=batch.run.generator)

    plain, other = inputs_of(lambda b: torch.full((len(b),), 0.1)), inputs_of(greedy)
    for one, two in zip(plain[0] + plain[1], other[0] + other[1], strict=True):
        assert torch.equal(one, two)
    assert not torch.equal(plain[1][0], plain[1][1])


def test_the_clean_batch_is_augmented_and_predictions_are_not() -> None:
    run = wb.start(TASK, 0)
    whole, _ = run.holdout
    batch = run.clean_batch(size=len(whole))
    assert not torch.equal(batch.inputs, whole)
    model = run.model.eval()
    with torch.no_grad():
        torch.testing.assert_close(run.predict(on="holdout"), model(whole))


def test_bfloat16_trains_and_leaves_logits_and_parameters_in_float32() -> None:
    recipe = dataclasses.replace(TASK.recipe, bf16="always")
    for name in ("uniform", "l2rw", "l2rw-fused", "l2rw-auto"):
        run = wb.start(dataclasses.replace(TASK, recipe=recipe), 0, weighter=wb.make_weighter(name))
        batch = next(iter(run))
        exact = run.model(batch.inputs)
        assert batch.logits.dtype == torch.float32
        assert not torch.equal(batch.logits, exact), "it was not computed in bfloat16"
        torch.testing.assert_close(batch.logits, exact, atol=0.05, rtol=0.05)
        weights = run.weighter.weigh(batch)
        assert weights.dtype == torch.float32
        run.step(weights)
        assert {p.dtype for p in run.model.parameters()} == {torch.float32}
