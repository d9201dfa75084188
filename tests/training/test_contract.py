"""What a weighter is handed has the names of docs/write-a-weighter.md, and leads nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import weightbench as wb
from weightbench.errors import HiddenData, Misuse
from weightbench.training.run import Batch, Run

PAGE = (Path(__file__).parents[2] / "docs" / "write-a-weighter.md").read_text()


def names_in(title: str) -> set[str]:
    """Names in the first column of the table under a title, without their arguments."""
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`(\w+)[^`]*`", cell)}


def public(thing: object) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


class Handed(wb.Weighter):
    """Keeps what every hook is handed."""

    def __init__(self) -> None:
        self.runs: list[wb.Run] = []
        self.seen: list[wb.Batch] = []

    def begin(self, run: wb.Run) -> None:
        self.runs.append(run)

    def batches(self, run: wb.Run) -> Iterator[wb.Batch]:
        self.runs.append(run)
        yield from run.epochs(run.recipe.batch_size)

    def end_epoch(self, run: wb.Run) -> None:
        self.runs.append(run)

    def finish(self, run: wb.Run) -> nn.Module:
        self.runs.append(run)
        return run.model

    def weigh(self, batch: wb.Batch) -> Tensor:
        self.seen += [batch, batch.clean(), batch.run.batch(batch.index), batch.run.clean_batch(2)]
        self.runs.append(batch.run)
        return torch.full((len(batch),), 1 / len(batch))


@pytest.fixture
def handed(tiny: wb.Task) -> Handed:
    weighter = Handed()
    wb.start(tiny, 0, weighter).train()
    return weighter


def test_every_hook_is_handed_the_contract_alone(handed: Handed) -> None:
    assert {type(run) for run in handed.runs} == {Run}
    assert len({id(run) for run in handed.runs}) == 1
    assert all(isinstance(batch, Batch) for batch in handed.seen)


def test_a_run_has_the_documented_names_and_no_others(handed: Handed) -> None:
    assert public(handed.runs[0]) == names_in("What a run offers")


def test_a_batch_has_the_documented_names_and_no_others(handed: Handed) -> None:
    for batch in handed.seen:
        assert public(batch) == names_in("What a batch offers")


def ours(thing: object) -> bool:
    return type(thing).__module__.startswith("weightbench")


def led_to(thing: Any) -> Iterator[Any]:
    """What of weightbench's the public attributes of ``thing`` lead to, it included."""
    waiting, seen = [thing], set()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or not ours(thing):
            continue
        seen.add(id(thing))
        yield thing
        for name in public(thing):
            try:
                value = getattr(thing, name)
            except HiddenData:
                continue
            waiting += value if isinstance(value, list | tuple) else [value]


def test_no_chain_of_public_names_leads_beyond_it(handed: Handed) -> None:
    run, batch = handed.runs[0], handed.seen[0]
    found = {type(thing) for thing in (*led_to(run), *led_to(batch), *led_to(run.epochs(3)))}
    assert {cls for cls in found if not issubclass(cls, Batch)} == {Run, wb.Recipe}
    assert not public(run.epochs(3))  # a generator would show its frame


def test_nothing_can_be_hung_on_it_or_set(handed: Handed) -> None:
    run: Any = handed.runs[0]
    for name in public(run):
        with pytest.raises(AttributeError):
            setattr(run, name, None)
    with pytest.raises(AttributeError):
        run.mine = 1


def test_a_trainer_answers_all_that_a_run_offers(tiny: wb.Task) -> None:
    """But for what a run makes by itself; a trainer's ``optimizer`` is its own."""
    assert public(Run) - {"build"} <= public(wb.start(tiny, 0))


def test_true_labels_are_refused_through_it(handed: Handed) -> None:
    with pytest.raises(HiddenData, match="privileged = True"):
        _ = handed.runs[0].true_labels


def test_the_selected_network_is_for_finish_alone(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0)
    with pytest.raises(HiddenData, match="after the last step"):
        run.run.selected_model()


def test_granted_steps_are_the_tasks_whatever_the_recipe(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0, wb.make_weighter("uniform+es")).run
    assert run.granted_steps == tiny.recipe.steps
    assert run.recipe.steps < run.granted_steps


def test_a_side_training_needs_a_weighter(tiny: wb.Task) -> None:
    class LooksLikeOne:
        def weigh(self, batch: wb.Batch) -> Tensor:
            return batch.losses

    with pytest.raises(Misuse, match="needs a Weighter; this is a LooksLikeOne"):
        wb.start(tiny, 0).run.fork(LooksLikeOne(), "side")


def test_a_run_is_one_and_the_same_and_keeps_its_trainer_alive(tiny: wb.Task) -> None:
    batch = next(iter(wb.start(tiny, 0)))
    assert batch.run is batch.run
    assert batch.run.steps_taken == 0
    assert batch.logits.shape == (len(batch), batch.run.num_classes)
