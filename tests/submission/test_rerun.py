"""Training a stranger's source again: what it may try, and what a lie about it looks like."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.submission.made import Folder
from weightbench.errors import SubmissionError
from weightbench.execution import Limits
from weightbench.execution.confinement import can_confine
from weightbench.submission.apart import Job
from weightbench.submission.examining import examine
from weightbench.submission.published import in_words, published
from weightbench.submission.reading import Submission, read
from weightbench.submission.rerun import LIKELY_GAP, _carry_out, _compare, _order, _pair
from weightbench.submission.verifying import verify

Edit = Callable[[Folder], object]
HERE = Limits(workers=1, seconds=60.0, memory=4 * 2**30)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not can_confine(), reason="needs Landlock")]


def with_source(folder: Folder, before: str = "", inside: str = "") -> None:
    """The original source, with lines before it and lines in its weigh."""
    text = (folder / "weighter.txt").read_text()
    mark = "        agreement ="
    assert mark in text
    lines = "".join(f"        {line}\n" for line in inside.splitlines())
    head, rule = text.split("import weightbench as wb\n", 1)
    rule = rule.replace(mark, f"{lines}{mark}", 1)
    folder.source(f"{head}import weightbench as wb\n{before}\n{rule}")


def source(before: str = "", inside: str = "") -> Edit:
    return lambda folder: with_source(folder, before, inside)


def answers_by(lines: str) -> Edit:
    """A source that writes its result by itself."""
    return source(f"import os\n{lines}\nos._exit(0)\n")


def privileged(folder: Folder) -> None:
    text = (folder / "weighter.txt").read_text()
    mark = "    # Parameters need"
    assert mark in text
    folder.source(text.replace(mark, f"    privileged = True\n{mark}"))


def training(**changes: object) -> Edit:
    return lambda f: f.records(lambda rs: [r["training"].update(changes) for r in rs])


def of_weights(**changes: object) -> Edit:
    return lambda f: f.records(lambda rs: [r["training"]["weights"].update(changes) for r in rs])


def curve_of_ones(folder: Folder) -> None:
    steps = [step for step, _ in folder.made()[0]["training"]["select_curve"]]
    training(select_curve=[[step, 1.0] for step in steps])(folder)


def named_like_a_library(folder: Folder) -> None:
    folder.manifest(lambda m: m.update(weighter="json.py:Mine"))
    folder.records(lambda rs: [r["trial"].update(weighter="json.py:Mine") for r in rs])
    folder.rekey()


PICKLE = """class P:
    def __reduce__(self): return eval, ('1/0',)
