"""What lies in the folder of records: small, plain, and named so that people find their way."""

from __future__ import annotations

import gc
import io
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import generated
from weightbench.errors import RecordError, StoreError
from weightbench.records.layout import MARKER
from weightbench.records.loading import Damage
from weightbench.records.predictions import checksum, pack
from weightbench.records.schema import Record, WeightSummary, write
from weightbench.records.store import Store
from weightbench.records.weights import Weights, summarise

KEY = generated.finished().trial.key


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.create()
    return store


def weights(n: int = 30) -> Weights:
    return Weights(np.linspace(0, 2, n), np.arange(n) % 3, np.arange(n) < 20)


def keep(store: Store, record: Record | None = None) -> Record:
    record = record or generated.finished()
    store.put(record, generated.predictions(), weights())
    return record


def arrays(content: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(content)) as archive:
        return {name: archive[name] for name in archive.files}


def test_every_file_has_its_place(store: Store, tmp_path: Path) -> None:
    keep(store)
    store.put_cost(generated.cost())
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()) == [
        f"costs/{KEY}.json",
        f"predictions/{KEY}.npz",
        f"records/{KEY}.json",
        MARKER,
        f"weights/{KEY}.npz",
    ]
    assert store.unfinished == tmp_path / "unfinished"


def test_a_record_is_laid_out_for_people(store: Store, tmp_path: Path) -> None:
    text = write(keep(store)).decode()
    assert text == json.dumps(json.loads(text), indent=1)
    assert (tmp_path / "records" / f"{KEY}.json").read_text() == text


# ---- arrays --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("largest", "kind"), [(0, "u1"), (1, "u1"), (255, "u1"), (256, "u2"), (70_000, "u4")]
)
def test_predictions_take_the_smallest_type_that_holds_them(largest: int, kind: str) -> None:
    predicted = np.array([0, largest, 0], np.int64)
    found = arrays(pack({"last": predicted, "none": predicted[:0]}))
    assert {name: array.dtype.str[1:] for name, array in found.items()} == {
        "last": kind, "none": "u1",
    }  # fmt: skip
    np.testing.assert_array_equal(found["last"], predicted)


def test_predictions_are_read_as_integers(store: Store) -> None:
    found = store.predictions(keep(store))
    assert {array.dtype for array in found.values()} == {np.dtype(np.int64)}
    assert checksum(found) == checksum(generated.predictions())


def test_weights_take_two_bytes_each_and_labels_one() -> None:
    found = arrays(weights().pack())
    assert {name: array.dtype for name, array in found.items()} == {
        "weight": np.dtype(np.float16), "label": np.dtype(np.uint8), "clean": np.dtype(bool),
        "history": np.dtype(np.uint8),
    }  # fmt: skip
    many = Weights(np.ones(2), np.array([0, 999]), np.ones(2, bool))
    assert arrays(many.pack())["label"].dtype == np.uint16


def test_no_weights_are_kept_too() -> None:
    back = Weights.unpack(Weights(np.ones(0), np.ones(0, np.int64), np.ones(0, bool)).pack())
    assert back.clean is not None
    assert len(back.weight) == len(back.label) == len(back.clean) == 0


@pytest.mark.parametrize("ids", [["a", "ß\n", "3"], [7, -2, 10**12], None])
@pytest.mark.parametrize("clean", [[True, False, True], None])
def test_weights_say_whose_they_are(ids: list[object] | None, clean: list[bool] | None) -> None:
    kept = Weights(
        np.ones(3), np.array([1, 0, 1]), None if clean is None else np.array(clean),
        index=np.array([2, 5, 70_000]), ids=None if ids is None else np.array(ids),
    )  # fmt: skip
    back = Weights.unpack(kept.pack())
    assert back.index is not None
    assert back.index.tolist() == [2, 5, 70_000]
    assert (None if back.ids is None else back.ids.tolist()) == ids
    assert (None if back.clean is None else back.clean.tolist()) == clean
    if clean is None:
        assert summarise(kept, 1).auroc is None


