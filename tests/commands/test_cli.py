"""The command line as people meet it: faults are one line each, and no trial is lost by them."""

from __future__ import annotations

import os
import resource
import signal
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.shell import TINY, broken, evaluate, start, weightbench, zoo
from weightbench.cli import main
from weightbench.records.schema import Record
from weightbench.records.store import Store


def here(*arguments: str) -> Result:
    """Run a command in this process: quick where no process of its own is at stake."""
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


def records_of(out: Path) -> dict[str, Record]:
    records, damaged = Store(out).records()
    assert damaged == []
    return {record.trial.key: record for record in records}


FAULTS = {
    "WrongShape": ("error", "shape (33,)"),
    "NotANumber": ("error", "1 of 32 weights are not finite (nan) at step 0"),
    "Negative": ("error", "declare negative = True"),
    "WrongType": ("error", "torch.int64"),
    "WrongDevice": ("error", "weights are on meta; the batch is on cpu"),
    "NoTensor": ("error", "weigh returned a list"),
    "Raises": ("error", "no weights today ask again tomorrow"),
    "Peeks": ("skipped", "hidden-data: the true labels belong to the scorer"),
    "Diverges": ("diverged", "the loss is not finite"),
    "Exits": ("error", "SystemExit: 3"),
    "Vanishes": ("error", "the process exited with status 7"),
    "Crashes": ("error", "the process was killed by SIGABRT"),
    "Sleeps": ("timeout", "it took longer than 15 s"),
    "FillsWithTensors": ("oom", "can't allocate memory"),
    "FillsWithBytes": ("oom", "out of memory"),
    "NoModule": ("skipped", "finish: finish returned a NoneType"),
}


def test_every_fault_is_a_row_and_the_others_are_kept(tmp_path: Path) -> None:
    """One evaluation of every weighter that fails, beside one that does not."""
    weighters = ("random", *map(broken, FAULTS))
    limits = ("--time-limit", "15", "--memory-limit", "1")
    done = weightbench(*evaluate(tmp_path, *limits, weighters=weighters))
    assert done.returncode == 1
    records = {record.trial.weighter: record for record in records_of(tmp_path).values()}
    for name, (status, says) in FAULTS.items():
        record = records.pop(broken(name))
        assert (name, record.status) == (name, status)
        assert says in record.reason
        lines = [
            line
            for line in done.stderr.splitlines()
            if line.startswith(f"{status}: {broken(name)} on")
        ]
        assert lines == [f"{status}: {broken(name)} on {TINY}, seed 0: {record.reason}"]
        assert broken(name) in done.stdout
    assert {name: record.status for name, record in records.items()} == {
        "uniform": "ok", "random": "ok", "oracle": "ok",
    }  # fmt: skip
    assert f"{len(FAULTS)} failed trials count as chance level" in done.stdout


def living(group: int) -> list[int]:
    """Processes of a group that are not dead yet."""
    alive = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] not in "ZX":
            alive.append(int(path.parent.name))
    return alive


