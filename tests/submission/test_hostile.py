"""Every hostile submission is refused for its own reason, in one line, and nothing is written."""

from __future__ import annotations

import json
import os
import shutil
import stat
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz.mutations import zipped
from tests.shell import TINY
from tests.submission.made import Folder, npy, train
from weightbench.errors import SubmissionError
from weightbench.records.schema import _seal
from weightbench.records.store import Store
from weightbench.submission.verifying import verify

Edit = Callable[[Folder], object]


def set_(**changes: object) -> Edit:
    """Set fields of the manifest."""
    return lambda f: f.manifest(lambda m: m.update(changes))


def trial(**changes: object) -> Edit:
    """Set fields of the first record's trial."""
    return lambda f: f.first(lambda r: r["trial"].update(changes))


def made_with(**changes: object) -> Edit:
    return lambda f: f.first(lambda r: r["provenance"].update(changes))


def text(name: str, old: bytes, new: bytes) -> Edit:
    return lambda f: f.replace(name, old, new)


def link(name: str, target: str) -> Edit:
    def edit(f: Folder) -> None:
        (f / name).unlink()
        (f / name).symlink_to(target)

    return edit


def linked_folder(f: Folder) -> None:
    f.path.rename(f.path.with_name("elsewhere"))
    f.path.symlink_to("elsewhere")


def pipe(f: Folder) -> None:
    (f / "weighter.txt").unlink()
    os.mkfifo(f / "weighter.txt")


def huge(name: str) -> Edit:
    def edit(f: Folder) -> None:
        with (f / name).open("wb") as file:
            file.truncate(10**10)  # a hole: nothing is on the disk

    return edit


def claims(**changes: str) -> Edit:
    return lambda f: f.manifest(lambda m: m["tasks"][TINY].update(changes))


def other_task(f: Folder) -> None:
    """Consistent in itself: manifest and records name another definition of the task."""
    claims(fingerprint="ab" * 32)(f)
    f.records(lambda rs: [r["trial"].update(fingerprint="ab" * 32) for r in rs])
    f.rekey()


def other_data(f: Folder) -> None:
    claims(data="ab" * 32)(f)
    f.records(lambda rs: [r["training"]["checksums"].update(data="ab" * 32) for r in rs])


def missing_trial(f: Folder) -> None:
    f.records(lambda records: records.pop())
    f.pack(list(f.members().items())[:2])


def checksum(name: str) -> Edit:
    return lambda f: f.first(lambda r: r["training"]["checksums"].update({name: "ab" * 32}))


def hand_edited(f: Folder) -> None:
    """A better accuracy, without a new seal."""
    fields = json.loads((f / "records.json").read_text())
    fields["records"][0]["training"]["accuracy"] = 0.99
    f.write("records.json", json.dumps(fields).encode())


def edited_predictions(f: Folder) -> None:
    content = next(iter(f.members().values()))
    f.swap_member(content[:-1] + bytes([content[-1] ^ 1]))


def odd_member(name: str) -> Edit:
    return lambda f: f.pack([*f.members().items(), (name, b"x")])


def linked_member(f: Folder) -> None:
    members = f.members()
    info = zipfile.ZipInfo(next(iter(members)))
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    f.pack([(info, b"/etc/passwd"), *list(members.items())[1:]])


def twice(f: Folder) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        f.pack([*f.members().items(), next(iter(f.members().items()))])


def bomb(f: Folder) -> None:
    f.swap_member(b"\0" * (65 * 2**20))


def pickled(f: Folder) -> None:
    f.swap_member(npy(b"cos\nsystem\n(S'true'\ntR.", 100, "|O"))


def copied(f: Folder) -> None:
    """Uniform's records in the name of another weighter."""
    train(Store(f.path.parent.parent), "uniform")
    records, _ = Store(f.path.parent.parent).records()
    replayed = {r.trial.seed: r for r in records}
    f.records(
        lambda rs: [
            r.update(
                training=json.loads(replayed[r["trial"]["seed"]].model_dump_json())["training"]
            )
            for r in rs
        ]
    )
    store = Store(f.path.parent.parent)
    keys: dict[str, int] = {}
    for name in f.members():
        key, kind, _ = name.split(".")
        keys.setdefault(key, len(keys))
        classes = store.predictions(replayed[keys[key]])[kind]
        f.pack(
            [(n, c) if n != name else (n, npy(classes.astype("u1").tobytes(), len(classes)))
             for n, c in f.members().items()]
        )  # fmt: skip


