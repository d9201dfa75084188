"""Training a stranger's source again: what it may try, and what a lie about it looks like."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.submission.made import Folder
from weightbench.errors import SubmissionError
from weightbench.execution import Limits
from weightbench.execution.confinement import can_confine
from weightbench.submission.published import in_words, published
from weightbench.submission.reading import read
from weightbench.submission.rerun import LIKELY_GAP
from weightbench.submission.verifying import verify

HERE = Limits(workers=1, seconds=60.0, memory=4 * 2**30)
pytestmark = pytest.mark.skipif(not can_confine(), reason="needs Landlock")


def with_source(folder: Folder, before: str = "", inside: str = "") -> None:
    """The original source, with lines before it and lines in its weigh."""
    text = (folder / "weighter.txt").read_text()
    mark = "        agreement ="
    assert mark in text
    lines = "".join(f"        {line}\n" for line in inside.splitlines())
    head, rule = text.split("import weightbench as wb\n", 1)
    rule = rule.replace(mark, f"{lines}{mark}", 1)
    folder.source(f"{head}import weightbench as wb\n{before}\n{rule}")


def refused(folder: Folder, says: str, seconds: float = 60.0) -> None:
    verify(folder.path)  # as data it is in order
    evidence = folder.path.with_name("mine.evidence.json")
    evidence.unlink()
    with pytest.raises(SubmissionError, match=says):
        verify(folder.path, 1, Limits(1, seconds, 4 * 2**30))
    assert not evidence.exists()


def test_what_it_prints_reaches_no_terminal(
    folder: Folder, capfd: pytest.CaptureFixture[str]
) -> None:
    shout = 'import os\nos.write(1, b"1st")\nos.write(2, b"1st")\nprint("1st")'
    with_source(folder, shout, 'print("1st")')
    assert verify(folder.path, 1, HERE)[0].badge == "reproduced"
    assert "1st" not in "".join(capfd.readouterr())


def test_one_that_hangs_is_stopped(folder: Folder) -> None:
    with_source(folder, "", "import time; time.sleep(1000)")
    refused(folder, "could not be trained again: ", seconds=15.0)


def test_one_that_ends_the_process_is_told(folder: Folder) -> None:
    with_source(folder, "", "import os; os._exit(0)")
    refused(folder, "could not be trained again: .*exited with status 0", seconds=60.0)


def test_one_that_forks_is_judged_like_any_other(folder: Folder) -> None:
    with_source(folder, "import os\nif os.fork() == 0:\n    os._exit(0)\n")
    assert verify(folder.path, 1, HERE)[0].badge == "reproduced"


def test_one_that_is_privileged_and_does_not_say_so(folder: Folder) -> None:
    text = (folder / "weighter.txt").read_text()
    folder.source(
        text.replace("    # Parameters need", "    privileged = True\n    # Parameters need")
    )
    refused(folder, "it declares privileged at one time and not at another")


def test_one_that_hides_its_use_of_the_holdout(folder: Folder) -> None:
    folder.records(lambda rs: [r["training"].update(used_holdout=False) for r in rs])
    refused(folder, "the record says used_holdout False; trained again it is True")


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


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            "class P:\n    def __reduce__(self): return eval, ('1/0',)\n"
            "open('result.json', 'wb').write(__import__('pickle').dumps(P()))",
            "what came out of a trial that was trained again is no record",
        ),
        ("open('result.json', 'w').write('{}')", "what came out of .* is no record"),
        ("os.symlink('/etc/passwd', 'result.json')", "result.json is a link or cannot be read"),
        ("os.mkfifo('result.json')", "result.json is not a regular file"),
        ("os.truncate(os.open('result.json', 65), 10**8)", "result.json has 100,000,000 bytes"),
    ],
)
def test_results_are_data_and_nothing_else(folder: Folder, lines: str, says: str) -> None:
    with_source(folder, f"import os\n{lines}\nos._exit(0)\n")
    refused(folder, says)


def test_what_it_leaves_running_ends_with_the_trials(folder: Folder, tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    daemon = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        with open({str(alive)!r}, "a") as file:
            file.write(f"{{os.getpid()}}\\n")
        time.sleep(1000)
    os._exit(0)
"""
    with_source(folder, daemon)
    verify(folder.path, 1, HERE)
    pids = alive.read_text().split()
    assert len(pids) == 2
    assert not any(Path("/proc", pid).exists() for pid in pids)


