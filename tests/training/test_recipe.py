"""The schedule: which optimiser, and which learning rate at which step."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch

import weightbench as wb
from tests.training.test_checkpoint import StopAt, saved
from weightbench.errors import BadSpec, OverBudget
from weightbench.training.checkpoint import Checkpoint
from weightbench.training.replay import Replay


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("optimizer", "adam", "optimizer=adam: expected sgd or adamw"),
        ("schedule", "steps", "schedule=steps: expected step, linear or cosine"),
        ("bf16", "yes", "bf16=yes: expected never, gpu or always"),
        ("steps", 0, "steps=0: must be above 0"),
        ("warmup", 1.0, "warmup=1.0: a share of the steps"),
        ("warmup", -0.1, "warmup=-0.1: a share of the steps"),
        ("warmup", math.nan, "warmup=nan: a share of the steps"),
    ],
)
def test_what_trains_nothing_is_refused(field: str, value: object, says: str) -> None:
    with pytest.raises(BadSpec, match=says):
        wb.Recipe(**{field: value})  # type: ignore[arg-type]


def test_adamw_takes_no_momentum_of_1() -> None:
    assert wb.Recipe(momentum=1.0).momentum == 1
    with pytest.raises(BadSpec, match="adamw needs one from 0 to below 1"):
        wb.Recipe(momentum=1.0, optimizer="adamw")


@pytest.mark.parametrize("other", [{"optimizer": "adamw"}, {"momentum": 0.0}])
def test_nesterov_is_a_momentum_of_sgd(other: dict[str, object]) -> None:
    with pytest.raises(BadSpec, match="nesterov=true: it is for sgd with a momentum above 0"):
        wb.Recipe(nesterov=True, **other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [("optimizer", "adamw"), ("schedule", "cosine"), ("nesterov", True), ("warmup", 0.2)],
)
def test_all_are_everybodys(field: str, value: object) -> None:
    other = dataclasses.replace(wb.Recipe(), **{field: value})  # type: ignore[arg-type]
    with pytest.raises(OverBudget, match=f"sets {field} to {value}"):
        wb.Recipe().refuse_changes(other)


def test_they_stand_in_brackets_only_where_they_differ() -> None:
    task = wb.make_task("digits-background-flip-v0[optimizer=adamw,schedule=cosine]")
    assert (task.recipe.optimizer, task.recipe.schedule) == ("adamw", "cosine")
    assert wb.make_task("digits-background-flip-v0[nesterov=true]").recipe.nesterov
    assert wb.make_task("digits-background-flip-v0[optimizer=sgd]").name.endswith("-v0")


def rates(task: wb.Task, **recipe: object) -> list[float]:
    """The learning rate of every step."""
    changed = dataclasses.replace(task.recipe, **recipe)  # type: ignore[arg-type]
    run = wb.start(dataclasses.replace(task, recipe=changed), 0)
    found = []
    for batch in run:
        assert run.optimizer is not None
        (rate,) = {group["lr"] for group in run.optimizer.param_groups}
        found.append(rate)
        run.step(torch.full((len(batch),), 1 / len(batch)))
    return found


def test_steps_fall_at_the_milestones_by_repeated_products(tiny: wb.Task) -> None:
    found = rates(tiny, steps=20, lr=0.3, decay=0.7, milestones=(0.25, 0.5, 0.75))
    expected = [0.3] * 5 + [0.3 * 0.7] * 5 + [0.3 * 0.7 * 0.7] * 5 + [0.3 * 0.7 * 0.7 * 0.7] * 5
    assert found == expected


def test_a_milestone_at_the_start_or_twice_is_one_or_none(tiny: wb.Task) -> None:
    assert set(rates(tiny, milestones=(0.0,))) == {tiny.recipe.lr}
    assert min(rates(tiny, milestones=(0.5, 0.5))) == tiny.recipe.lr * tiny.recipe.decay


def test_linear_and_cosine_fall_to_nothing(tiny: wb.Task) -> None:
    linear, cosine = (rates(tiny, steps=8, lr=0.4, schedule=s) for s in ("linear", "cosine"))
    assert linear == pytest.approx([0.4 * (1 - k / 8) for k in range(8)])
    assert cosine == pytest.approx([0.2 * (1 + math.cos(math.pi * k / 8)) for k in range(8)])
    recipe = wb.Recipe(steps=8, lr=0.4)
    for schedule in ("linear", "cosine"):
        ended = dataclasses.replace(recipe, schedule=schedule).rate_at(8)
        assert ended == pytest.approx(0, abs=1e-12)


def test_a_warm_up_comes_before_every_schedule(tiny: wb.Task) -> None:
    rising = [0.1, 0.2, 0.3, 0.4]
    falling = {
        "linear": [0.4, 0.3, 0.2, 0.1],
        "cosine": [0.2 * (1 + math.cos(math.pi * k / 4)) for k in range(4)],
        "step": [0.4, 0.4, 0.2, 0.2],
    }
    for schedule, rest in falling.items():
        recipe = {"warmup": 0.5, "schedule": schedule, "milestones": (0.75,), "decay": 0.5}
        assert rates(tiny, steps=8, lr=0.4, **recipe) == pytest.approx(rising + rest)


def test_a_milestone_within_the_warm_up_waits_for_its_end(tiny: wb.Task) -> None:
    found = rates(tiny, steps=8, lr=0.4, warmup=0.5, milestones=(0.25,), decay=0.5)
    assert found == pytest.approx([0.1, 0.2, 0.3, 0.4] + [0.2] * 4)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("schedule", ["step", "linear", "cosine"])
@pytest.mark.parametrize("warmup", [0.0, 0.6])
def test_going_on_changes_no_bit(
    tiny: wb.Task, optimizer: str, schedule: str, warmup: float, tmp_path: Path
) -> None:
    recipe = dataclasses.replace(
        tiny.recipe, optimizer=optimizer, schedule=schedule, lr=0.01, warmup=warmup
    )
    task = dataclasses.replace(tiny, recipe=recipe)
    whole = wb.start(task, 3, wb.make_weighter("l2rw-auto"))
    whole.train()
    path = tmp_path / "a.pt"
    with pytest.raises(KeyboardInterrupt):
        saved(task, wb.make_weighter("l2rw-auto"), StopAt(path, 13)).train()
    parts = saved(task, wb.make_weighter("l2rw-auto"), Checkpoint(path))
    parts.train()
    assert parts.select_accuracy == whole.select_accuracy
    for one, other in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("recipe", "why"),
    [
        ({"schedule": "cosine"}, "another in every step"),
        ({"warmup": 0.1}, "another in every step"),
        ({"optimizer": "adamw"}, "counts its"),
    ],
)
def test_steps_that_are_never_the_same_are_not_replayed(
    tiny: wb.Task, recipe: dict[str, object], why: str
) -> None:
    changed = dataclasses.replace(tiny.recipe, **recipe)  # type: ignore[arg-type]
    run = wb.start(dataclasses.replace(tiny, recipe=changed), 0, wb.make_weighter("uniform"))
    taker = Replay(run)
    assert taker.reason is not None
    assert why in taker.reason


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_the_check_knows_the_schedule(tiny: wb.Task, optimizer: str) -> None:
    recipe = dataclasses.replace(tiny.recipe, optimizer=optimizer, schedule="cosine", warmup=0.2)
    task = dataclasses.replace(tiny, recipe=recipe)
    run = wb.start(task, 0, wb.make_weighter("s-model"))
    run.train()
    assert run.recipe.rate_at(run.steps_taken) < 1e-9
