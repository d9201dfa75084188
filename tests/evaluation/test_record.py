"""Every field of a record, against the same training taken step by step by hand."""

from __future__ import annotations

import copy
import dataclasses
import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import weightbench as wb
from tests.shell import TINY
from weightbench.evaluation.provenance import provenance
from weightbench.evaluation.trial import Outcome, plan, run_trial
from weightbench.records.predictions import checksum
from weightbench.records.schema import Training
from weightbench.records.weights import Weights, summarise

# Learns for 6 steps, then unlearns; weights tell which example and which step they are of.
SOURCE = """
import torch
import weightbench as wb


class Spoils(wb.Weighter):
    negative, normalized = True, False

    def weigh(self, batch):
        return wb_weights(batch.index, batch.step)


class Counts(wb.Weighter):
    normalized = False

    def weigh(self, batch):
        return wb_weights(batch.index, batch.step).abs()


class Borrows(Counts):
    def begin(self, run):
        run.fork(wb.make_weighter("l2rw"), "side", steps=3)


def wb_weights(index, step):
    size = (1 + (index * 7 + step * 3) % 5).float() / 80
    return size if step < 6 else -20 * size
"""
STEPS = 20
EPOCH = 238 // 32  # steps of a pass over the training set


def weights_of(index: Tensor, step: int) -> Tensor:
    size = (1 + (index * 7 + step * 3) % 5).float() / 80
    return size if step < 6 else -20 * size


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plugin") / "mine.py"
    path.write_text(SOURCE)
    return path


def ran(spec: str, seed: int = 2, task: str = TINY) -> Outcome:
    (trial,) = plan([task], [spec], [seed], "cpu")
    return run_trial(trial)


@dataclasses.dataclass
class ByHand:
    """The networks after each look, and the accuracies on the select split."""

    last: nn.Module
    looks: dict[int, tuple[nn.Module, float]]

    @property
    def best(self) -> int:
        """The step of the first look that is as good as any."""
        return max(self.looks, key=lambda step: self.looks[step][1])