def test_a_file_named_like_a_library_is_not_taken_for_it(folder: Folder) -> None:
    """Where modules are looked for, nothing of the contributor's lies."""
    folder.manifest(lambda m: m.update(weighter="json.py:Mine"))
    folder.records(lambda rs: [r["trial"].update(weighter="json.py:Mine") for r in rs])
    folder.rekey()
    assert verify(folder.path, 1, HERE)[0].badge == "reproduced"


def test_a_trial_that_takes_all_memory_is_stopped(folder: Folder) -> None:
    with_source(folder, "", "torch.zeros(10**10).fill_(1)")
    refused(folder, "could not be trained again: .*memory")


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
    found = verify(folder.path, 2, HERE)[0].reproduction
    assert found is not None
    assert (found.same_machine, found.difference) == (False, 0)
    assert "trained again on another machine, claims lie +0.000 +- " in in_words(found)
    shown = published(folder.path.parent).records
    assert [r.training for r in shown] == [r.training for r in read(folder.path).records]


def test_what_another_machine_finds_less_of_is_taken_off_the_row(folder: Folder) -> None:
    """A test example more than comes out, in both trials."""
    folder.put_right(1)
    folder.records(lambda rs: [r["provenance"].update(machine="another") for r in rs])
    found = verify(folder.path, 2, HERE)[0].reproduction
    assert found is not None
    assert found.difference > 0
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


@pytest.mark.parametrize("name", ["weights", "select_curve"])
def test_a_lie_about_weights_or_curves_is_found(folder: Folder, name: str) -> None:
    def lie(training: dict[str, Any]) -> object:
        curve = [[step, 1.0] for step, _ in training["select_curve"]]
        weights = {**training["weights"], "auroc": 1.0}
        return training.update({name: {"weights": weights, "select_curve": curve}[name]})

    folder.records(lambda records: [lie(record["training"]) for record in records])
    refused(folder, f"the record says another {name} than training again gives")


def test_costs_on_the_board_are_the_verifiers(folder: Folder) -> None:
    reproduction = verify(folder.path, 1, HERE)[0].reproduction
    assert reproduction is not None
    shown = published(folder.path.parent)
    assert list(shown.costs) == reproduction.costs
    assert len(shown.costs) == 1
    said = shown.notes["mine.py:Mine"]
    assert said.startswith(
        "1 of 2 trials trained again on a machine and versions like its own, all"
    )
    assert "by how many are altered: 1: 0." in said
    assert said.endswith("costs are the verifier's")


def test_what_nobody_trained_again_is_not_shown(folder: Folder) -> None:
    verify(folder.path)
    shown = published(folder.path.parent)
    trainings = [record.training for record in shown.records if record.training]
    assert [(t.weights, t.select_curve, t.phases) for t in trainings] == [(None, [], {})] * 2
    assert "nothing was trained again; its costs are as claimed" in shown.notes["mine.py:Mine"]


def test_one_that_forks_without_end_is_stopped(folder: Folder) -> None:
    """The system takes only so many processes of a trial, and all of them end with it."""
    bomb = """
import os, time
if os.fork() == 0:
    while True:
        try:
            if os.fork() == 0:
                os.setsid()
        except OSError:
            time.sleep(1)
"""
    with_source(folder, bomb)
    assert verify(folder.path, 1, HERE)[0].badge == "reproduced"
    assert not [place for place in Path("/proc").glob("[0-9]*") if place.stat().st_uid >= 2**30]
