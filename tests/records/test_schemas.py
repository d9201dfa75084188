"""Records of every schema there was are read, and what is not of any is named."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests import generated
from weightbench._version import ENGINE
from weightbench.errors import RecordError
from weightbench.records.schema import Cost, Record, read_cost, read_record, write

PUBLISHED = Path(__file__).parents[2] / "leaderboard"


def sealed(fields: dict[str, Any]) -> bytes:
    """As the writer seals: over the content with sorted names."""
    fields = {name: value for name, value in fields.items() if name != "sha256"}
    seal = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
    return json.dumps({**fields, "sha256": seal}, indent=1).encode()


def fields_of(content: Record | Cost) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(write(content))
    return found


def second(content: Record | Cost) -> dict[str, Any]:
    """The same as schema 2 had it: with steps of side trainings, and no work and track."""
    fields = fields_of(content)
    if training := fields.get("training"):
        del training["step_work"], training["track"]
        training["side_steps"] = int(training.pop("side_work"))
    return {**fields, "schema_version": 2}


def old(content: Record | Cost, version: str = "0.1.0") -> bytes:
    """The same as schema 1 had it: with the version of weightbench and without the engine."""
    fields = second(content)
    del fields["trial"]["engine"]
    fields["trial"]["version"] = version
    return sealed({**fields, "schema_version": 1})


def key(trial: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(trial, sort_keys=True).encode()).hexdigest()[:32]


def test_what_is_written_today() -> None:
    for content in (generated.finished(), generated.failure(), generated.cost()):
        fields = fields_of(content)
        assert sealed(fields) == write(content)
        assert fields["schema_version"] == 3
        assert fields["trial"]["engine"] == ENGINE
        assert "version" not in fields["trial"]
        assert content.trial.key == key(fields["trial"])


def test_a_record_of_schema_1_is_read_and_written_as_it_was() -> None:
    """Its key is the one it was filed under, so that nothing has to be renamed."""
    text = old(generated.finished())
    record = read_record(text)
    assert (record.trial.engine, record.trial.version, record.schema_version) == (0, "0.1.0", 2)
    assert record.training == generated.finished().training
    assert write(record) == text
    assert record.trial.key == key(json.loads(text)["trial"])
    other = read_record(old(generated.finished(), "0.2.0"))
    assert len({record.trial.key, other.trial.key, generated.finished().trial.key}) == 3


@pytest.mark.parametrize("used", [True, False])
def test_a_record_of_schema_2_is_read_and_written_as_it_was(used: bool) -> None:
    made = generated.record(
        generated.TASK, "uniform", 0, 0.75, used_holdout=used, side_work=7.0, step_work=None
    )
    text = sealed(second(made))
    record = read_record(text)
    assert record.training == made.training
    assert record.schema_version == 2
    assert write(record) == text


def test_a_cost_of_schema_1_is_read_and_written_as_it_was() -> None:
    text = old(generated.cost())
    assert write(read_cost(text)) == text


@pytest.mark.parametrize("kind", ["records", "costs"])
def test_published_files_are_read_under_the_names_they_have(kind: str) -> None:
    files = sorted((PUBLISHED / kind).glob("*.json"))[:40]
    assert files
    for path in files:
        read = read_record if kind == "records" else read_cost
        made = read(path.read_bytes())
        assert made.trial.key == path.stem
        assert read(write(made)) == made


def refused(fields: Any) -> str:
    with pytest.raises(RecordError) as caught:
        read_record(sealed(fields) if isinstance(fields, dict) else json.dumps(fields))
    return str(caught.value)


@pytest.mark.parametrize("version", [4, 99])
def test_a_record_of_a_newer_schema_is_said_to_be_one(version: int) -> None:
    assert refused({**fields_of(generated.finished()), "schema_version": version}) == (
        f"schema_version: made by a newer version of weightbench, {version}; "
        "this version reads 1 to 3"
    )


@pytest.mark.parametrize("version", [0, -1, "1", "2", 1.0, 2.0, True, None, [1]])
def test_what_is_no_schema_is_named(version: object) -> None:
    said = refused({**fields_of(generated.finished()), "schema_version": version})
    assert said == f"schema_version: {version!r}; this version reads 1 to 3"


def test_schemas_are_not_mixed() -> None:
    today = fields_of(generated.finished())
    one = json.loads(old(generated.finished()))
    says = "trial: a record of schema 1 names the version of weightbench"
    assert refused({**today, "schema_version": 1}) == says
    both = {**one["trial"], "engine": 0}
    assert refused({**one, "trial": both}) == says
    assert refused({**one, "trial": None}) == says
    assert refused({**one, "trial": [1]}) == says
    assert refused({**one, "schema_version": 2}) == "trial.version: belongs to schema 1"
    assert refused({**one, "schema_version": 3}) == "trial.version: belongs to schema 1"
    two = second(generated.finished())
    assert refused({**today, "schema_version": 2}) == "training.side_work: belongs to schema 3"
    assert refused({**two, "schema_version": 3}).startswith("training.step_work: ")
    del two["training"]["side_steps"]
    assert refused(two) == "training.side_steps: Field required"
    named = {**today["trial"], "version": "0.1.0"}
    assert refused({**today, "trial": named}) == "trial.version: belongs to schema 1"
    assert refused({**today, "trial": None}).startswith("trial: ")


def test_a_seal_is_over_the_file_as_it_was_written() -> None:
    text = old(generated.finished())
    changed = text.replace(b'"version": "0.1.0"', b'"version": "0.1.1"')
    assert changed != text
    with pytest.raises(RecordError, match="sha256: not the checksum of what the file holds"):
        read_record(changed)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([], "the file: Input should be an object"),
        ("x", "the file: Input should be an object"),
        ({}, "trial: Field required"),
    ],
)
def test_what_is_no_record_is_named_by_where_it_goes_wrong(content: Any, says: str) -> None:
    assert refused(content) == says
