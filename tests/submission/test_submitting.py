"""From a scaffold to a badge on the board, by the rooms and by the commands."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.shell import weightbench
from tests.submission.made import ABOUT, SUITE, Folder, inside, train
from weightbench.check import check_task, check_weighter
from weightbench.cli import main
from weightbench.commands.scaffold import scaffold
from weightbench.errors import SubmissionError
from weightbench.execution import Limits
from weightbench.records.store import Store
from weightbench.submission.bundling import bundle
from weightbench.submission.published import published, rule_of
from weightbench.submission.reading import read
from weightbench.submission.verifying import verify

OUT = Path("leaderboard", "submissions")


def here(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.mark.parametrize("kind", ["weighter", "task"])
def test_what_new_writes_passes_the_check(kind: str, tmp_path: Path) -> None:
    with inside(tmp_path):
        result = here("new", kind, "my-first")
        assert result.exit_code == 0
        assert result.output.startswith("wrote my_first.py")
        assert result.output.count("  weightbench ") == 3
        check = check_task if kind == "task" else check_weighter
        assert check(f"my_first.py:{'TASK' if kind == 'task' else 'MyFirst'}") == []


@pytest.mark.parametrize("name", ["../evil", "Upper", "a b", "", "-x", "x\x1b[31m", "a" * 99])
def test_new_refuses_odd_names(name: str, tmp_path: Path) -> None:
    with inside(tmp_path):
        assert here("new", "weighter", "--", name).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_new_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("precious")
    with inside(tmp_path):
        result = here("new", "weighter", "mine")
    assert (result.exit_code, (tmp_path / "mine.py").read_text()) == (2, "precious")
    assert "is there already" in result.stderr


def test_a_submission_is_four_files_of_data(folder: Folder) -> None:
    names = {path.name for path in folder.path.iterdir()}
    assert names == {"manifest.json", "records.json", "predictions.npz", "weighter.txt"}
    submission = read(folder.path)
    assert submission.manifest.weighter == "mine.py:Mine"
    assert len(submission.records) == len(submission.predictions) == 2


def test_a_file_that_needs_another_is_not_submitted(tmp_path: Path) -> None:
    with inside(tmp_path):
        path, spec = scaffold("weighter", "mine", Path())
        text = path.read_text()
        path.write_text(text.replace("import torch\n", "import torch\n\nimport helper\n", 1))
        Path("helper.py").write_text("")
        with pytest.raises(SubmissionError, match=r"mine\.py imports helper\.py beside it"):
            bundle(spec, Store("runs"), ABOUT, SUITE, OUT)
        assert not OUT.exists()


def test_badges_are_earned_and_lost(folder: Folder) -> None:
    board = folder.path.parent
    assert published(board).badges == {"mine.py:Mine": "self-reported"}
    evidence, path = verify(folder.path)
    assert evidence.badge == "re-scored"
    assert published(board).badges == {"mine.py:Mine": "re-scored"}
    assert published(board, "reproduced").records == ()
    here = Limits(workers=2, seconds=100.0, memory=2 * 2**30)
    evidence, _ = verify(folder.path, rerun=2, limits=here)
    assert evidence.badge == "reproduced"
    assert evidence.reproduction is not None
    reruns = evidence.reproduction.reruns
    assert sorted((one.seed, one.identical) for one in reruns) == [(0, True), (1, True)]
    assert json.loads(path.read_text())["badge"] == "reproduced"
    assert len(published(board, "reproduced").records) == 2
    folder.manifest(lambda m: m.update(contact="somebody else"))
    assert published(board).badges == {"mine.py:Mine": "self-reported"}


def test_scores_that_training_does_not_give_are_not_reproduced(folder: Folder) -> None:
    """A mistake less in each trial, with every checksum right: only a training tells."""
    folder.put_right(1)
    evidence, path = verify(folder.path)
    assert evidence.badge == "re-scored"
    path.unlink()
    with pytest.raises(SubmissionError, match="every prediction is the same, and 1 are not"):
        verify(folder.path, rerun=1)
    assert not path.exists()


def test_the_board_shows_badges_and_filters_by_them(folder: Folder) -> None:
    board = folder.path.parent.parent
    train(Store(board), "uniform")
    verify(folder.path)
    for form in ("table", "markdown", "csv", "json", "html"):
        shown = here("leaderboard", str(board), "--format", form)
        assert shown.exit_code == 0
        assert "re-scored" in shown.output
        hidden = here("leaderboard", str(board), "--format", form, "--only", "reproduced")
        assert hidden.exit_code == 0
        assert "mine.py" not in hidden.output
        assert "badge" not in hidden.output
        assert "uniform" in hidden.output


def test_the_page_says_what_was_submitted(folder: Folder) -> None:
    page = here("leaderboard", str(folder.path.parent.parent), "--format", "html").output
    assert "agree with the clean hold-out, the more so the smaller their loss" in page
    assert '<a href="https://example.org/paper" rel="nofollow noopener noreferrer">' in page
    assert "submissions/mine/weighter.txt" in page
    assert "self-reported" in page


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ('class Mine(wb.Weighter):\n    """One.\n\n    Two.\n    """\n', "One.\n\nTwo."),
        ("# class Mine\nclass Other:\n  'no'\nclass Mine:\n  # a\n  r'yes'\n  x = 1\n", "yes"),
        ("class Mine:\n    def weigh(self): 'no'\n", ""),
        ("class Mine:\n    f'{boom()}'\n", ""),
        ("class Mine(" + "(" * 10**5, ""),
        ("class Other:\n    'no'\n", ""),
        ('x = """', ""),
    ],
)
def test_the_rule_is_read_from_the_source_without_running_it(source: str, rule: str) -> None:
    assert rule_of(source.encode(), "mine.py:Mine[a=1]+es") == rule


