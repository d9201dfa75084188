"""A real submission of two trials, and edits of a copy of it that keep its checksums right."""

from __future__ import annotations

import contextlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.shell import TINY
from weightbench.commands.scaffold import scaffold
from weightbench.errors import BadSpec
from weightbench.evaluation.trial import plan, run_trial
from weightbench.identity import checksum_of_text
from weightbench.records.predictions import checksum
from weightbench.records.schema import _seal, read_record
from weightbench.records.store import Store
from weightbench.registry import SUITES, Suite
from weightbench.submission.bundling import About, bundle
from weightbench.submission.manifest import sha256
from weightbench.submission.reading import read
from weightbench.training.task import make_task

SUITE = "tiny-submissions"
ABOUT = About("mine", "me@example.org", "https://example.org/paper", "https://example.org/code")
if SUITE not in SUITES.names():
    SUITES.add(SUITE, Suite((TINY,), ("uniform",), 2))


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in ``folder``, as a contributor does."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def train(store: Store, weighter: str, seeds: int = 2) -> None:
    store.create()
    for trial in plan([TINY], [weighter], range(seeds), "cpu"):
        outcome = run_trial(trial)
        store.put(outcome.record, outcome.predictions, rows=outcome.rows)


def make(place: Path) -> Path:
    """The folder of a submission, made as a contributor makes it."""
    with inside(place):
        _, spec = scaffold("weighter", "mine", Path())
        store = Store("runs")
        train(store, spec)
        return bundle(spec, store, ABOUT, SUITE, Path("leaderboard", "submissions"))


def npy(classes: bytes, length: int, dtype: str = "|u1") -> bytes:
    """An array's file that claims ``length`` predictions."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({length},), }}".encode()
    header += b" " * (117 - len(header)) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + classes


class Folder:
    """A copy of a submission that a stranger has worked on."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def write(self, name: str, content: bytes) -> None:
        """Replace a file, and its checksum in the manifest."""
        (self / name).write_bytes(content)
        if name != "manifest.json":
            self.manifest(lambda m: m["files"].update({name: sha256(content)}))

    def manifest(self, edit: Callable[[Any], object]) -> None:
        fields = json.loads((self / "manifest.json").read_text())
        edit(fields)
        (self / "manifest.json").write_text(json.dumps(fields))

    def records(self, edit: Callable[[list[Any]], object]) -> None:
        """Edit the records and seal them again."""
        fields = json.loads((self / "records.json").read_text())
        edit(fields["records"])
        for one in fields["records"]:
            one.pop("sha256")
            one["sha256"] = _seal(one)
        self.write("records.json", json.dumps(fields).encode())

    def made(self) -> list[Any]:
        """The records as they are now."""
        records: list[Any] = json.loads((self / "records.json").read_text())["records"]
        return records

    def first(self, edit: Callable[[Any], object]) -> None:
        """Edit the first record."""
        self.records(lambda records: edit(records[0]))

    def source(self, text: str) -> None:
        """Another source, that everything else claims to have been made with."""
        try:
            digest = checksum_of_text(text.encode(), "Mine")
        except BadSpec:
            digest = sha256(text.encode())
        self.write("weighter.txt", text.encode())
        self.manifest(lambda m: m.update(source=digest))
        self.records(lambda records: [r["trial"].update(source=digest) for r in records])
        self.rekey()

    def rekey(self) -> None:
        """Name the predictions after the trials as they are now."""
        records = json.loads((self / "records.json").read_text())["records"]
        keys = [read_record(json.dumps(record)).trial.key for record in records]
        before = list(dict.fromkeys(name.split(".")[0] for name in self.members()))
        new = dict(zip(before, keys, strict=True))
        members = self.members().items()
        self.pack([(new[n.split(".")[0]] + n[n.index(".") :], c) for n, c in members])

    def training(self, **changes: Any) -> None:
        self.first(lambda record: record["training"].update(changes))

    def replace(self, name: str, old: bytes, new: bytes) -> None:
        content = (self / name).read_bytes()
        assert old in content
        self.write(name, content.replace(old, new, 1))

    def members(self) -> dict[str, bytes]:
        with zipfile.ZipFile(self / "predictions.npz") as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def pack(
        self,
        members: Sequence[tuple[str | zipfile.ZipInfo, bytes]],
        kind: int = zipfile.ZIP_DEFLATED,
    ) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", kind) as archive:
            for name, content in members:
                archive.writestr(name, content)
        self.write("predictions.npz", buffer.getvalue())

    def swap_member(self, content: bytes) -> None:
        """Replace the first array."""
        members = self.members()
        members[next(iter(members))] = content
        self.pack(list(members.items()))

    def put_right(self, number: int) -> None:
        """Claim that so many mistakes of each trial had not been made, consistently."""
        submission, members, changes = read(self.path), [], {}
        for record in submission.records:
            key, seed = record.trial.key, record.trial.seed
            task, found = make_task(record.trial.task), submission.predictions[key]
            truth = task.data.labels[task.split(seed).test]
            wrong = np.flatnonzero(found["last"] != truth)[:number]
            found["last"][wrong] = truth[wrong]
            accuracy = float((found["last"] == truth).mean())
            changes[seed] = {"accuracy": accuracy, "predictions": checksum(found), "scores": None}
            for kind, classes in found.items():
                content = npy(classes.astype("u1").tobytes(), len(classes))
                members.append((f"{key}.{kind}.npy", content))
        self.records(lambda rs: [r["training"].update(changes[r["trial"]["seed"]]) for r in rs])
        self.pack(members)
