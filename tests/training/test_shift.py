"""A hold-out that comes from one side of the data: how much of it, which side, and what stays."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import weightbench as wb
from weightbench.errors import BadData, UnknownParameter

N = 400
LABELS = np.arange(N) % 2


def task(holdout: Any, groups: np.ndarray | None = None) -> wb.Task:
    """Two columns that rise together from row to row, so a row's number is its place along them."""
    line = np.stack([np.arange(N), 1000 * np.arange(N)], axis=1).astype(np.float32)
    return wb.Task(
        "mine", dataset=wb.DataSet("line", line, LABELS, 2, groups=groups),
        corruption=wb.UniformFlip(0.2), holdout=holdout, select=20, test=100,
        model=lambda _: nn.Linear(2, 2),
    )  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 1), st.sampled_from([wb.HoldoutPerClass(10), wb.HoldoutTotal(20)]))
def test_a_share_of_each_class_comes_from_its_far_quarter(share: float, kind: Any) -> None:
    plain = task(kind)
    mine = plain.with_params(wb.parse_spec(f"mine[holdout_shift={share}]"))
    before, after = task(kind).split(0), dataclasses.replace(mine, name="mine").split(0)
    changed = before.holdout != after.holdout
    assert np.bincount(LABELS[after.holdout]).tolist() == [10, 10]
    assert (
        np.bincount(LABELS[before.holdout[changed]], minlength=2).tolist()
        == [round(share * 10)] * 2
    )
    assert not set(after.holdout) & set(after.test)
    pool = np.setdiff1d(np.arange(N), after.test)
    for label in (0, 1):
        of_class = pool[LABELS[pool] == label]
        far = of_class[-round(len(of_class) / 4) :]
        assert np.isin(after.holdout[changed & (LABELS[after.holdout] == label)], far).all()
    assert after.test.tolist() == before.test.tolist()


def test_nothing_moves_where_nothing_is_shifted() -> None:
    plain, none = task(wb.HoldoutPerClass(10)), task(wb.HoldoutPerClass(10, holdout_shift=0.0))
    assert plain.split(0).sha256 == none.split(0).sha256
    assert plain.fingerprint == none.fingerprint
    shifted = task(wb.HoldoutPerClass(10, holdout_shift=0.5))
    assert shifted.fingerprint != plain.fingerprint


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_with_groups_it_comes_from_the_first(share: float) -> None:
    groups = (np.arange(N) // 2) % 4
    shifted = task(wb.HoldoutPerGroup(4, holdout_shift=share), groups).split(0).holdout
    counts = np.bincount(groups[shifted], minlength=4)
    assert counts.sum() == 32
    assert np.bincount(LABELS[shifted]).tolist() == [16, 16]
    assert counts.tolist() == ([32, 0, 0, 0] if share == 1 else [20, 4, 4, 4])


def test_too_few_on_the_one_side_is_said() -> None:
    groups = np.where(np.arange(N) < N - 4, 1, 0)
    with pytest.raises(BadData, match=r"class 0 has \d examples on the one side .* for 10"):
        task(wb.HoldoutPerClass(10, holdout_shift=1.0), groups).split(0)
    with pytest.raises(UnknownParameter):
        wb.HoldoutTotal(10, holdout_shift=1.1)


def test_every_task_takes_it() -> None:
    shifted = wb.make_task("digits-uniform-flip-v0[clean=10,holdout_shift=1.0]").split(0)
    assert len(shifted.holdout) == 100
    grouped = wb.make_task("adult-groups-v0[holdout_shift=1.0]")
    assert grouped.data.groups is not None
    assert (grouped.data.groups[grouped.split(0).holdout] == 0).all()
