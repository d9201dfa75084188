"""Splits: disjoint roles, the same for every weighter, sized as asked."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import weightbench as wb
from weightbench.errors import BadData, BadSpec, UnknownParameter
from weightbench.registry import TASKS


@pytest.fixture(params=[name for name in TASKS.names() if name.split("-")[0] in
                        ("digits", "digits49", "breast")])  # fmt: skip
def embedded(request: pytest.FixtureRequest) -> wb.Task:
    """Every task whose data comes with its packages."""
    return wb.make_task(request.param)


def test_roles_are_disjoint_and_inside_the_data(embedded: wb.Task) -> None:
    splits = embedded.split(3)
    parts = [splits.train, splits.holdout, splits.select, splits.test]
    together = np.concatenate(parts)
    assert len(np.unique(together)) == len(together)
    assert together.min() >= 0
    assert together.max() < len(embedded.data.labels)
    assert len(splits.select) == embedded.select
    assert len(splits.test) == embedded.test


def test_the_holdout_has_every_class(embedded: wb.Task) -> None:
    splits = embedded.split(0)
    counts = np.bincount(embedded.data.labels[splits.holdout], minlength=embedded.data.num_classes)
    assert (counts == embedded.parameters()["clean"]).all()


def test_seeds_differ_and_repeat(embedded: wb.Task) -> None:
    one, again, other = embedded.split(0), embedded.split(0), embedded.split(1)
    assert one.sha256 == again.sha256 != other.sha256
    assert one.corrupted.sha256 == again.corrupted.sha256 != other.corrupted.sha256


def test_the_anchor_gap_can_exist(embedded: wb.Task) -> None:
    """A task corrupts something: wrong labels, or a class made rare."""
    if "-clean-" in embedded.name:
        assert embedded.split(0).corrupted.rate == 0
        return
    splits = embedded.split(0)
    shares = np.bincount(splits.given, minlength=embedded.data.num_classes) / len(splits.given)
    assert splits.corrupted.rate > 0.2 or shares.min() < 0.05


def test_initial_parameters_depend_on_the_seed_alone(tiny: wb.Task) -> None:
    torch.manual_seed(1)
    one = tiny.build_model(0).state_dict()
    torch.manual_seed(2)
    two, other = tiny.build_model(0).state_dict(), tiny.build_model(1).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_a_definition_has_a_fingerprint(tiny: wb.Task) -> None:
    same = dataclasses.replace(tiny)
    longer = dataclasses.replace(tiny, recipe=dataclasses.replace(tiny.recipe, steps=21))
    assert same.fingerprint == tiny.fingerprint != longer.fingerprint


def test_parameters_go_to_the_part_that_owns_them(tiny: wb.Task) -> None:
    task = tiny.with_params(wb.parse_spec("x[noise=0.1,clean=2,steps=5,lr=1]"))
    assert task.corruption == dataclasses.replace(tiny.corruption, noise=0.1)  # type: ignore[type-var]
    assert task.holdout.clean == 2
    assert (task.recipe.steps, task.recipe.lr) == (5, 1.0)


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ("noise=1.5", UnknownParameter),
        ("steps=0", BadSpec),
        ("lr=-1", BadSpec),
        ("wibble=1", UnknownParameter),
        ("milestones=1", UnknownParameter),
    ],
)
def test_parameters_that_make_no_task_are_refused(
    tiny: wb.Task, params: str, error: type[BadSpec]
) -> None:
    with pytest.raises(error):
        tiny.with_params(wb.parse_spec(f"x[{params}]"))


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"select": 10**6}, "cannot draw 1000000"),
        ({"test": 10**6}, "cannot draw 1000000"),
        ({"holdout": wb.HoldoutPerClass(10**6)}, "clean=1000000"),
        ({"holdout": wb.HoldoutTotal(10**6)}, "cannot draw"),
    ],
)
def test_a_data_set_that_is_too_small_is_named(
    tiny: wb.Task, change: dict[str, object], hint: str
) -> None:
    with pytest.raises(BadData, match=hint):
        dataclasses.replace(tiny, **change).split(0)  # type: ignore[arg-type]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(20, 60))
def test_a_stratified_holdout_has_the_shares_of_the_data(seed: int, clean: int) -> None:
    labels = np.repeat([0, 1], [300, 100])
    data = wb.DataSet("mine", np.zeros((400, 1), np.float32), labels, 2)
    task = wb.Task(
        name="mine", dataset=data, corruption=wb.UniformFlip(0.1), holdout=wb.HoldoutTotal(clean),
        select=40, test=100, model=lambda d: torch.nn.Linear(1, 2),
    )  # fmt: skip
    splits = task.split(seed)
    assert len(splits.holdout) == clean
    assert abs(labels[splits.holdout].mean() - 0.25) < 0.05


def test_a_published_test_split_stays_whole() -> None:
    labels = np.tile([0, 1], 50)
    published = np.arange(60, 100)
    data = wb.DataSet("mine", np.zeros((100, 1), np.float32), labels, 2, test=published)
    task = wb.Task(
        name="mine", dataset=data, corruption=wb.UniformFlip(0.1), holdout=wb.HoldoutPerClass(2),
        select=10, model=lambda d: torch.nn.Linear(1, 2),
    )  # fmt: skip
    assert (task.split(0).test == published).all()


def test_reset_leads_on_to_start_and_says_so(tiny: wb.Task) -> None:
    with pytest.warns(
        DeprecationWarning, match=r"task\.reset\(seed\) will be removed .* weightbench\.start"
    ):
        run = tiny.reset(seed=3)
    assert isinstance(run, wb.Trainer)
    assert run.setting.seed == 3
    assert torch.equal(run.labels, wb.start(tiny, 3).labels)