def test_a_submission_that_cannot_be_read_is_left_out_and_named(folder: Folder) -> None:
    (folder / "setup.py").touch()
    result = here("leaderboard", str(folder.path.parent.parent))
    assert result.exit_code == 1
    assert "damaged, left out" in result.stderr
    assert "mine.py" not in result.stdout


@pytest.fixture
def workshop(original: Path, tmp_path: Path) -> Path:
    """The contributor's folder: the weighter and its runs."""
    source = original.parent.parent.parent
    shutil.copytree(source / "runs", tmp_path / "runs")
    shutil.copy(source / "mine.py", tmp_path)
    return tmp_path


def refused(place: Path, says: str, weighter: str = "mine.py:Mine", **about: str) -> None:
    with inside(place), pytest.raises(SubmissionError, match=says):
        bundle(weighter, Store("runs"), dataclasses.replace(ABOUT, **about), SUITE, OUT)
    assert not (place / "leaderboard").exists()


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("name", "../../evil", "--name"),
        ("name", "x\x1b[31m", "--name"),
        ("contact", "<img src=x>", "markup"),
        ("contact", "me\x1b[2J", "control characters"),
        ("contact", "", "contact: String should have at least 3"),
        ("paper", "javascript:alert(1)", "paper: String should match"),
        ("code", "http://example.org", "code: String should match"),
    ],
)
def test_what_a_contributor_says_is_checked(
    field: str, value: str, says: str, workshop: Path
) -> None:
    refused(workshop, says, **{field: value})


def test_a_missing_trial_is_named_with_the_command_that_runs_it(workshop: Path) -> None:
    next(iter(sorted((workshop / "runs" / "records").glob("*.json")))).unlink()
    refused(workshop, "1 of 2 trials .* run weightbench evaluate --suite tiny-submissions")


def test_a_weighter_that_changed_since_is_told(workshop: Path) -> None:
    source = workshop / "mine.py"
    source.write_text(source.read_text().replace("clamp(min=0)", "clamp(min=1)"))
    refused(workshop, "2 were made with other code than there is now")


def test_only_a_class_of_a_file_here_is_submitted(workshop: Path) -> None:
    refused(workshop, "it must be a class of one file in this folder", weighter="uniform")
    absolute = f"{workshop}/mine.py:Mine"
    refused(workshop, "it must be a class of one file in this folder", weighter=absolute)


def test_a_weighter_that_breaks_a_rule_is_refused(workshop: Path) -> None:
    text = (workshop / "mine.py").read_text()
    (workshop / "mine.py").write_text(text.replace("wb.normalize(scores)", "-scores"))
    refused(workshop, "mine.py:Mine breaks a rule: negative")


def test_nothing_is_submitted_over_another(original: Path) -> None:
    place = original.parent.parent.parent
    with inside(place), pytest.raises(SubmissionError, match="is there already"):
        bundle("mine.py:Mine", Store("runs"), ABOUT, SUITE, OUT)


def test_a_refusal_is_one_line_and_exits_with_1(folder: Folder) -> None:
    folder.manifest(lambda m: m.update(contact="\x1b[31m<b>"))
    done = weightbench("verify", str(folder.path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: manifest.json: a text holds control characters")
    assert "\x1b" not in done.stderr


def test_file_names_follow_the_name(tmp_path: Path) -> None:
    assert scaffold("weighter", "two-words", tmp_path)[1] == "two_words.py:TwoWords"
