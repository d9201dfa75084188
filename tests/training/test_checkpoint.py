"""A training that was stopped and went on ends with the bits of one that was not."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import weightbench as wb
from tests.shell import TINY
from weightbench.errors import Misuse
from weightbench.evaluation.trial import plan, run_trial
from weightbench.training.best_on_select import BestOnSelect
from weightbench.training.checkpoint import Checkpoint, _digest
from weightbench.training.state import TrainingState
from weightbench.training.trainer import Stepper, eager
from weightbench.training.weight_log import WeightLog


class StopAt(Checkpoint):
    """Saves after every step, and pulls the plug after one of them."""

    def __init__(self, path: Path, step: int) -> None:
        super().__init__(path, seconds=0)
        self.step = step

    def after_step(self, training: TrainingState, batch: wb.Batch, weights: Tensor) -> None:
        super().after_step(training, batch, weights)
        if training.steps_taken == self.step:
            raise KeyboardInterrupt


def saved(
    task: wb.Task, weighter: wb.Weighter, checkpoint: Checkpoint, stepper: Stepper = eager
) -> wb.Trainer:
    """A run of seed 3 with everybody who looks on at a trial."""
    watchers = [WeightLog(), BestOnSelect(), checkpoint]
    return wb.start(task, 3, weighter, watchers=watchers, stepper=stepper)


def trained(task: wb.Task, weighter: str, checkpoint: Checkpoint | None = None) -> wb.Trainer:
    made = wb.make_weighter(weighter)
    run = wb.start(task, 3, made) if checkpoint is None else saved(task, made, checkpoint)
    run.train()
    return run


def dropping_out(data: wb.DataSet) -> torch.nn.Module:
    """A network whose layers draw from torch's global stream."""
    return torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(data.inputs[0].size, 16),
        torch.nn.Dropout(0.5),
        torch.nn.Linear(16, data.num_classes),
    )


