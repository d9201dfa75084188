"""Records: what is written is read back; anything else is one clear error."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests import generated
from weightbench.errors import RecordError
from weightbench.records.schema import Cost, Record, Trial, read_cost, read_record, write

names = st.text(min_size=1, max_size=40)
shares = st.floats(0, 1)
counts = st.integers(0, 2**40)


@given(names, counts, shares, st.lists(st.tuples(counts, shares)), st.dictionaries(names, counts))
def test_a_record_survives_json(
    name: str, seed: int, share: float, curve: list[tuple[int, float]], sizes: dict[str, int]
) -> None:
    plain = generated.finished()
    assert plain.training is not None
    training = plain.training.model_copy(
        update={"accuracy": share, "select_curve": curve, "sizes": sizes}
    )
    trial = plain.trial.model_copy(update={"weighter": name, "seed": seed})
    record = plain.model_copy(update={"trial": trial, "training": training})
    assert read_record(write(record)) == record


def test_failures_and_costs_survive_json() -> None:
    assert read_record(write(generated.failure())) == generated.failure()
    assert read_cost(write(generated.cost())) == generated.cost()


@pytest.mark.parametrize("field", sorted(set(Trial.model_fields) - {"version"}))
def test_every_field_of_a_trial_moves_its_key(field: str) -> None:
    trial = generated.trial()
    now = getattr(trial, field)
    other = (
        not now if isinstance(now, bool) else now + 1 if isinstance(now, int) else now[:-1] + "7"
    )
    assert trial.model_copy(update={field: other}).key != trial.key


def test_a_record_states_a_training_or_a_reason() -> None:
    record = generated.finished()
    for update in ({"training": None}, {"reason": "none"}, {"status": "timeout"}):
        with pytest.raises(ValidationError):
            Record(**{**dict(record), **update})


def _fields(content: Record | Cost) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(write(content))
    return fields


def _refused(text: str | bytes) -> str:
    with pytest.raises(RecordError) as caught:
        read_record(text)
    message = str(caught.value)
    assert message
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("training", "accuracy"), 1.5, "training.accuracy"),
        (("training", "accuracy"), "0.5", "training.accuracy"),
        (("trial", "seed"), -1, "trial.seed"),
        (("trial", "seed"), 0.5, "trial.seed"),
        (("trial", "fingerprint"), "xyz", "trial.fingerprint"),
        (("status",), "fine", "status"),
        (("schema_version",), 1, "schema 1"),
        (("schema_version",), 4, "newer version of weightbench"),
        (("schema_version",), True, "schema_version"),
        (("trial", "version"), "0.1.0", "schema 1"),
        (("extra",), 1, "extra"),
        (("sha256",), "00" * 32, "sha256"),
    ],
)
def test_the_error_names_the_field(path: tuple[str, ...], value: object, says: str) -> None:
    fields = _fields(generated.finished())
    inner = fields
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    assert says in _refused(json.dumps(fields))


@pytest.mark.parametrize("field", [*Record.model_fields, "sha256"])
def test_missing_fields(field: str) -> None:
    fields = _fields(generated.finished())
    del fields[field]
    _refused(json.dumps(fields))


def test_a_number_that_was_changed_by_hand_is_refused() -> None:
    text = write(generated.finished()).decode()
    assert "sha256" in _refused(text.replace('"accuracy": 0.75', '"accuracy": 0.95'))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe\x00",
        b"\x00" * 1000,
        b"[" * 100_000,
        b'{"trial":' * 100_000,
        b"9" * 10_000,
        b'{"schema_version": ' + b"9" * 10_000 + b"}",
        b'{"schema_version": ' + b"9" * 4_000 + b"}",
        b'{"status": "\\ud800"}',
        b'{"status": NaN}',
        b'{"status": 1e999}',
        b'{"sha256": []}',
    ],
)
def test_what_is_no_record_at_all(text: bytes) -> None:
    _refused(text)


def _truncate(text: bytes, rng: random.Random) -> bytes:
    return text[: rng.randrange(len(text.rstrip()))]


def _flip(text: bytes, rng: random.Random) -> bytes:
    changed = bytearray(text)
    changed[rng.randrange(len(text))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _swap_halves(text: bytes, rng: random.Random) -> bytes:
    cut = rng.randrange(1, len(text))
    return text[cut:] + text[:cut]


def _overwrite(text: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(text))
    noise = rng.randbytes(rng.randrange(1, 64))
    return text[:start] + noise + text[start + len(noise) :]


def _replace_value(text: bytes, rng: random.Random) -> bytes:
    fields = json.loads(text)
    inner = rng.choice([fields, fields["trial"], fields["training"], fields["provenance"]])
    strange: list[Any] = [None, [], {}, "", -1, 1e308, 10**30, True, [[[]]], "\x00", "9" * 5000]
    inner[rng.choice(list(inner))] = rng.choice(strange)
    return json.dumps(fields).encode()


def test_a_thousand_malformed_records() -> None:
    """Each is refused in one line; a changed blank between fields leaves the record as it was."""
    rng, record = random.Random(0), generated.finished()
    text = write(record)
    refused: list[str] = []
    for damage in itertools.cycle((_truncate, _flip, _swap_halves, _overwrite, _replace_value)):
        changed = damage(text, rng)
        try:
            assert read_record(changed) == record
        except RecordError as error:
            refused.append(str(error))
        if len(refused) == 1000:
            break
    assert not any("\n" in message for message in refused)