def neighbour(f: Folder) -> None:
    shutil.copytree(f.path, f.path.with_name("other"))
    Folder(f.path.with_name("other")).manifest(lambda m: m.update(name="other"))


def repeated_key(f: Folder) -> None:
    content = (f / "manifest.json").read_bytes()
    (f / "manifest.json").write_bytes(content.replace(b"{", b'{"name": "mine",', 1))


def nested(depth: int) -> Edit:
    def edit(f: Folder) -> None:
        deep = b"[" * depth + b"]" * depth
        (f / "manifest.json").write_bytes(b'{"name": ' + deep + b"}")

    return edit


def numbers(value: str) -> Edit:
    return text("records.json", b'"chance": ', f'"chance": {value}, "x": '.encode())


def huge_header(f: Folder) -> None:
    """Version 2 of the format, whose header may have 4 GiB."""
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (100,), }" + b" " * 2**20 + b"\n"
    f.swap_member(b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little") + header + b"\1" * 100)


def renamed_member(f: Folder) -> None:
    """The archive's index and the member itself disagree on its name."""
    content = (f / "predictions.npz").read_bytes()
    first = next(iter(f.members())).encode()
    f.write("predictions.npz", content.replace(first, b"../" + first[3:], 1))


def capitals(f: Folder) -> None:
    members = list(f.members().items())
    f.pack([*members, (members[0][0].upper(), members[0][1])])


def cost(**changes: object) -> Edit:
    """A cost of its own, as it might be submitted."""

    def edit(f: Folder) -> None:
        fields = json.loads((f / "records.json").read_text())
        first = fields["records"][0]
        made = {
            "schema_version": 2, "trial": {**first["trial"], "seed": 0}, "time_ratio": 1.0,
            "time_low": 0.9, "time_high": 1.1, "step_seconds": 0.001, "flop_ratio": 1.0,
            "memory_ratio": 1.0, "provenance": first["provenance"], **changes,
        }  # fmt: skip
        fields["costs"] = [{**made, "sha256": _seal(made)}]
        f.write("records.json", json.dumps(fields).encode())

    return edit


def version(**packages: str) -> Edit:
    """Other versions, wherever they are told."""
    return lambda f: f.records(
        lambda rs: [r["provenance"]["packages"].update(packages) for r in rs]
    )


def all_made_with(**changes: object) -> Edit:
    return lambda f: f.records(lambda rs: [r["provenance"].update(changes) for r in rs])


def finished(time: str) -> Edit:
    return lambda f: f.first(lambda r: r.update(finished=time))


def engine(number: int) -> Edit:
    def edit(f: Folder) -> None:
        f.records(lambda rs: [r["trial"].update(engine=number) for r in rs])
        f.rekey()

    return edit


def lying(claims: dict[str, int], more: int = 0) -> Edit:
    """An archive whose index says something else of the first member than it holds."""

    def edit(f: Folder) -> None:
        (name, content), *others = f.members().items()
        lies = {"crc": zlib.crc32(content), **claims}
        first = (name.encode(), content + b"\0" * more, lies)
        f.write("predictions.npz", zipped([first, *((n.encode(), c, {}) for n, c in others)]))

    return edit


def members(count: int) -> Edit:
    return lambda f: f.write(
        "predictions.npz", zipped([(b"%d.npy" % i, b"", {}) for i in range(count)], kind=0)
    )


def renamed(name: str) -> Edit:
    """The folder and its manifest under another name."""

    def edit(f: Folder) -> None:
        f.manifest(lambda m: m.update(name=name))
        f.path = f.path.rename(f.path.with_name(name))

    return edit


def keys(number: int) -> bytes:
    """An object of so many keys, the last of them twice."""
    inside = ", ".join(f'"{i}": 0' for i in (*range(number), number - 1))
    return f"{{{inside}}}".encode()


MARKS = "a" + "\u0300\u0316" * 30_000
MILLION = b'{"schema_version": 1, "costs": [], "records": [' + b"{}," * (10**6 - 1) + b"{}]}"


def training(**changes: object) -> Edit:
    """Set fields of every record's training."""
    return lambda f: f.records(lambda rs: [r["training"].update(changes) for r in rs])


def weights(**changes: object) -> Edit:
    return lambda f: f.records(lambda rs: [r["training"]["weights"].update(changes) for r in rs])


def everywhere(**changes: object) -> Edit:
    """Set fields of every record's provenance."""
    return lambda f: f.records(lambda rs: [r["provenance"].update(changes) for r in rs])


def packages(**changes: str) -> Edit:
    return lambda f: f.records(lambda rs: [r["provenance"]["packages"].update(changes) for r in rs])


def all_failed(f: Folder) -> None:
    """There is nothing to score and nothing to train again."""
    failure = {"status": "error", "reason": "it failed", "training": None}
    f.records(lambda rs: [r.update(failure) for r in rs])
    f.pack([])


def another_engine(f: Folder) -> None:
    f.records(lambda rs: [r["trial"].update(engine=7) for r in rs])
    f.rekey()


def copied_but_for_one(f: Folder) -> None:
    """Uniform's predictions, one mistake of each trial put right."""
    copied(f)
    f.put_right(1)


ESC = "\x1b[2J\x1b[31mfirst place"
HTML = "<script>alert(1)</script>"
HOSTILE: dict[str, tuple[Edit, str]] = {
    # names, links, files
    "traversal in the name": (set_(name="../../etc"), "name: String should match pattern"),
    "another folder's name": (set_(name="other"), "its manifest says 'other'"),
    "traversal in the weighter": (set_(weighter="../evil.py:Evil"), "weighter: String should"),
    "absolute weighter": (set_(weighter="/etc/evil.py:Evil"), "weighter: String should match"),
    "built-in weighter": (set_(weighter="oracle"), "weighter: String should match pattern"),
    "linked manifest": (link("manifest.json", "/etc/passwd"), "manifest.json is a link"),
    "linked predictions": (link("predictions.npz", "/dev/zero"), "predictions.npz is a link"),
    "linked folder": (linked_folder, "is no folder (a link is none)"),
    "named pipe": (pipe, "weighter.txt is not a regular file"),
    "another file": (lambda f: (f / "setup.py").touch(), "holds 'setup.py'"),
    "a hidden file": (lambda f: (f / ".x\x1b[31m").touch(), "which does not belong there"),
    "a folder inside": (lambda f: (f / "x").mkdir(), "holds 'x', which does not belong"),
    "a missing file": (lambda f: (f / "weighter.txt").unlink(), "holds no weighter.txt"),
    # JSON
    "gigantic manifest": (huge("manifest.json"), "manifest.json has 10,000,000,000 bytes"),
    "gigantic records": (huge("records.json"), "records.json has 10,000,000,000 bytes"),
    "gigantic predictions": (huge("predictions.npz"), "predictions.npz has 10,000,000,000"),
    "nested": (nested(100), "nested deeper than 12 levels"),
    "nested beyond the parser": (nested(30_000), "nested deeper than 12 levels"),
    "key twice": (repeated_key, "the key 'name' is there twice"),
    "NaN": (numbers("NaN"), "the number NaN is not finite"),
    "infinity": (numbers("-Infinity"), "the number -Infinity is not finite"),
    "overflowing number": (numbers("1e999"), "the number 1e999 is not finite"),
    "a number without end": (numbers("9" * 5000), "a number has 5,000 digits; at most 40"),
    "UTF-16": (
        lambda f: (f / "manifest.json").write_bytes("{}".encode("utf-16")), "is not UTF-8",
    ),
    "Latin-1": (text("records.json", b'"machine": "', b'"machine": "\xe9'), "is not UTF-8"),
    "byte order mark": (
        lambda f: (f / "manifest.json").write_bytes(b"\xef\xbb\xbf{}"), "is not JSON",
    ),
    "lone surrogate": (text("records.json", b'"machine": "', b'"machine": "\\ud800'), "control"),
    "a list": (lambda f: (f / "manifest.json").write_bytes(b"[]"), "is not a JSON object"),
    "unknown field": (set_(badge="reproduced"), "badge: Extra inputs are not permitted"),
    "another schema": (set_(schema_version=2), "schema_version: Input should be 1"),
    "too many records": (lambda f: f.records(lambda rs: rs.extend(
        [dict(rs[0]) for _ in range(2000)])), "not a list of at most 2000"),
    "a million records": (
        lambda f: f.write("records.json", MILLION), "holds more than 1,000,000 values and keys",
    ),
    # texts
    "HTML in the contact": (set_(contact=HTML), "a text holds markup"),
    "escapes in the contact": (set_(contact=ESC), "a text holds control characters"),
    "HTML in an address": (set_(paper=f"https://example.org/{HTML}"), "a text holds markup"),
    "script as an address": (set_(code="javascript:alert(1)"), "code: String should match"),
    "quotes in an address": (set_(code='https://example.org/"onclick="x'), "code: String should"),
    "right-to-left override": (set_(contact="me\u202egro.elpmaxe"), "control characters"),
    "HTML in the machine": (made_with(machine=HTML), "a text holds markup"),
    "escapes in a package": (made_with(packages={ESC: "1"}), "a text holds control characters"),
    "escapes in the weighter": (trial(weighter=ESC), "a text holds control characters"),
    "HTML in a task": (trial(task=HTML), "a text holds markup"),
    "piled accents": (set_(contact="me" + "\u0335\u0321\u0348" * 9), "invisible or piled ones"),
    "zero width": (set_(contact="m\u200be@example.org"), "a text holds control characters"),
    "no time": (lambda f: f.first(lambda r: r.update(finished="tomorrow")), "finished: String"),
    "escapes in the source": (
        lambda f: f.write("weighter.txt", ESC.encode()), "line 1 holds control characters",
    ),
    "hidden direction in the source": (
        lambda f: f.write("weighter.txt", "x = 1  # \u202e".encode()), "line 1 holds control",
    ),
    # archive
    "zip bomb": (bomb, "unpacks to more than 33,554,432 bytes"),
    "no archive": (lambda f: f.write("predictions.npz", b"PK"), "no archive that can be read"),
    "traversal in the archive": (odd_member("../../evil.py"), "belongs to no record"),
    "absolute path in the archive": (odd_member("/etc/evil"), "belongs to no record"),
    "nested archive": (odd_member("more.zip"), "holds 'more.zip', which belongs to no record"),
    "link in the archive": (linked_member, "is a link"),
    "member twice": (twice, "holds a name twice"),
    "member missing": (
        lambda f: f.pack(list(f.members().items())[1:]), "predictions.npz holds no ",
    ),
    "odd packing": (
        lambda f: f.pack(list(f.members().items()), zipfile.ZIP_LZMA), "packed in an unusual way",
    ),
    "pickle": (pickled, "is not a plain array"),
    "10^9 predictions": (lambda f: f.swap_member(npy(b"\1" * 100, 10**9)), "1,000,000,000"),
    "too few predictions": (lambda f: f.swap_member(npy(b"\1" * 9, 9)), "has 9 predictions"),
    "a huge header": (huge_header, "an array of 100 entries belongs there"),
    "two names for a member": (renamed_member, "no archive that can be read"),
    "a member in capitals": (capitals, "belongs to no record"),
    "text for an array": (lambda f: f.swap_member(b"0,1,2"), "is not a plain array"),
    "a member beyond its claim": (lying({"size": 228}, 2**26), "no archive that can be read"),
    "a member that claims 4 GiB": (lying({"size": 2**32 - 1}), "unpacks to more than"),
    "a member that claims less": (lying({"size": 9}), "no archive that can be read"),
    "a member elsewhere": (lying({"at": 2**31}), "no archive that can be read"),
    "members without end": (members(60_000), "holds more than the 4 arrays"),
    # bounds and provenance
    "keys without end": (
        lambda f: f.write("records.json", keys(300_000)), "the key '299999' is there twice",
    ),
    "a text without end": (made_with(machine="x" * 10**6), "a text has 1,000,000 characters"),
    "marks without end": (made_with(machine=MARKS), "a text has 60,001 characters"),
    "marks in the contact": (set_(contact=MARKS[:1900]), "invisible or piled ones"),
    "a Hangul filler": (set_(contact="me\u3164@example.org"), "invisible or piled ones"),
    "a Braille blank": (set_(contact="me\u2800@example.org"), "invisible or piled ones"),
    "hidden bytes": (set_(contact="me\U000e0141@example.org"), "invisible or piled ones"),
    "a pile of tones": (set_(contact="me" + "\u0e49" * 30), "invisible or piled ones"),
    "a pile of half marks": (made_with(machine="x" + "\ufe20" * 9), "invisible or piled ones"),
    "a command in the contact": (set_(contact="::error::no"), "build server takes for a command"),
    "a command in an address": (
        set_(paper="https://example.org/##[error]no"), "build server takes for a command",
    ),
    "no steps": (lambda f: f.training(steps=0), "a training has steps"),
    "steps beyond numbers": (lambda f: f.training(steps=2**64), "training.steps: Input should be"),
    "seconds beyond time": (lambda f: f.training(phases={"train": 1e308}), "phases.train: Input"),
    "a curve beyond the end": (
        lambda f: f.training(select_curve=[[21, 0.5]]), "the steps of the curve are not those",
    ),
    "sizes of nothing": (lambda f: f.training(sizes={}), "sizes are not those of a training"),
    "a cost beyond numbers": (cost(time_ratio=1e308), "time_ratio: Input should be less"),
    "a cost of nothing": (cost(memory_ratio=5e-324), "memory_ratio: Input should be greater"),
    "operations beyond numbers": (cost(flop_ratio=1.7e308), "flop_ratio: Input should be less"),
    "quartiles in disorder": (cost(time_low=1.2), "is not between their quartiles"),
    "a date to come": (finished("9999-12-31T23:59:59+00:00"), "when it cannot have been"),
    "a date before there was any": (
        finished("1970-01-01T00:00:00+00:00"), "when it cannot have been",
    ),
    "a day that is none": (finished("2026-02-31T00:00:00+00:00"), "when it cannot have been"),
    "no zone": (finished("2026-01-01T00:00:00"), "finished: String should match"),
    "an engine to come": (engine(99), "made with engine 99, whose numbers"),
    "an engine of the past": (engine(0), "made with engine 0, whose numbers"),
    "a version too old": (version(torch="1.0.0"), "it takes torch>=2.5"),
    "a Python too old": (version(python="2.7.18"), "made with another Python than 3"),
    "no versions": (all_made_with(packages={}), "made without numpy"),
    # names
    "a device of Windows": (renamed("aux"), "aux is no name for a file everywhere"),
    "a port of Windows": (renamed("com1"), "com1 is no name for a file everywhere"),
    "a weighter in a device": (set_(weighter="con.py:Mine"), "con.py is no name for a file every"),
    # what is not true
    "hand-edited score": (hand_edited, "sha256: not the checksum"),
    "hand-edited score, sealed": (lambda f: f.training(accuracy=0.99), "the record says last"),
    "hand-edited selected score": (
        lambda f: f.training(selected_accuracy=0.99), "the record says selected 0.99",
    ),
    "hand-edited noise": (lambda f: f.training(realised_noise=0.9), "the record says noise 0.9"),
    "hand-edited chance": (lambda f: f.training(chance=0.9), "weights are told of 3 classes"),
    "a score above 1": (lambda f: f.training(accuracy=1.5), "less than or equal to 1"),
    "more steps": (lambda f: f.training(steps=10**6), "1000000 steps; the task has 20"),
    "edited predictions": (edited_predictions, "does not hold the predictions its record"),
    "another task's definition": (other_task, "made with another definition of the task"),
    "claims another definition": (claims(fingerprint="ab" * 32), "than the manifest names"),
    "claims other data": (claims(data="ab" * 32), "trained on other data than the manifest"),
    "other data": (other_data, "checksum of the data is not that of the task's data"),
    "other splits": (checksum("splits"), "the splits are not the task's"),
    "other sizes": (
        lambda f: f.first(lambda r: r["training"]["sizes"].update(train=239)),
        "the splits are not the task's",
    ),
    "no chance": (lambda f: f.training(chance=1 / 3 + 1e-7), "the record says chance 0.333333"),
    "one step more": (lambda f: f.training(steps=21), "21 steps; the task has 20"),
    "other corruption": (checksum("corruption"), "the corrupted labels are not the task's"),
    "another weighter's record": (trial(weighter="l2rw"), "a record of 'l2rw', not of"),
    "another source's record": (trial(source="ab" * 32), "another source of the weighter"),
    "no device": (
        lambda f: f.records(lambda rs: [r["trial"].update(device="cuda:evil") for r in rs]),
        "cuda:evil is no device",
    ),
    "two versions": (trial(engine=0), "made with engine 0, whose numbers"),
    "two commits": (made_with(commit="ab" * 20), "made at more than one commit"),
    "replayed records": (copied, "2 of 2 trials predict what uniform does, but for 0 of"),
    "replayed records but for one prediction": (
        copied_but_for_one, "2 of 2 trials predict what uniform does, but for 2 of",
    ),
    "every trial failed": (all_failed, "every trial failed"),
    # what cannot be
    "another engine": (another_engine, "made with engine 7, whose numbers are not those of"),
    "no torch": (everywhere(packages={"python": "3.11.7", "weightbench": "0.1.0", "numpy": "2.0"}),
                 "made without torch"),
    "a version that is none": (packages(torch="latest"), "torch 'latest', which is no version"),
    "a Python of the future": (packages(python="4.0.1"), "made with another Python than 3"),
    "a weightbench of the future": (packages(weightbench="99.0"), "newer than the one here"),
    "a commit that is none": (everywhere(commit="HEAD"), "provenance.commit: String should"),
    "a short commit": (everywhere(commit="abc123"), "provenance.commit: String should"),
    "changes to nothing": (everywhere(commit=None, dirty=True), "from changes to no checkout"),
    "no machine": (everywhere(machine=" "), "made on no machine"),
    "no threads": (everywhere(threads=0), "a number of threads that none has"),
    "a million threads": (everywhere(threads=10**6), "a number of threads that none has"),
    "finished tomorrow": (finished("2999-01-01T00:00:00+00:00"), "when it cannot have been"),
    "finished long ago": (finished("1999-01-01T00:00:00+00:00"), "when it cannot have been"),
    "a training of no time": (training(phases={"train": 0.0}), "does not take 0 s"),
    "a training of centuries": (
        training(phases={"train": 1e12}), "training.phases.train: Input should",
    ),
    "a training without training": (training(phases={"rest": 1.0}), "does not have the phases"),
    "no chance at all": (training(chance=0.0), "chance is 0, of more classes than there are"),
    "hardly a chance": (training(chance=5e-324), "of more classes than there are"),
    "no step": (training(steps=0), "a training has steps"),
    "a curve that goes back": (
        training(select_curve=[[9, 0.5], [8, 0.5]]), "the steps of the curve are not those",
    ),
    "a curve beyond the training": (
        training(select_curve=[[10**6, 0.5]]), "the steps of the curve are not those",
    ),
    "a share of no examples": (training(select_curve=[[1, 0.12345]]), "is no share of the"),
    "bytes of no GPU": (training(peak_bytes=10**9), "the bytes of a GPU are told"),
    "weights of a later step": (weights(step=10**6), "of a step that was not taken"),
    "weights of more classes": (weights(by_class=[1.0] * 50), "weights are told of 50 classes"),
    "more that count than there are": (
        weights(effective=0.9, zero=0.8), "more examples count than have a weight",
    ),
    "a newer manifest": (set_(schema_version=2), "; 2 was made by a newer version"),
    "newer records": (
        text("records.json", b'"schema_version": 1', b'"schema_version": 2'),
        "records.json: schema_version: Input should be 1; 2 was made by a newer",
    ),
    "a newer record": (lambda f: f.first(lambda r: r.update(schema_version=4)), "newer version"),
    "a record with a field more": (lambda f: f.first(lambda r: r.update(more=1)), "newer version"),
    "privileged in one trial": (trial(privileged=True), "privileged at one time and not at"),
    "submitted twice": (neighbour, "its source does what that of mine.py:Mine does"),
    "a missing trial": (missing_trial, "1 of 2 trials of tiny-submissions are missing"),
    "a record twice": (
        lambda f: f.records(lambda rs: rs.append(dict(rs[0]))), "there twice",
    ),
    "a suite that is none": (set_(suite="none-such"), "there is no suite 'none-such'"),
    "another suite": (set_(suite="quick"), "the tasks are not those of the suite quick"),
    "another source": (
        lambda f: f.write("weighter.txt", b"print('hello')\n"),
        "weighter.txt is not the source that the records were made with",
    ),
    "a changed file": (
        lambda f: (f / "weighter.txt").write_bytes(b"x = 1\n"), "its sha256 differs",
    ),
}  # fmt: skip


def files_of(root: Path) -> set[str]:
    return {str(path) for path in root.rglob("*")}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_for_its_reason_and_nothing_is_written(name: str, folder: Folder) -> None:
    edit, says = HOSTILE[name]
    edit(folder)
    before = files_of(folder.path.parent.parent)
    with pytest.raises(SubmissionError) as caught:
        verify(folder.path)
    message = str(caught.value)
    assert says in message
    assert message.isprintable()
    assert len(message) <= 400
    assert files_of(folder.path.parent.parent) == before


def test_there_are_many() -> None:
    assert len(HOSTILE) >= 120
