"""The store: what was kept is there, whole, whatever happens to the disk or to the writer."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from tests import generated
from weightbench.errors import RecordError, StoreError
from weightbench.records.loading import Damage
from weightbench.records.predictions import checksum
from weightbench.records.schema import Record
from weightbench.records.store import Store
from weightbench.records.weights import Weights

# Writers are forked from this process, which only has threads where torch was used before.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "runs")
    store.create()
    return store


def fill(store: Store, seeds: int = 3) -> list[Record]:
    records = [generated.finished(seed) for seed in range(seeds)]
    for seed, record in enumerate(records):
        store.put(record, generated.predictions(seed))
    return records


def by_seed(records: list[Record]) -> list[Record]:
    return sorted(records, key=lambda record: record.trial.seed)


def path_of(store: Store, record: Record, kind: str = "records") -> Path:
    return next((store.root / kind).glob(f"{record.trial.key}.*"))


def test_what_is_put_is_read(store: Store) -> None:
    records = fill(store)
    store.put(generated.failure(7))
    store.put_cost(generated.cost())
    found, damaged = store.records()
    assert by_seed(found) == [*records, generated.failure(7)]
    assert store.costs() == ([generated.cost()], [])
    assert damaged == []
    assert store.audit() == []
    for seed, record in enumerate(records):
        kept, given_ = store.predictions(record), generated.predictions(seed)
        assert kept.keys() == given_.keys()
        assert all(np.array_equal(kept[name], given_[name]) for name in kept)


@given(st.dictionaries(st.text("abc", min_size=1), stn.arrays(np.int64, 5), min_size=1))
def test_a_checksum_depends_on_names_and_values_alone(predictions: dict[str, np.ndarray]) -> None:
    backwards = dict(reversed(predictions.items()))
    assert checksum(backwards) == checksum(predictions)
    name = next(iter(predictions))
    changed = {**predictions, name: predictions[name] ^ 1}
    assert checksum(changed) != checksum(predictions)


def test_a_second_put_replaces_the_first(store: Store) -> None:
    record = generated.finished()
    store.put(generated.failure())
    store.put(record, generated.predictions())
    assert store.records() == ([record], [])


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _noise(path: Path) -> None:
    path.write_bytes(random.Random(0).randbytes(700))


def _nested(path: Path) -> None:
    path.write_bytes(b"[" * 100_000)


def _huge_number(path: Path) -> None:
    path.write_bytes(b'{"schema_version": ' + b"9" * 10_000 + b"}")


def _flip_a_digit(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"0.75", b"0.95"))


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _without_predictions(path: Path) -> None:
    (path.parent.parent / "predictions" / f"{path.stem}.npz").unlink()


def _with_truncated_predictions(path: Path) -> None:
    _truncate(path.parent.parent / "predictions" / f"{path.stem}.npz")


def _with_another_trials_predictions(path: Path) -> None:
    own = path.parent.parent / "predictions" / f"{path.stem}.npz"
    others = [other for other in own.parent.glob("*.npz") if other != own]
    shutil.copy(others[0], own)


def _swapped(path: Path) -> None:
    others = [other for other in path.parent.glob("*.json") if other != path]
    shutil.copy(others[0], path)


@pytest.mark.parametrize(
    "damage",
    [
        _truncate, _empty, _noise, _nested, _huge_number, _flip_a_digit, _folder, _swapped,
        _without_predictions, _with_truncated_predictions, _with_another_trials_predictions,
    ],
)  # fmt: skip
def test_damage_is_found_set_aside_and_nothing_else_lost(
    store: Store, damage: Callable[[Path], None]
) -> None:
    first, *others = fill(store)
    path = path_of(store, first)
    damage(path)
    (found,) = store.audit()
    assert found.path == path
    assert found.reason
    assert "\n" not in found.reason
    aside = store.set_aside(found)
    assert aside.exists()
    assert not path.exists()
    records, damaged = store.records()
    assert by_seed(records) == others
    assert damaged == []
    assert store.audit() == []


def test_an_evaluation_reads_what_lies_beside_its_own_trials_alone(store: Store) -> None:
    first, second, *_ = fill(store)
    _truncate(path_of(store, first, "predictions"))
    assert store.audit({second.trial.key}) == []
    (found,) = store.audit({first.trial.key})
    assert found.path == path_of(store, first)  # without its predictions a record falls


def test_nothing_set_aside_is_overwritten(store: Store) -> None:
    """The same trial damaged twice, as record and as cost."""
    kept = set()
    for _ in range(3):
        store.put(generated.failure())
        kept.add(store.set_aside(Damage(path_of(store, generated.failure()), "a test")))
        store.put_cost(generated.cost())
        kept.add(store.set_aside(Damage(path_of(store, generated.failure(), "costs"), "a test")))
    assert len(kept) == 6
    assert all(path.exists() for path in kept)


def test_two_evaluations_may_set_the_same_file_aside(store: Store) -> None:
    store.put(generated.failure())
    damage = Damage(path_of(store, generated.failure()), "a test")
    store.set_aside(damage)
    store.set_aside(damage)


def test_random_bit_flips_are_never_believed(store: Store) -> None:
    """Anywhere in any file: the content stays as written, or the file is reported."""
    rng, records = random.Random(0), fill(store)
    files = [path for path in store.root.rglob("*") if path.is_file()]
    for _ in range(150):
        path = rng.choice(files)
        whole = path.read_bytes()
        changed = bytearray(whole)
        changed[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        bad = {damage.path.stem for damage in store.audit()}
        assert bad <= {path.stem}
        good = [record for record in records if record.trial.key not in bad]
        assert by_seed([r for r in store.records()[0] if r.trial.key not in bad]) == good
        for seed, record in enumerate(records):
            if record in good:
                assert checksum(store.predictions(record)) == checksum(generated.predictions(seed))
        path.write_bytes(whole)


def test_predictions_of_a_failure_are_refused(store: Store) -> None:
    store.put(generated.failure())
    with pytest.raises(RecordError, match="cannot be read"):
        store.predictions(generated.failure())


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such folder"):
        Store(tmp_path / "nowhere").records()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write"):
        Store(tmp_path / "file" / "runs").create()


def in_child(work: Callable[[], None]) -> int:
    """Run ``work`` in a fork of this process; its wait status."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def test_a_disk_that_refuses_leaves_what_was_there(store: Store) -> None:
    records = fill(store)

    def write_on() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        with pytest.raises(StoreError, match=r"cannot write .*the same command goes on"):
            store.put(generated.finished(9), generated.predictions(9))

    assert in_child(write_on) == 0
    assert by_seed(store.records()[0]) == records
    assert store.audit() == []
    assert not list(store.root.rglob("*.tmp"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 64 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_loses_nothing_that_was_finished(small_disk: Path) -> None:
    store = Store(small_disk / "runs")
    store.create()
    kept: list[Record] = []

    def fill_up() -> None:
        for seed in range(1000):
            store.put(generated.finished(seed), generated.predictions(seed))
            kept.append(generated.finished(seed))

    with pytest.raises(StoreError, match="No space left"):
        fill_up()
    assert kept
    assert by_seed(store.records()[0]) == kept
    assert store.audit() == []


def test_a_read_only_disk_is_one_clear_error(small_disk: Path) -> None:
    store = Store(small_disk / "runs")
    store.create()
    records = fill(store, 2)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreError, match="Read-only file system"):
        store.put(generated.finished(9), generated.predictions(9))
    with pytest.raises(StoreError, match="Read-only file system"):
        store.create()
    assert by_seed(store.records()[0]) == records


@pytest.mark.slow
def test_two_hundred_kills_lose_nothing(store: Store) -> None:
    """A writer is killed at random moments; all it said it had kept is there, and whole."""
    rng = random.Random(0)
    record = generated.finished()
    said: set[int] = set()
    for kill in range(200):
        first = 1000 * kill
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            for seed in range(first, first + 1000):
                trial = record.trial.model_copy(update={"seed": seed})
                store.put(record.model_copy(update={"trial": trial}), generated.predictions())
                os.write(writer, f"{seed}\n".encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            said.add(int(pipe.readline()))
            time.sleep(rng.uniform(0, 0.01))
            os.kill(child, signal.SIGKILL)
            said |= {int(line) for line in pipe if line.endswith("\n")}
        os.waitpid(child, 0)
    records, damaged = store.records()
    assert damaged == []
    assert store.audit() == []
    assert said <= {record.trial.seed for record in records}
    assert len(said) >= 200


def test_two_writers_at_once(store: Store) -> None:
    """Both write the same trials; every reader sees whole files all the while."""
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            for _ in range(20):
                fill(store, 5)
            os._exit(0)
        children.append(child)
    while children:
        _, damaged = store.records()
        assert damaged == []
        children = [child for child in children if os.waitpid(child, os.WNOHANG)[0] == 0]
    assert by_seed(store.records()[0]) == [generated.finished(seed) for seed in range(5)]
    assert store.audit() == []


@pytest.mark.parametrize("damage", [_truncate, _noise, _empty])
def test_damaged_weights_leave_the_record_standing(
    store: Store, damage: Callable[[Path], None]
) -> None:
    weights = Weights(np.ones(30), np.arange(30) % 3, np.arange(30) < 20)
    store.put(generated.finished(), generated.predictions(), weights)
    assert store.audit() == []
    path = path_of(store, generated.finished(), "weights")
    damage(path)
    (found,) = store.audit()
    assert found.path == path
    store.set_aside(found)
    assert store.audit() == []
    assert store.records()[0] == [generated.finished()]
    assert store.weights(generated.finished()) is None


def test_what_dead_writers_left_is_found(store: Store) -> None:
    fill(store, 1)
    (store.root / "records" / ".half.json.4711.tmp").write_text("{")
    for kind in ("predictions", "weights"):
        (store.root / kind / f"{'0' * 32}.npz").write_bytes(b"lonely")
    assert store.leftovers() == []  # a writer may be at work
    for path in store.root.rglob("*"):
        os.utime(path, (0, 0))
    assert [str(path.relative_to(store.root)) for path in store.leftovers()] == [
        "records/.half.json.4711.tmp",
        f"predictions/{'0' * 32}.npz",
        f"weights/{'0' * 32}.npz",
    ]
