"""Open-set noise: inputs of another data set, which nothing may take for one of the classes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import weightbench as wb
from weightbench.check import check_task
from weightbench.errors import BadData, UnknownParameter
from weightbench.report.cards import card

N = 60
NAME = "digits-open-set-v0"


def others(count: int = 100, shape: tuple[int, ...] = (3,)) -> wb.DataSet:
    """Inputs below 0, each other than the rest."""
    inputs = -1 - np.arange(count * int(np.prod(shape)), dtype=np.float32).reshape(count, *shape)
    return wb.DataSet("others", inputs, np.zeros(count, np.int64), 1)


def few() -> wb.DataSet:
    return others(5)


def wide() -> wb.DataSet:
    return others(shape=(4,))


def done(noise: float = 0.4, donor: Any = others, seed: int = 0) -> wb.Corrupted:
    labels, inputs = np.arange(N) % 3, np.ones((N, 3), np.float32)
    return wb.OpenSet(donor, noise)(labels, 3, np.random.default_rng(seed), inputs=inputs)


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 1))
def test_a_share_of_the_inputs_is_replaced_and_counts_as_wrong(noise: float) -> None:
    made = done(noise)
    assert made.replaced is not None
    assert made.inputs is not None
    assert len(set(made.replaced.tolist())) == len(made.inputs) == round(noise * N)
    assert made.rate == pytest.approx(len(made.inputs) / N)
    assert made.labels.tolist() == (np.arange(N) % 3).tolist()
    assert (made.transition == np.eye(3)).all()
    assert (made.inputs < 0).all()
    assert len(np.unique(made.inputs[:, 0])) == len(made.inputs)  # each of the donor's once


def test_what_is_replaced_by_what_is_in_the_checksum() -> None:
    assert done().sha256 == done().sha256 != done(seed=1).sha256
    one = done()
    assert one.replaced is not None
    assert one.inputs is not None
    kept = np.arange(N)
    told = wb.describe(one.labels, one.labels, kept, 3, replaced=one.replaced, inputs=one.inputs)
    other = wb.describe(one.labels, one.labels, kept, 3, replaced=one.replaced, inputs=-one.inputs)
    assert told.sha256 == one.sha256 != other.sha256


def test_a_donor_that_does_not_fit_is_refused() -> None:
    with pytest.raises(BadData, match=r"shape \(4,\); expected float32 \(3,\)"):
        done(donor=wide)
    with pytest.raises(BadData, match="needs 24 inputs; the donor has 5"):
        done(donor=few)
    with pytest.raises(UnknownParameter):
        wb.OpenSet(others, 1.5)


def test_training_alone_sees_the_other_inputs() -> None:
    task = wb.make_task(NAME)
    run, splits = wb.start(task, 0), task.split(0)
    foreign, inputs = splits.corrupted.replaced, splits.corrupted.inputs
    assert foreign is not None
    assert inputs is not None
    seen = run.batch(torch.from_numpy(foreign)).inputs
    assert torch.equal(seen, torch.from_numpy(inputs))
    own = np.setdiff1d(np.arange(len(splits.train)), foreign)
    images = task.data.inputs
    assert torch.equal(
        run.batch(torch.from_numpy(own)).inputs, torch.from_numpy(images[splits.train[own]])
    )
    assert torch.equal(run.holdout[0], torch.from_numpy(images[splits.holdout]))


def test_the_oracle_gives_no_weight_to_what_is_of_no_class() -> None:
    task = wb.make_task(NAME, steps=3)
    weighter = wb.make_weighter("oracle")
    run = wb.start(task, 0, weighter=weighter)
    run.train()
    foreign = run.splits.corrupted.replaced
    assert foreign is not None
    is_own = np.ones(len(run.splits.train), bool)
    is_own[foreign] = False
    right = weighter.right.numpy()  # type: ignore[attr-defined]
    assert ((right > 0) == is_own).all()
    assert (run.true_labels.numpy() == np.where(is_own, run.splits.given, -1)).all()


def test_a_plain_training_says_how_well_foreign_inputs_are_told() -> None:
    """Its margins rank them below right labels; those without a class are the wrong ones."""
    from weightbench.evaluation.last_network import score

    run = wb.start(wb.make_task(NAME), 0, weighter=wb.make_weighter("uniform"))
    run.train()
    outputs = run.outputs("test").cpu().numpy()
    margin = score(run, outputs, outputs.argmax(1), None)[0].margin
    assert margin is not None
    assert 0.6 < margin.auroc < 1


def test_tasks_are_told_apart_by_donor_and_share() -> None:
    task = wb.make_task(NAME)
    assert "donor" not in task.parameters()
    same, less = wb.make_task(NAME), wb.make_task(f"{NAME}[noise=0.2]")

    def negative() -> wb.DataSet:
        tiles: wb.DataSet = task.corruption.donor()  # type: ignore[attr-defined]
        return dataclasses.replace(tiles, inputs=1 - tiles.inputs)

    other = dataclasses.replace(task, corruption=wb.OpenSet(negative))
    prints = {one.fingerprint for one in (task, same, less, other)}
    assert task.fingerprint == same.fingerprint
    assert len(prints) == 3
    assert check_task(task) == []
    assert "90% of the inputs become tiles of photographs" in str(card(NAME))
