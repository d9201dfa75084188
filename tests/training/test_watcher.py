"""Who looks on sees every step and every epoch, and moves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import weightbench as wb
from tests.training.test_checkpoint import StopAt, saved, trained
from weightbench.training.checkpoint import Checkpoint
from weightbench.training.state import TrainingState
from weightbench.training.watcher import Watcher


class Notes(Watcher):
    """Writes down what it is told."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name, self.notes = name, notes

    def begin(self, training: TrainingState) -> None:
        self.notes.append(f"{self.name} begin {training.steps_taken}")

    def after_step(self, training: TrainingState, batch: wb.Batch, weights: Tensor) -> None:
        assert weights.shape == batch.labels.shape
        self.notes.append(f"{self.name} step {training.steps_taken}")

    def after_epoch(self, training: TrainingState) -> None:
        self.notes.append(f"{self.name} epoch {training.steps_taken}")


def test_each_is_called_in_order(tiny: wb.Task) -> None:
    notes: list[str] = []
    watchers = [Notes("a", notes), Notes("b", notes)]
    run = wb.start(tiny, 0, wb.make_weighter("uniform"), watchers=watchers)
    run.train()
    expected = ["a begin 0", "b begin 0"]
    for step in range(1, run.recipe.steps + 1):
        ends = step % run.epoch_steps == 0
        for name in "ab":
            expected += [f"{name} step {step}", *([f"{name} epoch {step}"] if ends else [])]
    assert notes == expected
    assert run.epoch_steps < run.recipe.steps


def test_a_fork_has_none_and_no_look_at_the_select_split(tiny: wb.Task) -> None:
    notes: list[str] = []
    run = wb.start(tiny, 0, watchers=[Notes("a", notes)])
    run.fork(wb.make_weighter("uniform"), "side")
    assert notes == []
    assert run.select_accuracy == []


@pytest.mark.parametrize("weighter", ["uniform", "l2rw-auto", "mentornet"])
def test_looking_on_moves_no_bit(tiny: wb.Task, weighter: str) -> None:
    watched = wb.start(tiny, 0, wb.make_weighter(weighter))
    alone = wb.start(tiny, 0, wb.make_weighter(weighter), watchers=())
    for one, other in zip(watched.train().parameters(), alone.train().parameters(), strict=True):
        assert torch.equal(one, other)
    assert watched.select_accuracy
    assert alone.select_accuracy == []


def test_unwatched_the_selected_network_is_the_last(tiny: wb.Task) -> None:
    run = wb.start(tiny, 0, wb.make_weighter("uniform"), watchers=())
    run.train()
    assert torch.equal(run.test_predictions(selected=True), run.test_predictions())


def test_a_state_of_another_form_is_not_gone_on_from(
    tiny: wb.Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.pt"
    monkeypatch.setattr("weightbench.training.checkpoint._FORMAT", b"1")
    with pytest.raises(KeyboardInterrupt):
        trained(tiny, "uniform", StopAt(path, 5))
    monkeypatch.undo()
    run = saved(tiny, wb.make_weighter("uniform"), Checkpoint(path))
    next(iter(run))
    assert run.steps_taken == 0
