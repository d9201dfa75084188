"""What a pull request may do, as continuous integration asks."""

from __future__ import annotations

import re
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


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=them", "-c", "user.email=them@example.org"]
    done = subprocess.run(["git", "-C", str(folder), *who, *arguments],
                          capture_output=True, text=True, check=True)  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def repository(checkouts: tuple[Path, Path]) -> tuple[Path, Path]:
    """The same as commits: of the branch, of the pull request, and of the two merged."""
    before, after = checkouts
    shutil.rmtree(after / ".git")
    git(after, "init", "-q", "-b", "main")
    git(after, "add", "--all", "--", ":!leaderboard/submissions/theirs")
    git(after, "commit", "-qm", "before")
    git(after, "checkout", "-qb", "theirs")
    git(after, "add", "--all")
    git(after, "commit", "-qm", "a submission")
    return before, after


def merge(after: Path) -> None:
    """As a build server checks a pull request out."""
    git(after, "checkout", "-q", "main")
    git(after, "merge", "-q", "--no-ff", "theirs", "-m", "merged")


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
    "an empty folder": (lambda a: (a / SUBMISSIONS / "other").mkdir(), "other does not belong"),
    "an empty folder inside": (
        lambda a: (a / SUBMISSIONS / "theirs" / "x").mkdir(), "theirs/x does not belong",
    ),
    "a folder for a file": (
        lambda a: (a / SUBMISSIONS / "more" / "weighter.txt").mkdir(parents=True), "no plain file",
    ),
    "a program": (
        lambda a: (a / SUBMISSIONS / "theirs" / "weighter.txt").chmod(0o755), "no plain file",
    ),
    "size": (oversized, "records.json has 10,000,000,000 bytes"),
}  # fmt: skip


def test_a_merged_pull_request_is_looked_at(repository: tuple[Path, Path]) -> None:
    merge(repository[1])
    done = asked(*repository)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{repository[1] / SUBMISSIONS / 'theirs'}\n"


def git_link(name: str) -> Callable[[Path], None]:
    """A submodule without its file .gitmodules: a checkout has an empty folder in its place."""

    def change(after: Path) -> None:
        entry = f"160000,{git(after, 'rev-parse', 'HEAD')},{name}"
        git(after, "update-index", "--add", "--cacheinfo", entry)
        git(after, "commit", "-qm", "a link")

    return change


def staged(mode: str, name: str, content: str) -> Callable[[Path], None]:
    """A file in the commit alone, with a mode that the disk may not know."""

    def change(after: Path) -> None:
        (after / ".git" / "blob").write_text(content)
        blob = git(after, "hash-object", "-w", str(after / ".git" / "blob"))
        git(after, "update-index", "--add", "--cacheinfo", f"{mode},{blob},{name}")
        git(after, "commit", "-qm", "a file")

    return change


THEIRS = "leaderboard/submissions/theirs"
COMMITS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a link to a repository": (git_link("leaderboard/submissions/other"), "submissions/other "),
    "one in its folder": (git_link(f"{THEIRS}/more"), "theirs/more "),
    "one far away": (git_link("weightbench/evil"), "weightbench/evil "),
    "a program": (staged("100755", f"{THEIRS}/weighter.txt", "x"), "theirs/weighter.txt "),
    "a symbolic link": (staged("120000", f"{THEIRS}/weighter.txt", "/etc/passwd"), "weighter.txt "),
    "attributes": (staged("100644", ".gitattributes", "* export-ignore"), ".gitattributes "),
    "modules": (staged("100644", ".gitmodules", ""), ".gitmodules "),
    "a steering name": (staged("100644", f"{THEIRS}/\x1b[31m", ""), "does not belong"),
    "a name in other letters": (staged("100644", "readme.md", "x"), "readme.md "),
    "a change besides": (staged("100644", "README.md", "mine\n"), "README.md "),
}  # fmt: skip


@pytest.mark.parametrize("name", COMMITS)
def test_what_is_merged_is_judged(name: str, repository: tuple[Path, Path]) -> None:
    change, says = COMMITS[name]
    change(repository[1])
    git(repository[1], "reset", "-q", "--hard")
    merge(repository[1])
    with pytest.raises(SubmissionError, match=re.escape(says)):
        added(*repository)


def test_what_is_merged_is_what_was_verified(repository: tuple[Path, Path]) -> None:
    after = repository[1]
    honest = (after / THEIRS / "weighter.txt").read_bytes()
    staged("100644", f"{THEIRS}/weighter.txt", "import os\n")(after)
    git(after, "reset", "-q", "--hard")
    merge(after)
    (after / THEIRS / "weighter.txt").write_bytes(honest)
    with pytest.raises(SubmissionError, match="is not the file that would be merged"):
        added(*repository)


def test_a_repository_without_the_branch_is_refused(repository: tuple[Path, Path]) -> None:
    after = repository[1]
    git(after, "checkout", "-q", "--orphan", "alone")
    git(after, "commit", "-qm", "alone")
    with pytest.raises(SubmissionError, match="git does not say what the pull request changes"):
        added(*repository)


def test_a_neighbour_that_cannot_be_read_stops_nobody(checkouts: tuple[Path, Path]) -> None:
    for root in checkouts:
        (root / SUBMISSIONS / "broken").mkdir()
        (root / SUBMISSIONS / "broken" / "manifest.json").write_text("{")
    assert added(*checkouts) == checkouts[1] / SUBMISSIONS / "theirs"


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
