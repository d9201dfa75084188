"""Training a stranger's source again: what it may try, and what a lie about it looks like."""

from __future__ import annotations

import sys

import pytest

from tests.submission.made import Folder
from weightbench.errors import SubmissionError
from weightbench.execution import Limits
from weightbench.submission.verifying import verify

HERE = Limits(workers=1, seconds=60.0, memory=4 * 2**30)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks and signals")


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
