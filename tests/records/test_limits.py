"""What each field of a record may be, on both sides of every limit."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests import generated
from weightbench.errors import RecordError
from weightbench.records.schema import WeightSummary, read_cost, read_record, write
from weightbench.registry.tracks import TRACKS

SUMMARY = WeightSummary(step=1, auroc=0.5, effective=1.0, zero=0.0, by_class=[1.0, None])
Path_ = tuple[str | int, ...]
GOOD: dict[Path_, list[Any]] = {}
BAD: dict[Path_, list[Any]] = {}

for _name in ("accuracy", "selected_accuracy", "chance"):
    GOOD["training", _name] = [0.0, 1.0]
    BAD["training", _name] = [-1e-9, 1 + 1e-9, None, "0.5", True]
GOOD["training", "realised_noise"] = [0.0, 1.0, None]
BAD["training", "realised_noise"] = [-1e-9, 1 + 1e-9, "0.5", True]
GOOD |= {
    ("training", "steps"): [0, 10**9, 2**53],
    ("training", "step_work"): [None, 1e-9, 1e9],
    ("training", "side_work"): [0, 0.0, 1e12],
    ("training", "track"): list(TRACKS),
    ("training", "sizes", "train"): [0, 2**53],
    ("training", "phases", "train"): [0.0, 1e10],
    ("training", "checksums", "data"): ["0" * 16, "f" * 64],
    ("training", "predictions"): ["0" * 16, "f" * 64],
    ("training", "used_holdout"): [True, False],
    ("training", "select_curve"): [[], [[0, 0.0], [1, 1.0]]],
    ("training", "peak_bytes"): [None, 0],
    ("training", "weights"): [None],
    ("training", "weights", "step"): [0],
    ("training", "weights", "auroc"): [None, 0.0, 1.0],
    ("training", "weights", "effective"): [0.0, 1.0, 1 + 1e-10],
    ("training", "weights", "zero"): [0.0, 1.0],
    ("training", "weights", "by_class"): [[], [0.5, None], [-1.0]],
    ("trial", "seed"): [0, 2**40],
    ("trial", "task"): ["x", "x" * 300],
    ("trial", "weighter"): ["x", "x" * 300],
    ("trial", "device"): ["cuda"],
    ("trial", "privileged"): [True],
    ("trial", "fingerprint"): ["0" * 16, "f" * 64],
    ("trial", "source"): ["0" * 16, "f" * 64],
    ("provenance", "commit"): [None, "abcdef0", "0" * 64],
    ("provenance", "threads"): [0],
    ("provenance", "packages"): [{}, {f"p{i}": "x" * 300 for i in range(50)}],
    ("provenance", "machine"): ["", "x" * 300],
    ("finished",): ["2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00.123456-01:30"],
}
BAD |= {
    ("training", "steps"): [-1, 2**53 + 1, 10**400, 0.5, None, "1", True],
    ("training", "step_work"): [0, -1.0, 1.1e9, 1e308, 10**400, "1", True],
    ("training", "side_work"): [-1e-9, 1.1e12, 1e308, 10**400, None, "1", True],
    ("training", "track"): [None, "", "a", "F", "AB", 1],
    ("training", "sizes", "train"): [-1, 0.5, None, 2**53 + 1],
    ("training", "sizes"): [{f"p{i}": 1 for i in range(51)}, {"": 1}, {"x" * 301: 1}],
    ("training", "phases", "train"): [-1e-9, None, "1", 1.1e10, 1e308],
    ("training", "phases"): [{f"p{i}": 1.0 for i in range(51)}],
    ("training", "checksums", "data"): ["0" * 15, "f" * 65, "F" * 16, "g" * 16, "", None],
    ("training", "predictions"): ["0" * 15, "f" * 65, "F" * 16, "0" * 16 + "\n", None],
    ("training", "used_holdout"): [None, 1, "yes"],
    ("training", "select_curve"): [
        [[-1, 0.5]],
        [[1, 1.1]],
        [[1]],
        [[1, 0.5, 1]],
        None,
        [[1, 0.5]] * 100_001,
    ],
    ("training", "peak_bytes"): [-1, 0.5],
    ("training", "weights", "step"): [-1, None],
    ("training", "weights", "auroc"): [-0.1, 1.1],
    ("training", "weights", "effective"): [-0.1, 1.001, None],
    ("training", "weights", "zero"): [-0.1, 1.1, None],
    ("training", "weights", "by_class"): [None, ["1"], [1e13], [-1e308], [1.0] * 100_001],
    ("trial", "seed"): [-1, 0.5, None, "0"],
    ("trial", "task"): ["", "x" * 301, None, 1],
    ("trial", "weighter"): ["", "x" * 301, None],
    ("trial", "device"): ["", "x" * 301, None],
    ("trial", "privileged"): [None, 1, "no"],
    ("trial", "fingerprint"): ["0" * 15, "f" * 65, "X" * 16, None],
    ("trial", "source"): ["0" * 15, "f" * 65, "X" * 16, None],
    ("provenance", "commit"): [1, "abc", "HEAD", "F" * 40, "0" * 65, "0" * 40 + "\n"],
    ("provenance", "dirty"): [None, 0],
    ("provenance", "machine"): [None, "x" * 301],
    ("provenance", "threads"): [-1, None],
    ("provenance", "packages"): [
        None,
        {"torch": 2},
        {"torch": ""},
        {f"p{i}": "1" for i in range(51)},
        {"torch": "1" * 301},
    ],
    ("finished",): ["", "x", None, "tomorrow", "2026-01-01", "2026-01-01T00:00:00", "9" * 40],
    ("status",): ["fine", None, "OK"],
    ("schema_version",): [0, 99, "1", None, 1.5],
    ("reason",): ["it failed", None],
}
COSTS: dict[str, tuple[list[Any], list[Any]]] = {
    **{
        name: ([1e-9, 1e9], [0.0, -1.0, None, "1", 0.9e-9, 1.1e9, 5e-324, 1e308])
        for name in ("time_ratio", "time_low", "time_high", "memory_ratio")
    },
    "flop_ratio": ([None, 1e-9, 1e9], [0.0, -1.0, "1", 1e308]),
    "step_seconds": ([0.0, 1e10], [-1e-9, None, 1.1e10]),
    "schema_version": ([], [0, 99, None]),
}


def changed(text: bytes, path: Path_, value: Any) -> Any:
    fields = json.loads(text)
    inner = fields
    for part in path[:-1]:
        inner = inner[part]
    assert path[-1] in inner
    inner[path[-1]] = value
    return fields


def whole() -> bytes:
    record = generated.finished()
    assert record.training is not None
    training = record.training.model_copy(update={"weights": SUMMARY})
    return write(record.model_copy(update={"training": training}))


def says(fields: Any, read: Callable[[str], object] = read_record) -> str:
    """What is wrong; the seal is looked at last, so "" where nothing else is."""
    try:
        read(json.dumps(fields))
    except RecordError as error:
        message = str(error)
    else:
        return ""
    return "" if message == "sha256: not the checksum of what the file holds" else message


@pytest.mark.parametrize(
    ("path", "value"), [(path, value) for path, values in GOOD.items() for value in values]
)
def test_what_a_field_may_be(path: Path_, value: Any) -> None:
    assert says(changed(whole(), path, value)) == ""


@pytest.mark.parametrize(
    ("path", "value"), [(path, value) for path, values in BAD.items() for value in values]
)
def test_what_a_field_may_not_be(path: Path_, value: Any) -> None:
    said = says(changed(whole(), path, value))
    assert said
    if path not in (("reason",), ("status",)):
        assert said.startswith(".".join(map(str, path)))


@pytest.mark.parametrize(
    ("name", "value", "good"),
    [(n, v, i == 0) for n, kinds in COSTS.items() for i in (0, 1) for v in kinds[i]],
)
def test_what_a_field_of_a_cost_may_be(name: str, value: Any, good: bool) -> None:
    said = says(changed(write(generated.cost()), (name,), value), read_cost)
    assert said.startswith(name) != good
    assert (said == "") == good


@pytest.mark.parametrize("part", ["trial", "training", "provenance"])
def test_nothing_is_added_and_nothing_left_out(part: str) -> None:
    fields = json.loads(whole())
    optional = {"weights", "peak_bytes", "version", "engine"}
    for name in sorted(set(fields[part]) - optional):
        fewer = json.loads(whole())
        del fewer[part][name]
        assert says(fewer).startswith(f"{part}.{name}: Field required")
    fields[part]["more"] = 1
    assert says(fields).startswith(f"{part}.more: Extra inputs are not permitted")


def test_reasons_have_a_length() -> None:
    for length, good in ((1, True), (2000, True), (2001, False)):
        fields = changed(write(generated.failure()), ("reason",), "x" * length)
        assert (says(fields) == "") == good


@pytest.mark.parametrize("status", ["ok", "error", "timeout", "oom", "diverged", "skipped"])
def test_every_status_is_known_and_two_of_them_are_results(status: str) -> None:
    if status == "ok":
        record = generated.finished()
    else:
        record = generated.failure().model_copy(update={"status": status})
    assert read_record(write(record)) == record
    assert record.is_final == (status in ("ok", "diverged"))


def test_a_numbers_last_digit_is_sealed() -> None:
    text = whole().decode()
    for old, new in (('"seed": 0', '"seed": 1'), ('"steps": 400', '"steps": 401')):
        assert text.count(old) == 1
        assert says(json.loads(text.replace(old, new))) == ""
    assert read_record(text.replace("\n", "\n\n")) == read_record(text)