open('result.json', 'wb').write(__import__('pickle').dumps(P()))"""
NO_RECORD = "what came out of a trial that was trained again is no record"
# What a stranger submits, and what is said of it once it was trained again; None: that it is true.
TRAINED: dict[str, tuple[Edit, str | None]] = {
    "honest": (lambda _: None, None),
    "forks": (source("import os\nif os.fork() == 0:\n    os._exit(0)\n"), None),
    "is named like a library": (named_like_a_library, None),
    "hangs": (source("", "import time; time.sleep(1000)"), "took longer than 8 s and was stopped"),
    "ends the process": (source("", "import os; os._exit(0)"), "exited with status 0"),
    "takes all memory": (source("", "torch.zeros(10**10).fill_(1)"), "trained again: .*memory"),
    "is privileged in secret": (privileged, "it declares privileged at one time and not at"),
    "hides its use of the hold-out": (
        training(used_holdout=False), "the record says used_holdout False; trained again it is",
    ),
    "lies about weights": (of_weights(auroc=1.0), "the record says another weights than"),
    "lies about the curve": (curve_of_ones, "the record says another select_curve than"),
    "answers with a pickle": (answers_by(PICKLE), NO_RECORD),
    "answers with nothing": (answers_by("open('result.json', 'w').write('{}')"), NO_RECORD),
    "answers with a link": (
        answers_by("os.symlink('/etc/passwd', 'result.json')"), "is a link or cannot be read",
    ),
    "answers with a pipe": (answers_by("os.mkfifo('result.json')"), "is not a regular file"),
    "answers with a folder": (answers_by("os.mkdir('result.json')"), "link or cannot be read"),
    "answers with 100 MB": (
        answers_by("os.truncate(os.open('result.json', 65), 10**8)"), "has 100,000,000 bytes",
    ),
    "answers with nested lists": (
        answers_by("open('result.json', 'w').write('[' * 10**6)"), NO_RECORD,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(
    original: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, tuple[Submission, Path, Mapping[str, str]]]:
    """A trial of each of TRAINED, trained by processes that keep them apart.

    By name, what was submitted, the folder with the result, and what was said of each folder.
    """
    place = tmp_path_factory.mktemp("trained")
    submissions, jobs = {}, []
    for i, (name, (edit, _)) in enumerate(TRAINED.items()):
        folder = Folder(place / "board" / f"submissions-{i}" / "mine")
        shutil.copytree(original, folder.path)
        edit(folder)
        submissions[name] = submission = read(folder.path)
        examine(submission)  # as data it is in order
        here = place / "apart" / str(i)
        here.mkdir(parents=True)
        file = submission.manifest.weighter.partition(":")[0]
        (here / file).write_bytes(submission.source)
        trial = submission.records[0].trial
        jobs.append(Job(trial=trial, threads=1, cost=False, folder=str(here)))
    reasons: dict[str, str] = {}
    for hangs, seconds in ((True, 8.0), (False, 120.0)):  # a busy machine is no fault of theirs
        some = [job for job, name in zip(jobs, TRAINED, strict=True) if (name == "hangs") == hangs]
        limits = Limits(workers=2, seconds=seconds, memory=4 * 2**30)
        reasons |= _carry_out(_order(some, place / "board" / "submissions" / "mine", limits))
    made = zip(submissions.items(), jobs, strict=True)
    return {name: (one, Path(job.folder), reasons) for (name, one), job in made}


@pytest.mark.xdist_group("trained")  # once for all of them
@pytest.mark.parametrize("name", TRAINED)
def test_one_that(
    name: str, trained: Mapping[str, tuple[Submission, Path, dict[str, str]]]
) -> None:
    submission, folder, reasons = trained[name]
    _, says = TRAINED[name]

    def judge() -> None:
        _compare([_pair(submission, submission.records[0], folder, reasons)], same=True)

    if says is None:
        judge()
    else:
        with pytest.raises(SubmissionError, match=says):
            judge()


def test_one_that_is_true_is_reproduced_and_reaches_no_terminal(
    folder: Folder, capfd: pytest.CaptureFixture[str]
) -> None:
    """Costs that a board shows then are the verifier's."""
    shout = 'import os\nos.write(1, b"1st")\nos.write(2, b"1st")\nprint("1st")'
    with_source(folder, shout, 'print("1st")')
    evidence, _ = verify(folder.path, 1, HERE)
    assert evidence.badge == "reproduced"
    assert "1st" not in "".join(capfd.readouterr())
    assert evidence.reproduction is not None
    shown = published(folder.path.parent)
    assert list(shown.costs) == evidence.reproduction.costs
    assert len(shown.costs) == 1
    said = shown.notes["mine.py:Mine"]
    assert said.startswith(
        "1 of 2 trials trained again on a machine and versions like its own, all"
    )
    assert "by how many are altered: 1: 0." in said
    assert said.endswith("costs are the verifier's")


SPY = """
import builtins, json, os, pathlib, socket
def _try(what):
    try:
        return str(what())[:200]
    except BaseException as error:
        return type(error).__name__
def _parent(name):
    return _try(lambda: open(f"/proc/{os.getppid()}/" + name, "rb").read(9))
def _connect():
    with socket.create_connection(("127.0.0.1", PORT), timeout=2):
        return "connected"
_found = {
    "answers": [_try(lambda: open(place, "rb").read(9)) for place in PLACES],
    "parent": [_parent(name) for name in ("cmdline", "environ", "mem", "cwd/predictions.npz")],
    "others": [_try(lambda: os.listdir(BOARD)), _try(lambda: os.listdir("/proc"))],
    "killed": _try(lambda: os.kill(os.getppid(), 9)), "connected": _try(_connect),
    "evidence": _try(lambda: open(EVIDENCE, "w").write("x")), "environment": sorted(os.environ),
    "left": sorted(os.listdir(".")), "pid": os.getpid(), "met": hasattr(builtins, "_was_here"),
}
builtins._was_here = True
with open(NOTES, "a") as _file:
    _file.write(json.dumps(_found) + "\\n")
"""


