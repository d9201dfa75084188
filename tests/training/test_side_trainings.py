"""What a side training sees and costs is seen and paid for by the run that owns it."""

from __future__ import annotations

import dataclasses
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

import weightbench as wb
from weightbench.training.run import Run

Set = Literal["train", "holdout"]


def uniform(batch: wb.Batch) -> Tensor:
    return torch.full((len(batch),), 1 / len(batch))


class Chooses(wb.Weighter):
    """Judges the network that did best on the select split."""

    def weigh(self, batch: wb.Batch) -> Tensor:
        return uniform(batch)

    def finish(self, run: Run) -> nn.Module:
        return run.selected_model()


class Nests(wb.Weighter):
    """A side training that has another."""

    def __init__(self, inner: str = "uniform") -> None:
        self.inner = inner

    def begin(self, run: Run) -> None:
        run.fork(wb.make_weighter(self.inner), "inner", steps=3)

    def weigh(self, batch: wb.Batch) -> Tensor:
        return uniform(batch)


@pytest.mark.parametrize(
    ("weighter", "on", "used"),
    [
        (wb.make_weighter("uniform"), "train", False),
        (wb.make_weighter("uniform"), "holdout", True),
        (wb.make_weighter("l2rw"), "train", True),
        (wb.make_weighter("clean-only"), "train", True),
        (wb.make_weighter("uniform+ft"), "train", True),
        (Chooses(), "train", True),
        (Nests(), "train", False),
        (Nests("l2rw"), "train", True),
    ],
    ids=[
        "plain",
        "on the hold-out",
        "l2rw",
        "clean-only",
        "ft",
        "choosing",
        "nested",
        "nested l2rw",
    ],
)
def test_clean_data_that_a_side_training_used_was_used(
    tiny: wb.Task, weighter: wb.Weighter, on: Set, used: bool
) -> None:
    run = wb.start(tiny, 0)
    assert not run.used_holdout
    run.fork(weighter, "side", on=on, steps=4)
    assert run.used_holdout == used


def test_what_was_used_stays_used(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0)
    run.fork(wb.make_weighter("l2rw"), "one", steps=2)
    run.fork(wb.make_weighter("uniform"), "two", steps=2)
    assert run.used_holdout


def test_steps_of_side_trainings_of_side_trainings_count(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0)
    run.fork(Nests(), "one", steps=4)
    assert run.side_work == pytest.approx(4 + 3)
    run.fork(wb.make_weighter("uniform"), "two")
    assert run.side_work == pytest.approx(4 + 3 + tiny.recipe.steps)


def test_a_side_training_goes_on_from_the_network_it_is_given_and_else_from_its_own(
    tiny: wb.Task,
) -> None:
    run, again = wb.start(tiny, 0), wb.start(tiny, 0)
    assert run.fork(wb.make_weighter("uniform"), "a", steps=2, model=run.model) is run.model
    one = run.fork(wb.make_weighter("uniform"), "side", steps=2)
    other = again.fork(wb.make_weighter("uniform"), "side", steps=2)
    third = again.fork(wb.make_weighter("uniform"), "another", steps=2)
    values = [torch.cat([p.flatten() for p in m.parameters()]) for m in (one, other, third)]
    assert torch.equal(values[0], values[1])
    assert not torch.equal(values[0], values[2])
    assert not any(module.training for module in one.modules())


def test_true_labels_of_a_side_training_are_those_of_the_set_it_is_on(tiny: wb.Task) -> None:
    """So a privileged one on the training set finds the wrong ones, and none in the hold-out."""
    seen: list[tuple[Tensor, Tensor]] = []

    class Looks(wb.Weighter):
        privileged = True

        def begin(self, run: Run) -> None:
            seen.append((run.true_labels, run.labels))

        def weigh(self, batch: wb.Batch) -> Tensor:
            return uniform(batch)

    run = wb.start(tiny, 0, weighter=Looks())
    run.fork(Looks(), "train", steps=1)
    run.fork(Looks(), "holdout", on="holdout", steps=1)
    splits = tiny.split(0)
    on_train, on_holdout = seen
    assert on_train[0].tolist() == tiny.data.labels[splits.train].tolist()
    assert on_train[1].tolist() == splits.given.tolist()
    assert on_holdout[0].tolist() == on_holdout[1].tolist()
    assert on_holdout[0].tolist() == tiny.data.labels[splits.holdout].tolist()


def test_the_schedule_of_a_side_training_is_that_of_its_owner(tiny: wb.Task) -> None:
    recipes = []

    class Notes(wb.Weighter):
        def begin(self, run: Run) -> None:
            recipes.append(run.recipe)

        def weigh(self, batch: wb.Batch) -> Tensor:
            return uniform(batch)

    run = wb.start(tiny, 0)
    run.fork(Notes(), "short", steps=5)
    run.fork(Notes(), "whole")
    assert recipes == [dataclasses.replace(tiny.recipe, steps=5), tiny.recipe]
