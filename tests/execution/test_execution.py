"""The process pool: every job gives exactly one result, whatever becomes of its process."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from weightbench.errors import ExecutorError
from weightbench.evaluation import PRELOAD
from weightbench.execution import Limits, Local
from weightbench.execution.server import short_folder
from weightbench.records.schema import Status

ROOT = Path(__file__).parent.parent.parent

Job = tuple[str, int]


def work(job: Job) -> str:
    """Do what the job says; importable, so that workers find it."""
    kind, argument = job
    if kind == "exit":
        os._exit(argument)
    if kind == "signal":
        os.kill(os.getpid(), argument)
    if kind == "sleep":
        time.sleep(argument)
    if kind == "fill":
        hoard = [bytes(2**26) for _ in range(argument)]
        return f"filled {len(hoard)}"
    if kind == "limit":
        return str(resource.getrlimit(resource.RLIMIT_DATA)[0])
    if kind == "process":
        return str(os.getpid())
    return f"did {kind} {argument}"


def variable(name: str) -> str | None:
    """What a job sees of the environment."""
    return os.environ.get(name)


counted: list[str] = []


def count(job: str) -> int:
    """How many jobs this process has had."""
    counted.append(job)
    return len(counted)


def gone(job: str, status: Status, reason: str) -> int:
    return -1


def in_two(seconds: float, memory: int = 2**30, device: str = "cpu") -> Local:
    """Two processes."""
    return Local(Limits(workers=2, seconds=seconds, memory=memory), device, PRELOAD)


def test_fresh_jobs_meet_nothing_that_others_left() -> None:
    jobs = [f"job {i}" for i in range(4)]
    two = in_two(seconds=60, memory=2**33)
    assert dict(two.run(jobs, count, gone, fresh=True)) == dict.fromkeys(jobs, 1)
    assert max(dict(two.run(jobs, count, gone)).values()) > 1


def lost(job: Job, status: Status, reason: str) -> str:
    return f"{status}: {reason}"


def test_every_job_has_its_own_end() -> None:
    jobs = [
        ("exit", 5), ("add", 1), ("exit", 0), ("signal", signal.SIGSEGV), ("add", 2), ("sleep", 60),
        ("fill", 1000), ("add", 3), ("signal", signal.SIGKILL), ("add", 4),
    ]  # fmt: skip
    results = dict(in_two(seconds=8).run(jobs, work, lost))
    assert results == {
        ("exit", 5): "error: the process exited with status 5 in mid-trial",
        ("exit", 0): "error: the process exited with status 0 in mid-trial",
        ("signal", signal.SIGSEGV): "error: the process was killed by SIGSEGV",
        ("signal", signal.SIGKILL): (
            "error: the process was killed by SIGKILL; the system may have run out of memory"
        ),
        ("sleep", 60): "timeout: it took longer than 8 s and was stopped",
        ("fill", 1000): "oom: out of memory",
        **{("add", i): f"did add {i}" for i in (1, 2, 3, 4)},
    }


@pytest.mark.parametrize("fresh", [False, True])
def test_a_job_that_exits_as_if_all_were_well_is_told_at_once(fresh: bool) -> None:
    """Nobody waits for its limit, and the others go on, each in a process that ends well."""
    jobs = [("exit", 0), *(("add", i) for i in range(6))]
    results = in_two(seconds=60, memory=2**32).run(jobs, work, lost, fresh=fresh)
    assert dict(results) == {
        ("exit", 0): "error: the process exited with status 0 in mid-trial",
        **{("add", i): f"did add {i}" for i in range(6)},
    }


def test_without_workers_this_process_gives_the_same_in_order() -> None:
    jobs = [("add", i) for i in range(3)]
    here = Local(Limits(workers=0, seconds=1, memory=1))
    assert list(here.run(jobs, work, lost)) == [(job, f"did add {job[1]}") for job in jobs]


def test_leaving_early_stops_the_workers() -> None:
    """A caller that stops reading does not wait for the rest."""
    jobs = [("add", 0), *(("sleep", 60 + i) for i in range(4))]
    results = in_two(seconds=600, memory=2**32).run(jobs, work, lost)
    assert next(results) == (("add", 0), "did add 0")
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    assert time.monotonic() - started < 30


def test_workers_of_a_gpu_are_born_for_one_job_and_without_a_limit_of_writable_memory() -> None:
    """CUDA's driver maps more than it holds, and an error of the device stays with its process."""
    jobs = [("process", i) for i in range(3)] + [("limit", 0)]
    done = dict(in_two(seconds=60, device="cuda").run(jobs, work, lost))
    assert done["limit", 0] == str(resource.getrlimit(resource.RLIMIT_DATA)[0])
    assert len({done["process", i] for i in range(3)}) == 3
    with in_two(seconds=60).alone() as one:
        shared = dict(one.run(jobs, work, lost))
    assert shared["limit", 0] == str(2**30)
    assert len({shared["process", i] for i in range(3)}) == 1


def test_the_server_that_workers_are_forked_from_does_not_touch_cuda() -> None:
    """A process forked after CUDA was looked at cannot use it."""
    code = """
import torch
def refuse(*arguments, **named):
    raise AssertionError("CUDA was looked at")
for name in ("is_available", "device_count", "init", "_lazy_init", "current_device"):
    setattr(torch.cuda, name, refuse)
import weightbench.evaluation.preload
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_long_name_of_the_folder_of_temporary_files_is_no_hindrance(tmp_path: Path) -> None:
    """A socket's path may have a hundred bytes; that of a cluster's scratch folder has more."""
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    code = f"""
from tests.execution.test_execution import in_two, lost, work
from weightbench.execution import warm_up
import tempfile
if __name__ == "__main__":
    warm_up()
    done = dict(in_two(60).run([("add", 1)], work, lost))
    assert done == {{("add", 1): "did add 1"}}, done
    assert tempfile.gettempdir() == {str(deep)!r}
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TMPDIR": str(deep)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["weightbench", "torch"])
@pytest.mark.parametrize("safe_path", [None, "", "1"])
def test_what_lies_in_the_working_directory_is_not_taken_for_ours(
    tmp_path: Path, name: str, safe_path: str | None
) -> None:
    """A checkout of weightbench does, where the README has it installed; jobs find it as set."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise RuntimeError('not ours')")
    code = f"""
import sys; sys.path[0] = {str(ROOT)!r}
from tests.execution.test_execution import in_two, lost, variable, work
if __name__ == "__main__":
    assert dict(in_two(60).run([("add", 1)], work, lost)) == {{("add", 1): "did add 1"}}
    found = dict(in_two(60).run(["PYTHONSAFEPATH"], variable, lost))
    assert found == {{"PYTHONSAFEPATH": {safe_path!r}}}, found
    assert variable("PYTHONSAFEPATH") == {safe_path!r}
"""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONSAFEPATH"}
    if safe_path is not None:
        env["PYTHONSAFEPATH"] = safe_path
    script = tmp_path / "script.py"
    script.write_text(code)
    done = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_where_no_folder_will_do_it_is_said() -> None:
    assert len(short_folder(30)) <= 73
    with pytest.raises(ExecutorError, match="set TMPDIR to a shorter one"):
        short_folder(1000)
