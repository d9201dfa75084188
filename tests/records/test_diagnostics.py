"""What is said of a weighter's weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import weightbench as wb
from weightbench.evaluation.trial import plan, run_trial, weights_of
from weightbench.records.store import Store
from weightbench.records.weights import Weights, auroc, summarise
from weightbench.training.weight_log import WeightLog


def weights(weight: list[float], label: list[int], clean: list[bool]) -> Weights:
    return Weights(np.array(weight), np.array(label), np.array(clean))


def logged(weighter: str, task: wb.Task) -> Weights | None:
    """What is kept of the weights of a whole training."""
    log = WeightLog()
    run = wb.start(task, 0, wb.make_weighter(weighter), watchers=[log])
    run.train()
    return weights_of(log, run)


def test_auroc_is_that_of_scikit_learn_ties_included() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        score, positive = rng.integers(0, 5, 50).astype(float), rng.random(50) < 0.6
        assert auroc(score, positive) == pytest.approx(roc_auc_score(positive, score))


def test_auroc_needs_both_kinds() -> None:
    assert auroc(np.ones(3), np.ones(3, bool)) is None
    assert auroc(np.ones(3), np.zeros(3, bool)) is None


def test_a_summary_by_hand() -> None:
    nan = float("nan")
    summary = summarise(
        weights([2, 1, 0, 1, nan], [0, 0, 2, 2, 2], [True, True, False, False, True]), step=7
    )
    assert summary.step == 7
    assert summary.auroc == pytest.approx(0.875)  # 3.5 of 4 pairs
    assert summary.effective == pytest.approx(4**2 / 6 / 4)
    assert summary.zero == pytest.approx(1 / 4)
    assert summary.by_class == [1.5, None, 0.5]


def test_all_zero_weights_have_no_effective_size() -> None:
    assert summarise(weights([0, 0], [0, 1], [True, False]), 1).effective == 0


def test_weights_survive_the_disk() -> None:
    kept = weights([0.25, float("nan"), 3.0], [0, 1, 9], [True, False, True])
    back = Weights.unpack(kept.pack())
    np.testing.assert_array_equal(back.weight, kept.weight)
    np.testing.assert_array_equal(back.label, kept.label)
    np.testing.assert_array_equal(back.clean, kept.clean)


def test_uniform_counts_everybody_alike(tiny: wb.Task) -> None:
    kept = logged("uniform", tiny)
    assert kept is not None
    assert kept.history
    assert all(s.effective == pytest.approx(1) and s.zero == 0 for s in kept.history)
    assert all(s.auroc == pytest.approx(0.5) for s in kept.history)


def test_the_oracle_tells_clean_from_wrong_for_sure(tiny: wb.Task) -> None:
    kept = logged("oracle", tiny)
    assert kept is not None
    assert kept.history
    assert {s.auroc for s in kept.history} == {1.0}
    seen = ~np.isnan(kept.weight)
    assert ((kept.weight > 0) == kept.clean)[seen].all()
    assert np.nanmean(kept.weight) == pytest.approx(1)


def test_who_trains_on_the_hold_out_says_nothing_of_the_training_set(tiny: wb.Task) -> None:
    assert logged("clean-only", tiny) is None


def test_resampling_counts_how_often_an_example_was_drawn() -> None:
    task = wb.make_task("digits49-imbalance-v0[steps=40]")
    kept = logged("resample", task)
    assert kept is not None
    by_class = kept.history[-1].by_class
    assert by_class[0] is not None
    assert by_class[1] is not None
    assert by_class[0] > 2 * by_class[1]  # the rare class


def test_looking_on_changes_no_weight_and_no_result(tiny: wb.Task) -> None:
    watched, bare = wb.start(tiny, 0), wb.start(tiny, 0, watchers=())
    for batch in watched:
        watched.step(wb.normalize(batch.losses.detach()))
    for batch in bare:
        bare.step(wb.normalize(batch.losses.detach()))
    for one, other in zip(watched.model.parameters(), bare.model.parameters(), strict=True):
        assert one.equal(other)


def test_summaries_stay_few_however_long_the_training() -> None:
    task = wb.make_task("digits-background-flip-v0[steps=400]")
    kept = logged("uniform", task)
    assert kept is not None
    assert 10 <= len(kept.history) <= 20
    assert kept.history[-1].step == 400


def test_final_weights_lie_beside_the_record(tmp_path: Path) -> None:
    (trial,) = plan(["digits-background-flip-v0[steps=30]"], ["oracle"], [0], "cpu")
    outcome = run_trial(trial)
    store = Store(tmp_path)
    store.create()
    store.put(outcome.record, outcome.predictions, outcome.weights)
    (record,), damaged = store.records()
    assert damaged == []
    assert record.training is not None
    assert record.training.weights is not None
    assert record.training.weights.auroc == 1
    kept = store.weights(record)
    assert kept is not None
    assert kept.history[-1] == record.training.weights
    assert len(kept.weight) == record.training.sizes["train"]
    assert kept.clean is not None
    assert record.training.realised_noise is not None
    assert kept.clean.mean() == pytest.approx(1 - record.training.realised_noise)