def wait_until_none_lives(group: int) -> None:
    deadline = time.monotonic() + 20
    while living(group):
        assert time.monotonic() < deadline, "workers outlived their parent"
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize(("kind", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_stopped_in_mid_run_it_goes_on_where_it_was(
    kind: signal.Signals, code: int, tmp_path: Path
) -> None:
    """All trials of ``uniform`` are there; those in flight wait for a file."""
    command = evaluate(tmp_path, weighters=(broken(f"Waits[folder={tmp_path}]"),), seeds=6)
    with start(*command) as process:
        deadline = time.monotonic() + 90
        while not (
            len(list(tmp_path.glob("records/*.json"))) == 6 and (tmp_path / "waiting").exists()
        ):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(kind)
        _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in said
    wait_until_none_lives(process.pid)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("records/*.json")}
    assert len(before) == 6
    assert Store(tmp_path).audit() == []

    (tmp_path / "go").touch()
    assert here(*command, "--workers", "0").exit_code == 0
    assert len(records_of(tmp_path)) == 18
    for path, written in before.items():
        assert path.stat().st_mtime_ns == written, "a finished trial ran again"


def test_any_command_stops_with_a_shells_status(tmp_path: Path) -> None:
    """Here while a plug-in is loading, before there is anything to keep."""
    plugin = tmp_path / "slow.py"
    plugin.write_text("import time\nprint('loading', flush=True)\ntime.sleep(60)\n")
    with start("evaluate", "--weighter", f"{plugin}:Mine", "--out", str(tmp_path)) as process:
        deadline = time.monotonic() + 60
        while process.said() != ("loading\n", ""):
            assert time.monotonic() < deadline, process.said()
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "\nstopped\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("evaluate", "--weighter", "unifrom"), "Did you mean uniform?"),
        (("evaluate", "--task", "digits-uniform-flp-v0"), "Did you mean digits-uniform-flip-v0"),
        (("evaluate", "--suite", "quik"), "Did you mean quick?"),
        (("evaluate", "--task", f"{TINY}[nosie=0.2]"), "Did you mean noise?"),
        (("evaluate", "--task", f"{TINY}[noise=lots]"), "expected a float"),
        (("evaluate", "--task", f"{TINY}[noise="), "cannot read"),
        (("evaluate", "--weighter", "no.py:Mine"), "there is no file"),
        (("evaluate", "--device", "tpu"), "expected cpu or cuda"),
        (("evaluate", "--seeds", "0"), "--seeds"),
        (("evaluate", "--workers", "-1"), "weightbench evaluate --help says more"),
        (("evaluate", "--out", __file__), "is a file"),
        (("evaluate", "--seds", "3"), "--seeds"),
        (("evalute",), "evalute"),
        (("show", "l2wr"), "Did you mean l2rw"),
        (("list", "task"), "task"),
        (("check", "unifrom"), "Did you mean uniform?"),
        (("check",), "SPEC"),
    ],
)
def test_what_is_misspelt_exits_with_2(
    arguments: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    elsewhere = arguments[0] != "evaluate" or "--out" in arguments
    out = () if elsewhere else ("--out", str(tmp_path / "runs"))
    result = here(*arguments, *out)
    assert result.exit_code == 2
    assert says in result.output
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "text",
    ["raise RuntimeError('boom')", "import nowhere", "def (", "import sys; sys.exit(0)", "\x00"],
)
def test_a_plugin_that_cannot_be_imported_exits_with_2(text: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(text)
    result = here("evaluate", "--weighter", f"{tmp_path}/mine.py:Mine", "--out", str(tmp_path))
    assert result.exit_code == 2
    assert "mine.py cannot be run" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_folder_that_cannot_be_written_exits_with_1(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = here(*evaluate(tmp_path / "file" / "runs"))
    assert result.exit_code == 1
    assert result.stderr.startswith("error: cannot write")
    assert here("leaderboard", str(tmp_path / "nowhere")).exit_code == 1
    (tmp_path / "empty").mkdir()
    empty = here("leaderboard", str(tmp_path / "empty"))
    assert (empty.exit_code, empty.stderr.count("\n")) == (1, 1)
    assert "there are no records" in empty.stderr


def test_damage_is_told_mended_and_then_forgotten(tmp_path: Path) -> None:
    command = evaluate(tmp_path, "--workers", "0")
    assert here(*command).exit_code == 0
    victim = next(iter(sorted(tmp_path.glob("records/*.json"))))
    victim.write_text(victim.read_text()[:50])
    board = here("leaderboard", str(tmp_path))
    assert board.exit_code == 1
    assert f"damaged, left out: {victim}" in board.stderr
    again = here(*command)
    assert again.exit_code == 1
    assert f"damaged, set aside, run again: {victim}" in again.stderr
    assert here(*command).exit_code == 0
    assert here("leaderboard", str(tmp_path)).exit_code == 0


def test_a_disk_that_fills_up_in_mid_run_keeps_what_was_finished(tmp_path: Path) -> None:
    """Past its limit on file sizes, a process meets what it meets on a full disk."""
    command = evaluate(tmp_path, "--workers", "0", seeds=2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (700, hard))
    try:
        refused = here(*command)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: cannot write")
    assert len(refused.stderr.splitlines()) == 1
    assert records_of(tmp_path) == {}
    assert here(*command).exit_code == 0
    assert len(records_of(tmp_path)) == 4


def test_doctor_reports_and_repairs(tmp_path: Path) -> None:
    command = evaluate(tmp_path, "--workers", "0", seeds=2)
    assert here(*command).exit_code == 0
    healthy = here("doctor", str(tmp_path))
    assert healthy.exit_code == 0
    assert healthy.output == "4 records hold, 0 files are damaged, 0 are left over\n"

    record, predictions, cost = (
        sorted(tmp_path.glob(f"{kind}/*"))[i]
        for kind, i in (("records", 0), ("predictions", 1), ("costs", 0))
    )
    record.write_text(record.read_text().replace('"accuracy": 0.', '"accuracy": 0.9'))
    predictions.write_bytes(predictions.read_bytes()[:-1])
    cost.write_bytes(b"\x00")
    left = tmp_path / "records" / ".part.json.1.tmp"
    left.touch()
    os.utime(left, (0, 0))
    sick = here("doctor", str(tmp_path))
    assert sick.exit_code == 1
    for path in (record, tmp_path / "records" / f"{predictions.stem}.json", cost):
        assert f"damaged: {path}: " in sick.output
    assert f"left over: {left}" in sick.output

    assert here("doctor", str(tmp_path), "--repair").exit_code == 0
    assert not left.exists()
    assert len(list((tmp_path / "damaged").iterdir())) == 3
    again = here(*command)
    assert again.exit_code == 0
    assert len(records_of(tmp_path)) == 4
    assert here("doctor", str(tmp_path)).exit_code == 0


def test_doctor_of_nothing(tmp_path: Path) -> None:
    result = here("doctor", str(tmp_path / "nowhere"))
    assert result.exit_code == 1
    assert result.stderr.startswith("error: there are no records at")


def test_check_names_rule_value_and_mend() -> None:
    good, bad = zoo("Uniform"), zoo("GivesAColumn")
    done = weightbench("check", "uniform+es", good, bad, zoo("DISJOINT"), TINY)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert f"{bad}: shape: weights have shape (16, 1); expected (16,), one per example" in lines
    assert lines[
        lines.index(f"{bad}: shape: weights have shape (16, 1); expected (16,), one per example")
        + 1
    ] == ("  mend: reduce or squeeze the other dimensions")
    assert any(line.startswith(f"{zoo('DISJOINT')}: disjoint: ") for line in lines)
    for spec in ("uniform+es", good, TINY):
        assert f"{spec}: ok" in lines


def test_plugins_that_break_a_rule_are_not_run(tmp_path: Path) -> None:
    command = evaluate(tmp_path, "--workers", "0", weighters=("random", zoo("SkipsBatches")))
    result = here(*command)
    assert result.exit_code == 1
    (skipped,) = (r for r in records_of(tmp_path).values() if r.status != "ok")
    assert skipped.status == "skipped"
    assert skipped.reason.startswith("batch-order: ")
    assert f"weightbench check {zoo('SkipsBatches')}" in skipped.reason
    assert len(records_of(tmp_path)) == 4


def test_tasks_that_break_a_rule_are_not_run(tmp_path: Path) -> None:
    result = here("evaluate", "--task", zoo("REALISED_RATE"), "--weighter", "uniform",
                  "--seeds", "1", "--out", str(tmp_path), "--workers", "0")  # fmt: skip
    assert result.exit_code == 1
    reasons = {record.reason.partition(":")[0] for record in records_of(tmp_path).values()}
    assert reasons == {"realised-rate"}


def test_two_evaluations_into_one_folder(tmp_path: Path) -> None:
    """Whoever is first: nothing is lost, nothing is damaged, and both see the whole board."""
    command = evaluate(tmp_path, "--workers", "1", weighters=("random", "l2rw"), seeds=4)
    with start(*command) as one, start(*command) as other:
        said = [process.communicate(timeout=200) for process in (one, other)]
    assert (one.returncode, other.returncode) == (0, 0), said
    assert len(records_of(tmp_path)) == 16
    assert Store(tmp_path).audit() == []
    assert not list(tmp_path.rglob("*.tmp"))
    assert all("l2rw" in out for out, _ in said)