@pytest.mark.parametrize(
    "ids", [b'["a", "b"]', b"[1, 2, 123456789012345678901]", b'["a", 1, "b"]', b'{"a": 1}', b"\xff"]
)
def test_ids_that_are_none_are_refused(ids: bytes) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **{**arrays(weights(3).pack()), "ids": np.frombuffer(ids, np.uint8)})
    with pytest.raises(ValueError, match=r"."):
        Weights.unpack(buffer.getvalue())


def test_weights_are_read_as_what_they_were() -> None:
    summary = WeightSummary(step=3, auroc=0.5, effective=0.25, zero=0.0, by_class=[1.0, None])
    kept = Weights(np.array([0.1, 1e9]), np.array([1, 0]), np.array([True, False]), (summary,))
    back = Weights.unpack(kept.pack())
    assert back.weight.dtype == np.float64
    assert back.label.dtype == np.int64
    assert back.clean is not None
    assert back.clean.dtype == bool
    assert back.index is back.ids is None, "as in older files"
    assert back.weight[0] == pytest.approx(0.1, rel=1e-3)
    assert back.weight[1] == 60_000, "what half precision cannot hold is the most it can"
    assert back.history == (summary,)


@pytest.mark.parametrize("change", [{"label": None}, {"more": np.ones(1)}])
def test_what_holds_something_else_is_no_weights(change: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    made = {**arrays(weights().pack()), **change}
    np.savez_compressed(buffer, **{name: a for name, a in made.items() if a is not None})
    with pytest.raises(ValueError, match=r"^it does not hold weights: holds "):
        Weights.unpack(buffer.getvalue())


class Trap:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("kind", ["predictions", "weights"])
def test_nothing_in_an_array_is_ever_run(store: Store, tmp_path: Path, kind: str) -> None:
    record, trace = keep(store), tmp_path / "trace"
    trapped = np.empty(1, object)
    trapped[0] = Trap(trace)
    path = tmp_path / kind / f"{KEY}.npz"
    made = {**arrays(path.read_bytes()), "last": trapped, "weight": trapped}
    with path.open("wb") as file:
        np.savez_compressed(file, **made)
    read = store.predictions if kind == "predictions" else store.weights
    with pytest.raises(RecordError, match=re.escape(f"{path} cannot be read: ")):
        read(record)
    assert not trace.exists()
    (damage,) = store.audit()
    assert str(damage).startswith(f"{tmp_path}/{'records' if kind == 'predictions' else kind}/")


def test_what_would_have_to_be_pickled_is_not_written() -> None:
    odd = np.array([{}, {}], object)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        Weights(np.ones(2), np.arange(2), odd).pack()


# ---- damage --------------------------------------------------------------------------------------


def only_damage(store: Store) -> str:
    (damage,) = store.audit()
    assert str(damage) == f"{damage.path}: {damage.reason}"
    return damage.reason


def test_every_damage_says_what_is_wrong(store: Store, tmp_path: Path) -> None:
    record = keep(store)
    predictions = tmp_path / "predictions" / f"{KEY}.npz"
    whole = predictions.read_bytes()
    predictions.unlink()
    assert only_damage(store) == "its predictions are missing"
    predictions.write_bytes(pack(generated.predictions(9)))
    says = f"{predictions} does not hold the predictions its record was made with"
    assert only_damage(store) == says
    predictions.write_bytes(whole)
    other = tmp_path / "records" / f"{'0' * 32}.json"
    other.write_bytes(write(record))
    assert only_damage(store) == f"it is named after another trial than the one it holds ({KEY})"
    other.unlink()
    (tmp_path / "weights" / f"{KEY}.npz").write_bytes(b"")
    assert only_damage(store).startswith(f"{tmp_path}/weights/{KEY}.npz cannot be read: ")


def test_what_is_set_aside_is_named_after_where_it_was(store: Store, tmp_path: Path) -> None:
    for name in (f"records-{KEY}.json", f"records-{KEY}.json.1", f"records-{KEY}.json.2"):
        store.put(generated.failure())
        damage = Damage(tmp_path / "records" / f"{KEY}.json", "a test")
        assert store.set_aside(damage) == tmp_path / "damaged" / name
    assert len(list((tmp_path / "damaged").iterdir())) == 3


def test_a_place_that_cannot_be_written_is_named(store: Store, tmp_path: Path) -> None:
    """With what to do about it."""
    goes_on = "; finished trials are kept, and the same command goes on once it can be written"
    (tmp_path / "records").rmdir()
    (tmp_path / "records").write_text("in the way")
    path = tmp_path / "records" / f"{KEY}.json"
    with pytest.raises(StoreError) as caught:
        store.put(generated.failure())
    assert str(caught.value) == f"cannot write {path}: File exists{goes_on}"
    (tmp_path / "damaged").write_text("in the way")
    with pytest.raises(StoreError) as caught:
        store.set_aside(Damage(tmp_path / "costs" / "x.json", "a test"))
    assert str(caught.value) == f"cannot write {tmp_path / 'damaged'}: File exists{goes_on}"


def test_what_is_younger_than_a_minute_may_be_a_writers(store: Store, tmp_path: Path) -> None:
    half = tmp_path / "records" / ".half.json.4711.tmp"
    half.write_text("{")
    now = time.time()
    os.utime(half, (now - 55, now - 55))
    assert store.leftovers() == []
    os.utime(half, (now - 61, now - 61))
    assert store.leftovers() == [half]


@pytest.mark.parametrize("on", [True, False])
def test_reading_leaves_the_collector_of_garbage_as_it_was(store: Store, on: bool) -> None:
    was = gc.isenabled()
    try:
        (gc.enable if on else gc.disable)()
        store.records()
        assert gc.isenabled() == on
        with pytest.raises(StoreError):
            Store(store.root / "nowhere").records()
        assert gc.isenabled() == on
    finally:
        (gc.enable if was else gc.disable)()


def test_hidden_files_and_others_are_no_records(store: Store, tmp_path: Path) -> None:
    keep(store)
    for name in (".hidden.json", "notes.txt", f".{KEY}.json.1.tmp"):
        (tmp_path / "records" / name).write_text("x")
    assert len(store.records()[0]) == 1
    assert store.audit() == []


# ---- weights in a few numbers --------------------------------------------------------------------


@st.composite
def weighed(draw: st.DrawFn) -> Weights:
    size = draw(st.integers(1, 30))
    amounts = st.one_of(st.just(float("nan")), st.just(0.0), st.floats(1e-3, 100))
    weight = draw(st.lists(amounts, min_size=size, max_size=size))
    label = draw(st.lists(st.integers(0, 4), min_size=size, max_size=size))
    clean = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    if all(w != w for w in weight):
        weight[0] = 1.0
    return Weights(np.array(weight), np.array(label), np.array(clean))


@given(weighed(), st.integers(0, 10**6))
def test_every_number_of_a_summary(made: Weights, step: int) -> None:
    """Over the examples that occurred, one at a time."""
    summary = summarise(made, step)
    assert made.clean is not None
    rows = [
        (w, int(k), bool(c))
        for w, k, c in zip(made.weight, made.label, made.clean, strict=True)
        if w == w
    ]
    assert summary.step == step
    assert summary.zero == pytest.approx(sum(w == 0 for w, _, _ in rows) / len(rows))
    squares = sum(w * w for w, _, _ in rows)
    share = sum(w for w, _, _ in rows) ** 2 / squares / len(rows) if squares else 0
    assert summary.effective == pytest.approx(share)
    assert len(summary.by_class) == made.label.max() + 1, "absent ones have a place too"
    for label, mean in enumerate(summary.by_class):
        own = [w for w, k, _ in rows if k == label]
        if own:
            assert mean == pytest.approx(sum(own) / len(own), abs=0.51e-4)
            assert mean is not None
            assert mean == round(mean, 4)
        else:
            assert mean is None
    pairs = [
        (w > v) + (w == v) / 2 for w, _, right in rows if right for v, _, wrong in rows if not wrong
    ]
    assert summary.auroc == (pytest.approx(np.mean(pairs)) if pairs else None)