def test_dropout_does_not_depend_on_what_ran_before(tiny: wb.Task) -> None:
    tiny = dataclasses.replace(tiny, model=dropping_out)
    torch.manual_seed(1)
    one = trained(tiny, "l2rw-auto")
    torch.manual_seed(2)
    before = torch.get_rng_state()
    other = trained(tiny, "l2rw-auto")
    assert torch.equal(torch.get_rng_state(), before)
    for a, b in zip(one.finish().parameters(), other.finish().parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("weighter", ["uniform", "random", "resample", "clean-only", "l2rw+es+ft"])
def test_going_on_changes_no_bit(tiny: wb.Task, weighter: str, tmp_path: Path) -> None:
    recipe = dataclasses.replace(tiny.recipe, clean_batch=5)  # less than the hold-out: shuffled
    tiny = dataclasses.replace(tiny, recipe=recipe, model=dropping_out)
    whole = trained(tiny, weighter)
    path = tmp_path / "unfinished" / "a.pt"
    steps = whole.recipe.steps
    for stop in (1, steps // 2, steps - 1):
        with pytest.raises(KeyboardInterrupt):
            trained(tiny, weighter, StopAt(path, stop))
    pieces = trained(tiny, weighter, Checkpoint(path))
    assert pieces.steps_taken == steps
    assert pieces.select_accuracy == whole.select_accuracy
    assert pieces.used_holdout == whole.used_holdout
    assert pieces.phases["train"] > 0
    for one, other in zip(
        whole.finish().parameters(), pieces.finish().parameters(), strict=True
    ):  # fmt: skip
        assert torch.equal(one, other)
    assert torch.equal(
        whole.test_predictions(selected=True), pieces.test_predictions(selected=True)
    )  # fmt: skip


class TrainedLoss(wb.Weighter):
    """A parameter of the loss, as the S-model has one."""

    def begin(self, run: wb.Run) -> None:
        self.scale = torch.nn.Parameter(torch.ones(()))

    def parameters(self) -> list[torch.nn.Parameter]:
        return [self.scale]

    def losses(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return super().losses(logits * self.scale, labels)

    def weigh(self, batch: wb.Batch) -> torch.Tensor:
        return torch.full((len(batch),), 1 / len(batch))


def test_a_parameter_of_the_loss_goes_on_being_trained(tiny: wb.Task, tmp_path: Path) -> None:
    whole, parts = TrainedLoss(), TrainedLoss()
    wb.start(tiny, 3, weighter=whole).train()
    with pytest.raises(KeyboardInterrupt):
        saved(tiny, TrainedLoss(), StopAt(tmp_path / "a.pt", 5)).train()
    saved(tiny, parts, Checkpoint(tmp_path / "a.pt")).train()
    assert torch.equal(whole.scale, parts.scale)
    assert whole.scale != 1


def test_a_half_written_state_means_from_the_beginning(tiny: wb.Task, tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    with pytest.raises(KeyboardInterrupt):
        trained(tiny, "uniform", StopAt(path, 5))
    path.write_bytes(path.read_bytes()[:1000])
    assert trained(tiny, "uniform", Checkpoint(path)).score() == trained(tiny, "uniform").score()


def test_seconds_of_all_pieces_count(tiny: wb.Task, tmp_path: Path) -> None:
    class Slow(Checkpoint):
        """Takes a while for every step."""

        def after_step(self, training: TrainingState, batch: wb.Batch, weights: Tensor) -> None:
            time.sleep(0.01)
            super().after_step(training, batch, weights)
            if training.steps_taken == stop:
                raise KeyboardInterrupt

    path, stop = tmp_path / "a.pt", 19
    with pytest.raises(KeyboardInterrupt):
        trained(tiny, "uniform", Slow(path, seconds=0))
    stop = 0
    assert trained(tiny, "uniform", Slow(path, seconds=0)).phases["train"] > 0.19


@pytest.mark.parametrize("place", [0.0, 0.01, 0.3, 0.6, 0.99])
def test_flipped_bits_are_never_gone_on_from(tiny: wb.Task, place: float, tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    with pytest.raises(KeyboardInterrupt):
        trained(tiny, "uniform", StopAt(path, 5))
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    run = trained(tiny, "uniform", Checkpoint(path))
    whole = trained(tiny, "uniform")
    assert torch.equal(run.test_predictions(), whole.test_predictions())
    assert run.select_accuracy == whole.select_accuracy


class Everything(wb.Weighter):
    """Has a part in all that is kept: a stream, both orders, a parameter, side trainings."""

    normalized = False

    def begin(self, run: wb.Run) -> None:
        self.scale = torch.nn.Parameter(torch.ones(()))
        self.total = torch.zeros(len(run.labels))
        self.epochs = torch.zeros(())

    def parameters(self) -> list[torch.nn.Parameter]:
        return [self.scale]

    def losses(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return super().losses(logits * self.scale, labels)

    def weigh(self, batch: wb.Batch) -> torch.Tensor:
        run = batch.run
        if batch.step == 4:  # before most stops, so that it is told from the file alone
            run.fork(wb.make_weighter("uniform"), "side", steps=3)
        if batch.step < 6:
            self.total[run.clean_batch().index] += 1
        self.total[batch.index] += 1
        drawn = torch.rand(len(batch), generator=run.generator)
        weights = (drawn + self.total[batch.index] + self.epochs).detach()
        return weights / weights.sum() * (1 + batch.step % 3) / 2

    def end_epoch(self, run: wb.Run) -> None:
        self.epochs += 1


@dataclasses.dataclass(frozen=True)
class Left:
    """All that a training leaves behind."""

    model: dict[str, torch.Tensor]
    scale: torch.Tensor
    total: torch.Tensor
    epochs: torch.Tensor
    last: torch.Tensor
    selected: torch.Tensor
    curve: list[tuple[int, float]]
    steps: tuple[int, float | None, float]
    used_holdout: bool
    weights: list[list[float]]
    drawn: torch.Tensor
    clean: torch.Tensor
    order: torch.Tensor


def left(run: wb.Trainer, log: WeightLog, weighter: Everything) -> Left:
    weights = [[w for w in epoch.weight.tolist() if w == w] for epoch in log.epochs()]
    return Left(
        run.model.state_dict(), weighter.scale.detach(), weighter.total, weighter.epochs,
        run.test_predictions(), run.test_predictions(selected=True), run.select_accuracy,
        (run.steps_taken, run.step_work, run.side_work), run.used_holdout,
        weights, torch.rand(3, generator=run.generator), run.clean_batch().index,
        next(run.epochs(run.recipe.batch_size)).index,
    )  # fmt: skip


@pytest.mark.parametrize("stop", [1, 2, 5, 6, 7, 8, 13, 14, 19])
def test_all_that_a_training_leaves_is_the_same_bit_for_bit(
    tiny: wb.Task, stop: int, tmp_path: Path
) -> None:
    """Its curve, its best network, its log of weights, its streams and what it has yet to draw.

    Stopped before, at and after ends of epochs and a side training; gone on from in another run,
    which knows nothing of the first but its file.
    """
    recipe = dataclasses.replace(tiny.recipe, clean_batch=5)
    tiny = dataclasses.replace(tiny, recipe=recipe, model=dropping_out)

    def trained_by(checkpoint: Checkpoint | None) -> Left:
        weighter, log = Everything(), WeightLog()
        lookers_on = [log, BestOnSelect(), *([checkpoint] if checkpoint else [])]
        run = wb.start(tiny, 3, weighter, watchers=lookers_on)
        run.train()
        return left(run, log, weighter)

    whole = trained_by(None)
    with pytest.raises(KeyboardInterrupt):
        trained_by(StopAt(tmp_path / "a.pt", stop))
    again = trained_by(Checkpoint(tmp_path / "a.pt"))
    for field in dataclasses.fields(Left):
        one, other = getattr(whole, field.name), getattr(again, field.name)
        if isinstance(one, dict):
            assert all(torch.equal(one[name], other[name]) for name in one), field.name
        elif isinstance(one, torch.Tensor):
            assert torch.equal(one, other), field.name
        else:
            assert one == other, field.name
    assert whole.steps == (20, 1, 3)
    assert whole.used_holdout
    assert len(whole.weights) == 2


def test_a_file_is_written_only_when_the_last_saving_is_long_ago(
    tiny: wb.Task, tmp_path: Path
) -> None:
    path = tmp_path / "a.pt"
    trained(tiny, "uniform", Checkpoint(path, seconds=1000))
    assert not path.exists()
    trained(tiny, "uniform", Checkpoint(path, seconds=0))
    assert path.exists()


# ---- states that do not fit ----------------------------------------------------------------------


def forge(path: Path, edit: Callable[[Any], object]) -> None:
    """Change a state that was saved, and its checksum with it."""
    made = torch.load(io.BytesIO(path.read_bytes()[32:]), weights_only=True)
    made = edit(made) or made
    content = io.BytesIO()
    torch.save(made, content)
    path.write_bytes(_digest(content.getvalue()) + content.getvalue())


def stopped(task: wb.Task, path: Path, weighter: str = "uniform") -> Path:
    with pytest.raises(KeyboardInterrupt):
        trained(task, weighter, StopAt(path, 5))
    return path


def _of_nothing(made: Any) -> object:
    return {"of": made["of"]}


def _a_list(made: Any) -> object:
    return [1, 2]


def _of_another_seed(made: Any) -> None:
    made["of"][1] += 1


def _of_another_task(made: Any) -> None:
    made["of"][0] = "tiny[noise=0.4]"


def _of_another_weighter(made: Any) -> None:
    made["of"][2] = "random"


def _of_another_engine(made: Any) -> None:
    made["of"][-1] += 1


def _after_the_last_step(made: Any) -> None:
    made["state"]["steps_taken"] = 21


def _before_the_first_step(made: Any) -> None:
    made["state"]["steps_taken"] = -1


def _steps_of_text(made: Any) -> None:
    made["state"]["steps_taken"] = "5"


def _without_its_streams(made: Any) -> None:
    del made["state"]["generator"]


def _with_more(made: Any) -> None:
    made["state"]["more"] = 1


def _of_a_wider_network(made: Any) -> None:
    made["state"]["model"]["0.weight"] = torch.zeros(17, 2)


def _of_a_network_of_other_names(made: Any) -> None:
    made["state"]["model"]["9.weight"] = torch.zeros(1)


SEEN_AT_ONCE = [
    _of_nothing, _a_list, _of_another_seed, _of_another_task, _of_another_weighter,
    _of_another_engine, _after_the_last_step, _before_the_first_step, _steps_of_text,
    _without_its_streams, _with_more, _of_a_wider_network, _of_a_network_of_other_names,
]  # fmt: skip


@pytest.mark.parametrize("edit", SEEN_AT_ONCE)
def test_a_state_of_another_training_is_set_aside_and_the_training_starts(
    tiny: wb.Task, tmp_path: Path, edit: Callable[[Any], object]
) -> None:
    path = stopped(tiny, tmp_path / "a.pt")
    forge(path, edit)
    forged = path.read_bytes()
    run, whole = trained(tiny, "uniform", Checkpoint(path)), trained(tiny, "uniform")
    assert torch.equal(run.test_predictions(), whole.test_predictions())
    assert run.select_accuracy == whole.select_accuracy
    assert not path.exists()
    assert (tmp_path / "a.pt.unfit").read_bytes() == forged


def _a_folder(path: Path) -> None:
    path.unlink()
    (path / "deeper").mkdir(parents=True)


def _a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _the_former_format(path: Path) -> None:
    content = path.read_bytes()[32:]
    path.write_bytes(hashlib.sha256(b"2" + content).digest() + content)


@pytest.mark.parametrize("make", [_a_folder, _a_pipe, _a_link, _the_former_format])
def test_no_state_at_all_is_set_aside(
    tiny: wb.Task, tmp_path: Path, make: Callable[[Path], object]
) -> None:
    path = stopped(tiny, tmp_path / "a.pt")
    make(path)
    with pytest.raises(KeyboardInterrupt):
        trained(tiny, "uniform", StopAt(path, 7))
    run, whole = trained(tiny, "uniform", Checkpoint(path)), trained(tiny, "uniform")
    assert torch.equal(run.test_predictions(), whole.test_predictions())
    assert os.path.lexists(tmp_path / "a.pt.unfit")


def _no_orders(made: Any) -> None:
    made["state"]["sampler"] = {"passes": {}, "orders": 3}


def _a_stream_of_noise(made: Any) -> None:
    made["state"]["generator"] = torch.zeros(3, dtype=torch.uint8)


def _fewer_watchers(made: Any) -> None:
    made["state"]["watchers"] = []


def _a_network_of_nothing_is_best(made: Any) -> None:
    made["state"]["watchers"][1] = {"curve": [(1, 1.0)], "best": {"0.weight": torch.zeros(1)}}


def _a_curve_of_text(made: Any) -> None:
    made["state"]["watchers"][1]["curve"] = "curve"


def _a_log_of_text(made: Any) -> None:
    made["state"]["watchers"][0]["done"] = "log"


def _a_network_that_diverged(made: Any) -> None:
    made["state"]["model"]["0.weight"].fill_(float("nan"))


def _an_optimizer_of_others(made: Any) -> None:
    made["state"]["optimizer"]["param_groups"] = []


SEEN_LATE = [
    _no_orders, _a_stream_of_noise, _fewer_watchers, _a_network_of_nothing_is_best,
    _a_curve_of_text, _a_log_of_text, _a_network_that_diverged, _an_optimizer_of_others,
]  # fmt: skip


@pytest.mark.parametrize("edit", SEEN_LATE)
def test_a_trial_that_fails_with_its_state_starts_again_without(
    tmp_path: Path, edit: Callable[[Any], object]
) -> None:
    """Whatever was wrong with it, and whenever that comes out."""
    (trial,) = plan([TINY], ["uniform"], [3], "cpu")
    path = tmp_path / f"{trial.key}.pt"
    stopped(wb.make_task(TINY), path)
    forge(path, edit)
    outcome, whole = run_trial(trial, tmp_path), run_trial(trial)
    assert outcome.record.status == "ok", outcome.record.reason
    assert outcome.record.training is not None
    assert whole.record.training is not None
    assert outcome.record.training.predictions == whole.record.training.predictions
    assert outcome.record.training.select_curve == whole.record.training.select_curve
    assert [file.name for file in tmp_path.iterdir()] == [f"{path.name}.unfit"]


def test_a_state_that_was_taken_up_in_part_ends_the_training_once(
    tiny: wb.Task, tmp_path: Path
) -> None:
    path = stopped(tiny, tmp_path / "a.pt")
    forge(path, _fewer_watchers)
    with pytest.raises(Misuse, match="was set aside; start it again"):
        trained(tiny, "uniform", Checkpoint(path))
    whole = trained(tiny, "uniform")
    again = trained(tiny, "uniform", Checkpoint(path))
    assert torch.equal(again.test_predictions(), whole.test_predictions())
