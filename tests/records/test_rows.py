"""What is kept of every test row: how exactly, in how many bytes, and never another trial's."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import generated
from weightbench.errors import MergeError, RecordError
from weightbench.records.merge import merge
from weightbench.records.predictions import Rows, checksum, pack
from weightbench.records.schema import Record, read_record, write
from weightbench.records.store import Store


def made(seed: int = 0, grouped: bool = False) -> tuple[Record, Rows]:
    """A record of 50 test rows with what is kept of them."""
    rows = generated.rows(seed=seed, grouped=grouped)
    tallies = [(k, 0 if grouped else None, 10, 5, 3) for k in range(10)]
    return generated.record(
        generated.TASK, "uniform", seed, 0.75,
        predictions=checksum(generated.predictions(seed)),
        scores=generated.scores(tallies, rows=rows.sha256),
    ), rows  # fmt: skip


def kept(root: Path, seed: int = 0, grouped: bool = False) -> tuple[Store, Record, Rows]:
    store = Store(root)
    store.create()
    record, rows = made(seed, grouped)
    store.put(record, generated.predictions(seed), rows=rows)
    return store, record, rows


@pytest.mark.parametrize("grouped", [False, True])
def test_rows_are_read_as_they_were_kept(tmp_path: Path, grouped: bool) -> None:
    store, record, rows = kept(tmp_path, grouped=grouped)
    found = store.rows(record)
    assert found is not None
    assert found.sha256 == rows.sha256
    np.testing.assert_array_equal(found.truth, rows.truth)
    np.testing.assert_allclose(found.confidence, rows.confidence, atol=8e-6)
    np.testing.assert_allclose(found.squares, rows.squares, atol=8e-6)
    np.testing.assert_allclose(found.log_probability, rows.log_probability, rtol=5e-4)
    assert (found.groups is None) == (not grouped)
    if grouped:
        np.testing.assert_array_equal(found.groups, rows.groups)
    assert checksum(store.predictions(record)) == checksum(generated.predictions())
    assert store.audit() == []


def test_a_row_takes_six_bytes_beside_its_classes() -> None:
    rows = generated.rows(10_000)
    each = {name: values.itemsize for name, values in rows.arrays.items() if name != "truth"}
    assert sum(each.values()) == 6
    predictions = {name: np.zeros(10_000, np.int64) for name in ("last", "selected")}
    assert len(pack(predictions, rows)) < 7 * 10_000


def test_a_record_without_rows_has_none(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create()
    store.put(generated.finished(), generated.predictions())
    assert store.rows(generated.finished()) is None
    assert "scores" not in json.loads(write(generated.finished()))["training"]


@pytest.mark.parametrize("other", [None, 1])
def test_rows_of_another_trial_are_damage(tmp_path: Path, other: int | None) -> None:
    store, record, _ = kept(tmp_path)
    path = next((tmp_path / "predictions").iterdir())
    rows = None if other is None else generated.rows(seed=other)
    path.write_bytes(pack(generated.predictions(), rows))
    with pytest.raises(RecordError, match=r"holds no .*|does not hold the predictions"):
        store.rows(record)
    assert [damage.path.stem for damage in store.audit()] == [record.trial.key]


def test_scores_are_written_and_read() -> None:
    record, _ = made()
    assert read_record(write(record)) == record
    assert json.loads(write(record))["schema_version"] == 3


def test_rows_come_along_when_folders_are_merged(tmp_path: Path) -> None:
    one, record, rows = kept(tmp_path / "one")
    other = kept(tmp_path / "other", 1)[0]
    out = Store(tmp_path / "all")
    assert merge([one, other], out).records == 2
    found = out.rows(record)
    assert found is not None
    assert found.sha256 == rows.sha256


def test_scores_may_differ_between_machines_by_rounding_alone(tmp_path: Path) -> None:
    one, record, _ = kept(tmp_path / "one")
    assert record.training
    assert record.training.scores
    assert record.training.scores.plain
    for name, nll in (("rounded", 0.9 + 1e-6), ("other", 0.8)):
        store = Store(tmp_path / name)
        store.create()
        plain = record.training.scores.plain.model_copy(update={"nll": nll})
        rows = Rows(*(generated.rows(seed=5).__dict__[n] for n in (
            "truth", "confidence", "log_probability", "squares")))  # fmt: skip
        scores = record.training.scores.model_copy(update={"plain": plain, "rows": rows.sha256})
        training = record.training.model_copy(update={"scores": scores})
        store.put(
            record.model_copy(update={"training": training}), generated.predictions(), rows=rows
        )
    before = Store(tmp_path / "before")  # a record from before scores were kept
    before.create()
    training = record.training.model_copy(update={"scores": None})
    before.put(record.model_copy(update={"training": training}), generated.predictions())
    for store in (Store(tmp_path / "rounded"), before):
        assert merge([one, store], Store(tmp_path / f"all-{store.root.name}")).records == 1
    with pytest.raises(MergeError, match="different: scores"):
        merge([one, Store(tmp_path / "other")], Store(tmp_path / "all"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"truth": np.full(50, np.nan)}, "holds truth as float64, which no row is kept as"),
        ({"log_probability": np.full(50, -1e300)}, "holds log_probability as float64"),
        ({"squares": np.ones(49, np.uint16)}, "arrays that are not of the same rows"),
    ],
)
def test_arrays_that_are_no_rows_are_named(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    store, record, rows = kept(tmp_path)
    content = io.BytesIO()
    arrays = {name: p.astype(np.uint8) for name, p in generated.predictions().items()}
    truth = rows.truth.astype(np.uint8)
    np.savez_compressed(content, **{**arrays, **rows.arrays, "truth": truth, **change})
    next((tmp_path / "predictions").iterdir()).write_bytes(content.getvalue())
    with pytest.raises(RecordError, match=says):
        store.rows(record)
