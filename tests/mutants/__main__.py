"""``make mutants``: edits that no test notices, by mutmut, in slices that resume.

    python -m tests.mutants [TARGET ...] [--seconds S] [--processes N]

Stopped by the time limit or by Ctrl-C, the same command goes on; ``build/mutants/`` holds what was
found. Where tests changed since, survivors are tried again; where a function did, all edits of it.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import difflib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.mutants.targets import TARGETS, Target

ROOT = Path(__file__).parents[2]
WORK = ROOT / "build" / "mutants"
LINKED = ("weightbench", "methods", "tasks", "leaderboard", "docs", "README.md")
KILLED = (1, 3)  # exit statuses of pytest
SURVIVED = (0, 33)  # 33: no test comes near it


@dataclasses.dataclass(frozen=True)
class Edit:
    """One wrong edit and what came of it: None where it was not tried yet."""

    file: str
    name: str
    status: int | None


def prepare(name: str, target: Target) -> Path:
    """The folder of a target: links to the repository, and a configuration of its own."""
    place = WORK / name
    (place / "mutants").mkdir(parents=True, exist_ok=True)
    for linked in (*LINKED, "tests"):
        for where in (
            place,
            *([place / "mutants"] if linked not in ("weightbench", "tests") else []),
        ):
            link = where / linked
            if not link.is_symlink():
                link.symlink_to(ROOT / linked)
    shutil.rmtree(place / "mutants" / "tests", ignore_errors=True)  # those of before
    slow = [argument for test in target.slow for argument in ("--deselect", test)]
    settings = {
        "source_paths": ["weightbench"],
        "only_mutate": list(target.files),
        "pytest_add_cli_args": ["-p", "no:benchmark", "--hypothesis-seed=0", *slow],
        "pytest_add_cli_args_test_selection": list(target.tests),
        "on_dependency_change": "ignore",
        "timeout_constant": 1.0,
        "timeout_multiplier": 5.0,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    project = (ROOT / "pyproject.toml").read_text()
    (place / "pyproject.toml").write_text("\n".join([project, "[tool.mutmut]", *lines, ""]))
    return place


def forget_survivors(place: Path, target: Target) -> None:
    """Where the tests are not those of the last slice, what they missed is tried again."""
    digest = hashlib.sha256()
    for path in sorted(p for test in target.tests for p in _sources(ROOT / test)):
        digest.update(path.read_bytes())
    seen = place / "tests.sha256"
    if seen.exists() and seen.read_text() != digest.hexdigest():
        for meta, fields in states(place):
            codes = fields["exit_code_by_key"]
            fields["exit_code_by_key"] = {k: c if c in KILLED else None for k, c in codes.items()}
            meta.write_text(json.dumps(fields))
        (place / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    seen.write_text(digest.hexdigest())


def _sources(path: Path) -> Iterable[Path]:
    return path.rglob("*.py") if path.is_dir() else [path]


def states(place: Path) -> list[tuple[Path, dict[str, Any]]]:
    """What mutmut noted of each file; a note that a kill cut short is taken away, to be new."""
    found = []
    for meta in sorted((place / "mutants").rglob("*.meta")):
        try:
            found.append((meta, json.loads(meta.read_text())))
        except json.JSONDecodeError:
            meta.unlink()
            meta.with_suffix("").unlink(missing_ok=True)
    return found


def slice_of(place: Path, seconds: float | None, processes: int) -> bool:
    """Go on for so long; whether there was time for all."""
    environment = {**os.environ, "PYTHONPATH": str(place / "mutants"), "OMP_NUM_THREADS": "1"}
    mutmut = Path(sys.executable).with_name("mutmut")
    command = [str(mutmut), "run", "--max-children", str(processes)]
    tool = subprocess.Popen(command, cwd=place, env=environment, start_new_session=True)
    try:
        return tool.wait(seconds) == 0
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        tool.send_signal(signal.SIGINT)  # what was found is on the disk
        with contextlib.suppress(subprocess.TimeoutExpired):
            tool.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(tool.pid, signal.SIGKILL)
        tool.wait()
        return False


def edits(place: Path) -> list[Edit]:
    """All edits of a target."""
    mutants = place / "mutants"
    return [
        Edit(str(meta.relative_to(mutants).with_suffix("")), name, status)
        for meta, fields in states(place)
        for name, status in fields["exit_code_by_key"].items()
    ]


def report(place: Path) -> None:
    """The score of each file, and the survivors."""
    found = edits(place)
    for file in dict.fromkeys(edit.file for edit in found):
        count = Counter(edit.status for edit in found if edit.file == file)
        left = count[None] + count[2]  # 2: stopped in the middle
        tried = sum(count.values()) - left
        missed = sum(count[status] for status in SURVIVED)
        share = f"{1 - missed / tried:7.1%}" if tried else "      -"
        print(f"{share} of {tried:4} noticed, {left} to go: {file}")
    for edit in found:
        if edit.status in SURVIVED:
            print(f"\n{edit.name}\n{shown(place / 'mutants' / edit.file, edit.name)}")


def shown(file: Path, name: str) -> str:
    """The lines that an edit changes."""
    function = name.rpartition(".")[2]
    lines = file.read_text().splitlines()
    whole = function.rpartition("__mutmut_")[0] + "__mutmut_orig"
    before, after = (_body(lines, f) for f in (whole, function))
    changed = difflib.unified_diff(before, after, n=0, lineterm="")
    return "\n".join(line for line in changed if not line.startswith(("---", "+++", "@@")))


def _body(lines: list[str], function: str) -> list[str]:
    start = next(i for i, line in enumerate(lines) if line.lstrip().startswith(f"def {function}("))
    depth = len(lines[start]) - len(lines[start].lstrip())
    body = []
    for line in lines[start + 1 :]:
        if line.strip() and len(line) - len(line.lstrip()) <= depth and line.strip()[0] != ")":
            break
        body.append(line)
    return body


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("target", nargs="*", help=f"of {', '.join(TARGETS)}; all if none is named")
    parser.add_argument("--seconds", type=float, help="of each target")
    parser.add_argument("--processes", type=int, default=1)
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for name in asked.target or TARGETS:
        target = TARGETS[name]
        place = prepare(name, target)
        forget_survivors(place, target)
        done = slice_of(place, asked.seconds, asked.processes)
        report(place)
        if not done:
            print(f"\n{name} was stopped; the same command goes on")


if __name__ == "__main__":
    main()
