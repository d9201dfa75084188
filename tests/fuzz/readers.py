"""The readers of what strangers send, each with an honest file and what must hold of it."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable, Iterator

import numpy as np

from tests import generated
from tests.fuzz.mutations import of_archive, of_bytes, of_json
from weightbench.errors import RecordError, SubmissionError
from weightbench.records.archive import unpack
from weightbench.records.predictions import Rows, names_of_rows, pack
from weightbench.records.schema import WeightSummary, read_cost, read_record, write
from weightbench.records.weights import Weights
from weightbench.submission.manifest import Manifest
from weightbench.submission.possible import refuse_the_impossible
from weightbench.submission.safe import arrays_of, json_of, model_of
from weightbench.texts import is_plain

Mutation = Callable[[bytes, random.Random], bytes]
EXAMPLES = 50
PACKAGES = {"python": "3.11.7", "weightbench": "0.1.0", "torch": "2.6.0", "numpy": "2.0.0"}
MADE = generated.MADE.model_copy(update={"packages": PACKAGES, "commit": "ab" * 20})


@dataclasses.dataclass(frozen=True)
class Reader:
    """How a kind of file is read, and checked where it was accepted.

    ``read`` ends, or raises one of ``refusals``; anything else is a finding.
    """

    read: Callable[[bytes], None]
    honest: bytes
    mutations: tuple[Mutation, ...]
    refusals: tuple[type[Exception], ...]


def _record(content: bytes) -> None:
    found = read_record(content)
    assert read_record(write(found)) == found
    refuse_the_impossible(found, "x")


def _cost(content: bytes) -> None:
    found = read_cost(content)
    assert read_cost(write(found)) == found
    refuse_the_impossible(found, "x")


def _manifest(content: bytes) -> None:
    made = model_of(Manifest, json_of(content, "x"), "x")
    assert is_plain(made.contact + made.paper + made.code)


def _json(content: bytes) -> None:
    assert all(map(is_plain, _texts(json_of(content, "x"))))


def _texts(found: object) -> Iterator[str]:
    if isinstance(found, dict):
        yield from found
    if isinstance(found, dict | list):
        for one in found.values() if isinstance(found, dict) else found:
            yield from _texts(one)
    elif isinstance(found, str):
        yield found


def _predictions(content: bytes) -> None:
    found = arrays_of(content, dict.fromkeys(("last", "selected"), EXAMPLES))
    assert all(len(classes) <= EXAMPLES * 8 + 256 for classes in found.values())


def _archive(content: bytes) -> None:
    unpack(content, dict.fromkeys(("last", "selected"), EXAMPLES))


def _rows(content: bytes) -> None:
    found = Rows.kept(unpack(content, dict.fromkeys(names_of_rows(grouped=True), EXAMPLES)))
    assert len(found.sha256) == 64


def _weights(content: bytes) -> None:
    found = Weights.unpack(content, EXAMPLES)
    for more in (found.label, found.clean, found.index, found.ids):
        assert more is None or len(more) == len(found.weight)


def _honest_record() -> bytes:
    summary = WeightSummary(step=400, auroc=0.5, effective=1.0, zero=0.0, by_class=[1.0, None])
    record = generated.finished()
    assert record.training
    training = record.training.model_copy(update={"weights": summary})
    return write(record.model_copy(update={"training": training, "provenance": MADE}))


def _honest_manifest() -> bytes:
    claim = {"fingerprint": "ab" * 32, "data": "ab" * 32}
    fields = {
        "name": "mine", "contact": "me@example.org", "paper": "https://example.org/paper",
        "code": "https://example.org/code", "weighter": "mine.py:Mine[temperature=2.0]+conf",
        "source": "ab" * 32, "suite": "quick", "tasks": {"digits-uniform-flip-v0": claim},
        "files": dict.fromkeys(("records.json", "predictions.npz", "weighter.txt"), "ab" * 32),
    }  # fmt: skip
    return json.dumps(fields).encode()


def _honest_weights() -> bytes:
    summary = WeightSummary(step=1, auroc=0.5, effective=1.0, zero=0.0, by_class=[1.0, None])
    ones = np.ones(EXAMPLES)
    rows = np.arange(EXAMPLES)
    made = Weights(
        ones, ones.astype(np.int64), ones.astype(bool), (summary,), rows, rows.astype(str)
    )
    return made.pack()


def readers() -> dict[str, Reader]:
    """By name."""
    both, texts = (of_bytes, of_archive, of_archive), (of_bytes, of_json, of_json, of_json)
    refused = (RecordError, SubmissionError)
    predictions = pack(generated.predictions())
    return {
        "record": Reader(_record, _honest_record(), texts, refused),
        "cost": Reader(_cost, write(generated.cost(provenance=MADE)), texts, refused),
        "manifest": Reader(_manifest, _honest_manifest(), texts, refused),
        "JSON": Reader(_json, _honest_record(), texts, refused),
        "archive": Reader(_archive, predictions, both, refused),
        "rows": Reader(_rows, pack({}, generated.rows(grouped=True)), both, refused),
        "predictions": Reader(_predictions, predictions, both, refused),
        "weights": Reader(_weights, _honest_weights(), both, (RecordError, ValueError)),
    }
