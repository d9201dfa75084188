"""Stores of several machines into one: all of it, or one line and nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tests import generated
from weightbench.cli import main
from weightbench.records.predictions import checksum
from weightbench.records.schema import Record, WeightSummary
from weightbench.records.store import Store
from weightbench.records.weights import Weights


def store_of(root: Path, *seeds: int) -> Store:
    """A store with finished trials, weights and a cost."""
    store = Store(root)
    store.create()
    for seed in seeds:
        weights = Weights(np.full(30, float(seed)), np.arange(30) % 3, np.arange(30) < 20)
        store.put(generated.finished(seed), generated.predictions(seed), weights)
    store.put_cost(generated.cost(weighter=f"random[x={seeds[0]}]" if seeds else "uniform"))
    return store


def merge(tmp_path: Path, *names: str, out: str = "all") -> Result:
    folders = [str(tmp_path / name) for name in names]
    result = CliRunner().invoke(main, ["merge", *folders, "--out", str(tmp_path / out)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def changed(record: Record, **fields: object) -> Record:
    assert record.training is not None
    return record.model_copy(update={"training": record.training.model_copy(update=fields)})


def test_everything_travels_and_a_second_merge_changes_nothing(tmp_path: Path) -> None:
    store_of(tmp_path / "a", 0, 1)
    store_of(tmp_path / "b", 1, 2)
    assert merge(tmp_path, "a", "b").output == (
        f"3 records and 2 costs added; {tmp_path / 'all'} has 3 records\n"
    )
    whole = Store(tmp_path / "all")
    assert whole.audit() == []
    records = sorted(whole.records()[0], key=lambda record: record.trial.seed)
    assert records == [generated.finished(seed) for seed in range(3)]
    for seed, record in enumerate(records):
        assert checksum(whole.predictions(record)) == checksum(generated.predictions(seed))
        weights = whole.weights(record)
        assert weights is not None
        assert (weights.weight == seed).all()
    assert len(whole.costs()[0]) == 2
    before = files(tmp_path / "all")
    assert merge(tmp_path, "b", "a").output.startswith("0 records and 0 costs added")
    assert files(tmp_path / "all") == before


def test_into_one_of_them(tmp_path: Path) -> None:
    store_of(tmp_path / "a", 0)
    store_of(tmp_path / "b", 1)
    assert merge(tmp_path, "a", "b", out="a").exit_code == 0
    assert len(Store(tmp_path / "a").records()[0]) == 2
    assert len(Store(tmp_path / "b").records()[0]) == 1


def test_times_and_machines_may_differ(tmp_path: Path) -> None:
    store_of(tmp_path / "a", 0)
    other = changed(generated.finished(0), phases={"train": 99.0})
    later = other.model_copy(update={"finished": "2026-02-02T00:00:00+00:00"})
    store_of(tmp_path / "b").put(later, generated.predictions(0))
    assert merge(tmp_path, "a", "b").exit_code == 0
    assert Store(tmp_path / "all").records()[0] == [generated.finished(0)]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_a_result_takes_the_place_of_a_failure(tmp_path: Path, order: tuple[str, str]) -> None:
    store_of(tmp_path / "a", 0)
    lost = generated.failure(0).model_copy(update={"status": "timeout", "reason": "too long"})
    store_of(tmp_path / "b").put(lost)
    store_of(tmp_path / "all").put(lost)
    assert merge(tmp_path, *order).exit_code == 0
    assert Store(tmp_path / "all").records()[0] == [generated.finished(0)]


def test_contradictions_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    store_of(tmp_path / "a", 0, 1)
    other = changed(
        generated.finished(1), accuracy=0.5, predictions=checksum(generated.predictions(9))
    )
    store_of(tmp_path / "b", 2).put(other, generated.predictions(9))
    store_of(tmp_path / "c").put(generated.failure(0))
    for names, says in (
        (("a", "b"), f"disagree on uniform on {other.trial.task}, seed 1"),
        (("a", "c"), "and diverged; leave one of them out"),
    ):
        result = merge(tmp_path, *names)
        assert result.exit_code == 1
        assert says in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert not (tmp_path / "all").exists()
    before = files(tmp_path / "a")
    assert merge(tmp_path, "b", out="a").exit_code == 1
    assert files(tmp_path / "a") == before


@pytest.mark.parametrize(
    "field", ["accuracy", "selected_accuracy", "predictions", "data", "corruption", "splits"]
)
def test_results_that_differ_in_anything_a_seed_decides_are_refused(
    tmp_path: Path, field: str
) -> None:
    """Accuracies may be equal where predictions are not, and the other way round."""
    record, predictions = generated.finished(0), generated.predictions(0)
    assert record.training is not None
    if field == "predictions":
        predictions = {**predictions, "last": predictions["last"][::-1]}
        other = changed(record, predictions=checksum(predictions))
    elif field in record.training.checksums:
        sums = {**record.training.checksums, field: "89" * 32}
        other = changed(record, checksums=sums)
    else:
        other = changed(record, **{field: 0.5})
    store_of(tmp_path / "a", 0)
    store_of(tmp_path / "b").put(other, predictions)
    result = merge(tmp_path, "a", "b")
    assert result.exit_code == 1
    assert f"{tmp_path / 'a'} and {tmp_path / 'b'} disagree on uniform on" in result.stderr
    said = f"accuracy 0.7500 with predictions {record.training.predictions[:8]} and "
    assert f": {said}" in result.stderr
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"used_holdout": True}, {"steps": 1}, {"side_work": 1e6}, {"step_work": 2.0},
        {"track": "E"}, {"realised_noise": 0.9},
        {"realised_noise": 0.4001}, {"chance": 0.9}, {"sizes": {"train": 1}},
        {"sizes": {"train": 1000, "holdout": 30, "select": 200, "test": 501}},
        {"select_curve": []}, {"select_curve": [(200, 0.375), (399, 0.75)]},
        {"select_curve": [(200, 0.376), (400, 0.75)]}, {"accuracy": 0.7501},
        {"weights": WeightSummary(step=400, auroc=0.5, effective=1.0, zero=0.0, by_class=[1.0])},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_every_field_that_is_a_result_is_compared(
    tmp_path: Path, change: dict[str, object], order: tuple[str, str]
) -> None:
    store_of(tmp_path / "a", 0)
    other = changed(generated.finished(0), **change)
    store_of(tmp_path / "b").put(other, generated.predictions(0))
    result = merge(tmp_path, *order)
    assert result.exit_code == 1
    assert f"(different: {next(iter(change))})" in result.stderr
    assert not (tmp_path / "all").exists()


def test_summaries_of_weights_may_be_rounded_differently(tmp_path: Path) -> None:
    for name, small in (("a", 0.0), ("b", 1e-6)):
        summary = WeightSummary(
            step=9, auroc=0.5 + small, effective=1 - small, zero=0.0, by_class=[1 + small, None]
        )
        kept = Weights(np.full(30, 1 + small), np.arange(30) % 3, np.arange(30) < 20, (summary,))
        record = changed(generated.finished(0), weights=summary)
        store_of(tmp_path / name).put(record, generated.predictions(0), kept)
    assert merge(tmp_path, "a", "b").exit_code == 0


@pytest.mark.parametrize(
    "other",
    [
        Weights(np.ones(30), np.arange(30) % 3, np.arange(30) < 20),
        Weights(np.zeros(31), np.arange(31) % 3, np.arange(31) < 20),
        Weights(np.full(30, np.nan), np.arange(30) % 3, np.arange(30) < 20),
        Weights(np.zeros(30), np.arange(30) % 2, np.arange(30) < 20),
        Weights(np.zeros(30), np.arange(30) % 3, np.arange(30) < 21),
    ],
    ids=["weight", "number", "missing", "label", "clean"],
)
def test_other_weights_of_one_trial_are_refused(tmp_path: Path, other: Weights) -> None:
    store_of(tmp_path / "a", 0)
    store_of(tmp_path / "b").put(generated.finished(0), generated.predictions(0), other)
    result = merge(tmp_path, "a", "b")
    assert result.exit_code == 1
    assert "(different: weights of examples)" in result.stderr


def test_costs_of_other_operations_are_said(tmp_path: Path) -> None:
    """The first counts, as its times do; but they are counted and should be the same everywhere."""
    for name, ratio in (("a", 1.5), ("b", 2.5)):
        store = Store(tmp_path / name)
        store.create()
        store.put_cost(generated.cost(flop_ratio=ratio))
    result = merge(tmp_path, "a", "b")
    assert result.exit_code == 0
    assert f"{tmp_path / 'a'} and {tmp_path / 'b'} disagree on uniform" in result.stderr
    assert Store(tmp_path / "all").costs()[0][0].flop_ratio == 1.5


def test_two_that_diverged_agree_and_two_failures_are_one(tmp_path: Path) -> None:
    store_of(tmp_path / "a").put(generated.failure(0))
    later = generated.failure(0).model_copy(update={"finished": "2026-02-02T00:00:00+00:00"})
    store_of(tmp_path / "b").put(later)
    lost = generated.failure(1, "timeout")
    Store(tmp_path / "a").put(lost)
    Store(tmp_path / "b").put(generated.failure(1, "oom"))
    assert merge(tmp_path, "a", "b").exit_code == 0
    records = sorted(Store(tmp_path / "all").records()[0], key=lambda r: r.trial.seed)
    assert records == [generated.failure(0), lost]


def test_one_that_diverged_takes_the_place_of_one_that_timed_out(tmp_path: Path) -> None:
    store_of(tmp_path / "a").put(generated.failure(0, "timeout"))
    store_of(tmp_path / "b").put(generated.failure(0))
    for names, out in ((("a", "b"), "one"), (("b", "a"), "two")):
        assert merge(tmp_path, *names, out=out).exit_code == 0
        assert Store(tmp_path / out).records()[0] == [generated.failure(0)]


def test_of_two_costs_of_one_trial_the_first_counts(tmp_path: Path) -> None:
    for name, ratio in (("a", 1.5), ("b", 2.5)):
        store = Store(tmp_path / name)
        store.create()
        store.put_cost(generated.cost(time_ratio=ratio))
    assert merge(tmp_path, "b", "a").output.startswith("0 records and 1 costs added")
    (cost,), _ = Store(tmp_path / "all").costs()
    assert cost.time_ratio == 2.5
    assert merge(tmp_path, "b", out="a").output.startswith("0 records and 0 costs added")
    assert Store(tmp_path / "a").costs()[0][0].time_ratio == 1.5


def test_all_damaged_files_are_named_at_once(tmp_path: Path) -> None:
    victims = []
    for seed, name in enumerate(("a", "b")):
        store_of(tmp_path / name, seed)
        victims.append(next((tmp_path / name / "records").iterdir()))
        victims[-1].write_bytes(b"{")
    said = merge(tmp_path, "a", "b").stderr
    assert said.startswith(
        "error: nothing was merged, for there are damaged files, which weightbench doctor RUNS "
        f"--repair sets aside: {victims[0]}: "
    )
    assert f"; {victims[1]}: " in said


def test_weights_that_were_not_kept_are_not_missed(tmp_path: Path) -> None:
    store_of(tmp_path / "a").put(generated.finished(0), generated.predictions(0))
    assert merge(tmp_path, "a").exit_code == 0
    assert Store(tmp_path / "all").weights(generated.finished(0)) is None
    assert Store(tmp_path / "all").audit() == []


@pytest.mark.parametrize("folder", ["records", "predictions", "weights", "costs"])
def test_damaged_files_are_named_and_nothing_is_written(tmp_path: Path, folder: str) -> None:
    store_of(tmp_path / "a", 0)
    store_of(tmp_path / "b", 1)
    victim = next((tmp_path / "b" / folder).iterdir())
    victim.write_bytes(victim.read_bytes()[:-40])
    result = merge(tmp_path, "a", "b")
    assert result.exit_code == 1
    assert victim.stem in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "all").exists()


def test_no_such_store(tmp_path: Path) -> None:
    store_of(tmp_path / "a", 0)
    result = merge(tmp_path, "a", "nowhere")
    assert result.exit_code == 1
    assert "no such folder" in result.stderr
    assert not (tmp_path / "all").exists()
