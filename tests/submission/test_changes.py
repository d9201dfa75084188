"""What a pull request may do, as continuous integration asks."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.submission.made import Folder
from weightbench.errors import SubmissionError
from weightbench.submission.changes import added

SUBMISSIONS = Path("leaderboard", "submissions")


@pytest.fixture
def checkouts(original: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A repository with one submission, and with a pull request that adds another."""
    before, after = tmp_path / "before", tmp_path / "after"
    shutil.copytree(original, before / SUBMISSIONS / "mine")
    (before / "README.md").write_text("a repository\n")
    (before / "link.md").symlink_to("README.md")
    shutil.copytree(before, after, symlinks=True)
    (after / ".git").mkdir()
    (after / ".git" / "config").write_text("of the checkout")
    theirs = Folder(after / SUBMISSIONS / "theirs")
    shutil.copytree(original, theirs.path)
    theirs.manifest(lambda m: m.update(name="theirs", weighter="theirs.py:Mine"))
    theirs.records(lambda rs: [r["trial"].update(weighter="theirs.py:Mine") for r in rs])
    theirs.rekey()
    return before, after


def asked(before: Path, after: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "weightbench.submission", before, after],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_one_submission_is_added(checkouts: tuple[Path, Path]) -> None:
    done = asked(*checkouts)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{checkouts[1] / SUBMISSIONS / 'theirs'}\n"


def duplicate(after: Path) -> None:
    shutil.rmtree(after / SUBMISSIONS / "theirs")
    shutil.copytree(after / SUBMISSIONS / "mine", after / SUBMISSIONS / "again")
    Folder(after / SUBMISSIONS / "again").manifest(lambda m: m.update(name="again"))


def capitals(after: Path) -> None:
    theirs = Folder(after / SUBMISSIONS / "theirs")
    theirs.manifest(lambda m: m.update(weighter="MINE.py:mine"))
    theirs.records(lambda rs: [r["trial"].update(weighter="MINE.py:mine") for r in rs])
    theirs.rekey()


def workflow(after: Path) -> None:
    (after / ".github").mkdir()
    (after / ".github" / "evil.yml").touch()


def relinked(after: Path) -> None:
    (after / "link.md").unlink()
    (after / "link.md").symlink_to("/etc/passwd")


def oversized(after: Path) -> None:
    with (after / SUBMISSIONS / "theirs" / "records.json").open("wb") as file:
        file.truncate(10**10)


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "code": (lambda a: (a / "conftest.py").touch(), "conftest.py does not belong to a submission"),
    "a workflow": (workflow, ".github/evil.yml does not belong"),
    "the readme": (lambda a: (a / "README.md").write_text("mine now\n"), "README.md is changed"),
    "a link": (relinked, "link.md is changed"),
    "a mode": (lambda a: (a / "README.md").chmod(0o755), "README.md is changed"),
    "another's row": (
        lambda a: Folder(a / SUBMISSIONS / "mine").manifest(lambda m: m.update(contact="me!")),
        "leaderboard/submissions/mine/manifest.json is changed",
    ),
    "another's removal": (lambda a: shutil.rmtree(a / SUBMISSIONS / "mine"), "is removed"),
    "evidence": (
        lambda a: (a / SUBMISSIONS / "theirs.evidence.json").write_text("{}"),
        "theirs.evidence.json does not belong",
    ),
    "another file": (
        lambda a: (a / SUBMISSIONS / "theirs" / "run.py").touch(), "run.py does not belong",
    ),
    "two at once": (
        lambda a: shutil.copytree(a / SUBMISSIONS / "theirs", a / SUBMISSIONS / "more"),
        "2 submissions are added; one at a time",
    ),
    "none": (lambda a: shutil.rmtree(a / SUBMISSIONS / "theirs"), "0 submissions are added"),
    "a duplicate": (duplicate, "mine.py:Mine was submitted already, as mine"),
    "a duplicate in capitals": (capitals, "mine.py:Mine was submitted already, as mine"),
    "evidence for another's": (
        lambda a: (a / SUBMISSIONS / "mine.evidence.json").write_text("{}"),
        "mine.evidence.json does not belong",
    ),
    "size": (oversized, "records.json has 10,000,000,000 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_anything_else_is_refused(name: str, checkouts: tuple[Path, Path]) -> None:
    change, says = CHANGES[name]
    change(checkouts[1])
    with pytest.raises(SubmissionError, match=says):
        added(*checkouts)


def test_a_refusal_is_one_line(checkouts: tuple[Path, Path]) -> None:
    (checkouts[1] / "evil\x1b[31m.py").touch()
    done = asked(*checkouts)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "\x1b" not in done.stderr