@pytest.fixture
def notes(folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a source that looks for the answers and for a way out finds, each time it is run."""
    board, copy = folder.path.parent.parent, tmp_path / "a-copy.npz"
    copy.write_bytes((folder / "predictions.npz").read_bytes())
    monkeypatch.setenv("SECRET_TOKEN", "a secret")
    places = [folder / "predictions.npz", folder / "records.json", copy, "/etc/shadow",
              Path("leaderboard/anchors.json").resolve(), Path(".git").resolve()]  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as server:
        names = {
            "PLACES": list(map(str, places)), "BOARD": str(board), "PORT": server.getsockname()[1],
            "EVIDENCE": str(board / "submissions" / "mine.evidence.json"),
            "NOTES": str(tmp_path / "notes"),
        }  # fmt: skip
        with_source(folder, "\n".join(f"{n} = {v!r}" for n, v in names.items()) + SPY)
        assert verify(folder.path, 2, HERE)[0].badge == "reproduced"
    return [json.loads(line) for line in (tmp_path / "notes").read_text().splitlines()]


def test_a_source_sees_neither_the_answers_nor_who_asks_nor_another_trial(
    notes: list[dict[str, Any]],
) -> None:
    assert len(notes) == 3  # two trials and a probe of costs
    assert len({note["pid"] for note in notes} | {os.getpid()}) == 4
    nothing = {"PermissionError", "FileNotFoundError", "ProcessLookupError"}
    for note in notes:
        assert {*note["answers"], *note["parent"], note["killed"]} <= nothing
        assert set(note["others"]) <= {*nothing, "[]"}
        assert note["evidence"] in {*nothing, "OSError"}
        assert note["connected"] in {*nothing, "ConnectionRefusedError", "OSError"}
        assert (note["left"], note["met"]) == (["mine.py"], False)
        assert "SECRET_TOKEN" not in note["environment"]


def test_what_it_leaves_running_ends_with_the_trials(folder: Folder, tmp_path: Path) -> None:
    """A process that hides from its parents, and another that forks without end."""
    alive = tmp_path / "alive"
    left = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        with open({str(alive)!r}, "a") as file:
            file.write(f"{{os.getpid()}}\\n")
        while True:
            try:
                if os.fork() == 0:
                    os.setsid()
            except OSError:
                time.sleep(1)
    os._exit(0)
"""
    with_source(folder, left)
    assert verify(folder.path, 1, HERE)[0].badge == "reproduced"
    pids = alive.read_text().split()
    assert len(pids) == 2
    assert not any(Path("/proc", pid).exists() for pid in pids)
    assert not [place for place in Path("/proc").glob("[0-9]*") if place.stat().st_uid >= 2**30]


def test_a_submission_that_lies_where_trainings_read_is_not_trained(folder: Folder) -> None:
    inside = Path("tests", "plugins", "nobodys", "mine")
    shutil.copytree(folder.path, inside)
    try:
        with pytest.raises(SubmissionError, match="which trainings read; move it elsewhere"):
            verify(inside, 1, HERE)
    finally:
        shutil.rmtree(inside.parent)


def test_what_another_machine_made_is_said_to_be(folder: Folder) -> None:
    folder.records(lambda rs: [r["provenance"].update(machine="another") for r in rs])
    with pytest.raises(SubmissionError, match=r"made on another machine .* takes --rerun 6"):
        verify(folder.path, 1, HERE)


def test_what_another_machine_finds_less_of_is_taken_off_the_row(folder: Folder) -> None:
    """A test example more than comes out, in both trials."""
    folder.put_right(1)
    folder.records(lambda rs: [r["provenance"].update(machine="another") for r in rs])
    found = verify(folder.path, 2, HERE)[0].reproduction
    assert found is not None
    assert not found.same_machine
    assert found.difference > 0
    assert f"on another machine, claims lie {found.difference:+.3f} +- " in in_words(found)
    for told, shown in zip(
        read(folder.path).records, published(folder.path.parent).records, strict=True
    ):
        assert told.training is not None
        assert shown.training is not None
        again = next(one.again for one in found.reruns if one.seed == told.trial.seed)
        more = (found.difference - found.error) * LIKELY_GAP
        assert shown.training.accuracy == pytest.approx(again - more)
        assert again < told.training.accuracy
        assert shown.training.selected_accuracy == told.training.selected_accuracy


def test_what_nobody_trained_again_is_not_shown(folder: Folder) -> None:
    verify(folder.path)
    shown = published(folder.path.parent)
    trainings = [record.training for record in shown.records if record.training]
    assert [(t.weights, t.select_curve, t.phases) for t in trainings] == [(None, [], {})] * 2
    assert "nothing was trained again; its costs are as claimed" in shown.notes["mine.py:Mine"]
