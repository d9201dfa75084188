"""One trial: a record in any case, and the same one wherever it runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.shell import TINY, broken
from weightbench.errors import BadSpec
from weightbench.evaluation import PRELOAD
from weightbench.evaluation.trial import Outcome, failed, plan, run_trial
from weightbench.execution import Limits, Local
from weightbench.records.predictions import checksum
from weightbench.records.schema import Record, Trial

WEIGHTERS = ["uniform", "random", "proportion", "resample", "clean-only", "l2rw+es+ft", "oracle"]


def trials(weighters: Iterable[str], seeds: Sequence[int] = (0,)) -> list[Trial]:
    return plan([TINY], weighters, seeds, "cpu")


def timeless(record: Record) -> Record:
    """The record without the times."""
    training = record.training
    if training is not None:
        training = training.model_copy(update={"phases": dict.fromkeys(training.phases, 0.0)})
    return record.model_copy(update={"training": training, "finished": ""})


def same(one: Outcome, other: Outcome) -> bool:
    if one.predictions is None or other.predictions is None:
        return False
    return timeless(one.record) == timeless(other.record) and all(
        np.array_equal(one.predictions[name], other.predictions[name]) for name in one.predictions
    )


def test_alone_in_a_grid_inline_or_in_a_child_a_trial_is_the_same_bit_for_bit() -> None:
    grid = trials(WEIGHTERS, range(2))
    forwards = {trial: run_trial(trial) for trial in grid}
    backwards = {trial: run_trial(trial) for trial in reversed(grid)}
    two = Local(Limits(workers=2, seconds=120, memory=2**33), preload=PRELOAD)
    children = dict(two.run(grid, run_trial, failed))
    assert {outcome.record.status for outcome in forwards.values()} == {"ok"}
    for trial in grid:
        assert same(forwards[trial], backwards[trial]), trial.weighter
        assert same(forwards[trial], children[trial]), trial.weighter


def test_trials_of_one_seed_share_data_and_splits() -> None:
    records = [run_trial(trial).record for trial in trials(WEIGHTERS)]
    shared = {tuple(sorted(r.training.checksums.items())) for r in records if r.training}
    assert len(shared) == 1


def test_a_record_says_what_happened() -> None:
    (trial,) = trials(["l2rw+ft"])
    outcome = run_trial(trial)
    training, predictions = outcome.record.training, outcome.predictions
    assert outcome.record.status == "ok"
    assert training is not None
    assert predictions is not None
    assert training.predictions == checksum(predictions)
    assert training.used_holdout
    assert training.steps == 20
    assert training.step_work == pytest.approx(3.4, abs=0.5)
    assert training.side_work == pytest.approx(12 / 32)
    assert training.track == "B"
    assert training.sizes == {"train": 238, "holdout": 12, "select": 50, "test": 100}
    assert [step for step, _ in training.select_curve] == list(range(2, 21, 2))
    assert training.chance == pytest.approx(1 / 3)
    assert training.realised_noise is not None
    assert 0.2 < training.realised_noise < 0.4
    assert set(predictions) == {"last", "selected"}
    assert all(p.shape == (100,) for p in predictions.values())


@pytest.mark.parametrize(
    ("weighter", "status", "says"),
    [
        ("WrongShape", "error", "shape (33,); expected (32,)"),
        ("Diverges", "diverged", "the loss is not finite at step 10"),
        ("FillsDevice", "oom", "memory"),
        ("DeviceIsFull", "oom", "CUDA error: out of memory"),
        ("LibraryIsFull", "oom", "CUBLAS_STATUS_ALLOC_FAILED"),
        ("Exits", "error", "SystemExit: 3 (broken.py:"),
        ("Raises", "error", "RuntimeError: no weights today ask again tomorrow (broken.py:"),
        ("Peeks", "error", "declares privileged = True"),
    ],
)
def test_a_failure_is_a_record_with_its_reason_in_one_line(
    weighter: str, status: str, says: str
) -> None:
    outcome = run_trial(trials([broken(weighter)])[0])
    assert outcome.predictions is None
    assert outcome.record.status == status
    assert says in outcome.record.reason
    assert "\n" not in outcome.record.reason


def test_a_source_that_changes_in_mid_evaluation_is_not_mixed_in(tmp_path: Path) -> None:
    source = Path(broken("").rpartition(":")[0]).read_text()
    copy = tmp_path / "mine.py"
    copy.write_text(source)
    (trial,) = plan([TINY], [f"{copy}:Slow"], [0], "cpu")
    copy.write_text(source.replace("time.sleep(0.02)", "time.sleep(0.03)"))
    record = run_trial(trial).record
    assert record.status == "error"
    assert "the source changed" in record.reason


def test_specs_are_kept_in_canonical_form() -> None:
    (one,) = plan([f"{TINY}[noise=0.3]"], ["l2rw"], [3], "cpu")
    (other,) = plan([TINY], ["l2rw"], [3], "cpu")
    assert one.key == other.key
    with pytest.raises(BadSpec):
        plan([TINY], ["no-such-weighter"], [0], "cpu")