def predicted(model: nn.Module, task: wb.Task, index: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        found: np.ndarray = (
            model.eval()(torch.from_numpy(task.data.inputs[index])).argmax(1).numpy()
        )
    return found


@pytest.fixture(scope="module")
def by_hand(mine: Path) -> ByHand:
    """The training of ``Spoils`` at seed 2."""
    task = wb.make_task(TINY)
    splits = task.split(2)
    run = wb.start(task, 2, weighter=wb.make_weighter(f"{mine}:Spoils"))
    looks = {}
    for batch in run:
        run.step(weights_of(batch.index, batch.step))
        if run.steps_taken % 2 == 0:
            model, truth = copy.deepcopy(run.model), task.data.labels[splits.select]
            right = predicted(model, task, splits.select) == truth
            looks[run.steps_taken] = (model, float(right.mean()))
    return ByHand(run.model, looks)


def training_of(outcome: Outcome) -> Training:
    assert outcome.record.training is not None, outcome.record.reason
    return outcome.record.training


def test_what_is_selected_is_the_network_that_did_best_and_not_the_last(
    mine: Path, by_hand: ByHand
) -> None:
    outcome, task = ran(f"{mine}:Spoils"), wb.make_task(TINY)
    training, predictions = training_of(outcome), outcome.predictions
    test = task.split(2).test
    truth = task.data.labels[test]
    last = predicted(by_hand.last, task, test)
    best = predicted(by_hand.looks[by_hand.best][0], task, test)
    assert by_hand.best < STEPS
    assert (best != last).any(), "else nothing is told apart"
    assert predictions is not None
    np.testing.assert_array_equal(predictions["last"], last)
    np.testing.assert_array_equal(predictions["selected"], best)
    assert training.accuracy == (last == truth).mean()
    assert training.selected_accuracy == (best == truth).mean()
    assert training.accuracy < training.selected_accuracy
    assert training.predictions == checksum({"last": last, "selected": best})
    assert [step for step, _ in training.select_curve] == list(by_hand.looks)
    wanted = [accuracy for _, accuracy in by_hand.looks.values()]
    assert [accuracy for _, accuracy in training.select_curve] == pytest.approx(wanted)
    assert wanted[-1] < max(wanted)


def test_every_other_field_of_a_training(mine: Path) -> None:
    started = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    outcome, task = ran(f"{mine}:Borrows"), wb.make_task(TINY)
    record, training, splits = outcome.record, training_of(outcome), task.split(2)
    parts = {name: getattr(splits, name) for name in ("train", "holdout", "select", "test")}
    assert training.sizes == {name: len(part) for name, part in parts.items()}
    assert len(set(training.sizes.values())) == 4
    assert training.checksums == {
        "data": task.data.sha256,
        "corruption": splits.corrupted.sha256,
        "splits": splits.sha256,
    }
    truth = task.data.labels[splits.train]
    assert training.realised_noise == (splits.given != truth).mean() > 0
    assert training.chance == pytest.approx(1 / 3)
    assert training.steps == STEPS
    assert training.side_work > 0
    assert training.track == "B"
    assert training.used_holdout, "its side training did"
    assert training.peak_bytes is None
    assert set(training.phases) >= {"setup", "begin", "train", "select", "finish", "test"}
    assert all(seconds > 0 for seconds in training.phases.values())
    assert (record.status, record.reason) == ("ok", "")
    assert record.provenance == provenance("cpu")
    assert record.provenance.threads == 1
    now = datetime.datetime.now(datetime.timezone.utc)
    assert started <= datetime.datetime.fromisoformat(record.finished) <= now


def test_a_trial_is_of_what_was_asked_for(mine: Path) -> None:
    trials = plan([f"{TINY}[noise=0.2]"], [f"{mine}:Counts+es"], [3, 5], "cuda")
    task, weighter = wb.make_task(f"{TINY}[noise=0.2]"), wb.make_weighter(f"{mine}:Counts+es")
    for trial, seed in zip(trials, (3, 5), strict=True):
        assert trial.task == task.name == f"{TINY}[noise=0.2]"
        assert trial.fingerprint == task.fingerprint
        assert trial.weighter == f"{mine}:Counts+es" == str(weighter.spec)
        assert (trial.seed, trial.device, trial.privileged) == (seed, "cuda", False)
    assert plan([TINY], ["oracle"], [0], "cpu")[0].privileged
    assert plan([TINY], ["uniform"], [], "cpu") == []


def test_who_trains_on_clean_data_alone_has_no_weights_to_show() -> None:
    outcome = ran("clean-only")
    assert outcome.weights is None
    assert training_of(outcome).weights is None
    assert training_of(outcome).used_holdout


# ---- the log of weights --------------------------------------------------------------------------


def noted(epoch: int, seed: int, task: wb.Task) -> Weights:
    """The weights of ``Counts`` in one epoch, counted by hand; batches are the same for all."""
    splits = task.split(seed)
    total, seen = np.zeros(len(splits.train)), np.zeros(len(splits.train), bool)
    run = wb.start(task, seed)
    for batch in run:
        if (epoch - 1) * EPOCH <= batch.step < epoch * EPOCH:
            for i, w in zip(batch.index, weights_of(batch.index, batch.step).abs(), strict=True):
                total[i] += float(w)
                seen[i] = True
        run.step(torch.full((len(batch),), 1 / len(batch)))
    weight = np.where(seen, total / total[seen].mean(), np.nan)
    truth = task.data.labels[splits.train]
    return Weights(weight, splits.given, splits.given == truth)


def epochs_kept(whole: int) -> list[int]:
    """All of them while they are fewer than 20; then every so many, and the last in any case."""
    every = max(1, whole // 10)
    return [e for e in range(1, whole + 1) if e % every == 0 or e == whole]


@pytest.mark.parametrize("epochs", [1, 2, 3, 10, 19, 20, 23, 41])
@pytest.mark.parametrize("more", [0, 3])
def test_the_log_keeps_whole_epochs_evenly_spaced_and_the_last(
    mine: Path, epochs: int, more: int
) -> None:
    outcome = ran(f"{mine}:Counts", task=f"{TINY}[steps={EPOCH * epochs + more}]")
    assert outcome.weights is not None
    steps = [summary.step for summary in outcome.weights.history]
    assert steps == [EPOCH * epoch for epoch in epochs_kept(epochs)]
    assert len(steps) <= 20
    assert training_of(outcome).weights == outcome.weights.history[-1]


@pytest.mark.parametrize(("steps", "epoch"), [(EPOCH, 1), (STEPS, 2), (EPOCH * 3 + 6, 3)])
def test_the_weights_kept_are_sums_over_the_last_whole_epoch(
    mine: Path, steps: int, epoch: int
) -> None:
    name = f"{TINY}[steps={steps}]"
    outcome, wanted = ran(f"{mine}:Counts", task=name), noted(epoch, 2, wb.make_task(name))
    found = outcome.weights
    assert found is not None
    np.testing.assert_allclose(found.weight, wanted.weight, rtol=1e-6)
    assert np.isnan(found.weight).any(), "what is left over at the end of a pass sits out"
    np.testing.assert_array_equal(found.label, wanted.label)
    np.testing.assert_array_equal(found.clean, wanted.clean)
    summary, by_hand = found.history[-1], summarise(wanted, EPOCH * epoch)
    assert summary.step == by_hand.step
    assert summary.auroc == pytest.approx(by_hand.auroc)
    assert summary.effective == pytest.approx(by_hand.effective)
    assert summary.zero == by_hand.zero
    assert summary.by_class == pytest.approx(by_hand.by_class, abs=2e-4)


def test_where_no_epoch_was_whole_the_steps_there_were_count(mine: Path) -> None:
    outcome = ran(f"{mine}:Counts", task=f"{TINY}[steps=3]")
    assert outcome.weights is not None
    assert (~np.isnan(outcome.weights.weight)).sum() == 3 * 32
    assert outcome.weights.history == ()
    assert training_of(outcome).weights is None
