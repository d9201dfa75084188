"""Lists with a sentence for each name, and what is shown of one."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from weightbench.cli import main
from weightbench.registry import SUITES, TASKS, WEIGHTERS, WRAPPERS, Registry
from weightbench.report.catalogue import print_catalogue
from weightbench.report.prose import lines_of, without_markup

KINDS: dict[str, Registry[Any]] = {
    "tasks": TASKS, "weighters": WEIGHTERS, "wrappers": WRAPPERS, "suites": SUITES,
}  # fmt: skip


def listed(kind: str, width: int) -> str:
    out = io.StringIO()
    print_catalogue(kind, Console(file=out, width=width))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("kind", KINDS)
def test_every_name_has_a_sentence_that_fits(kind: str, width: int) -> None:
    text = listed(kind, width)
    assert max(map(len, text.splitlines())) <= width
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    assert "`" not in text
    words = text.split()
    for name in KINDS[kind].names():
        assert f"+{name}" * (kind == "wrappers") or name in words
    assert len(words) > 4 * len(KINDS[kind].names())


def test_a_task_says_whether_its_data_are_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHTBENCH_DATA", str(tmp_path))
    rows = {line.split()[0]: line for line in listed("tasks", 200).splitlines() if line}
    assert re.search(r" download  +\S", rows["mnist-uniform-flip-v0"])
    assert "download" not in rows["digits-uniform-flip-v0"]


def test_weighters_say_what_they_are_given_and_that_there_are_wrappers() -> None:
    text = listed("weighters", 120)
    cells = {line.split()[0]: line.split() for line in text.splitlines() if line}
    assert [cells[name][1] for name in ("l2rw", "resample", "oracle")] == ["B", "A", "-"]
    assert "B a clean hold-out" in text
    assert "weightbench list wrappers" in text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", [[], ["--plain"]])
def test_a_pipe_gets_names_alone(kind: str, option: list[str]) -> None:
    done = CliRunner().invoke(main, ["list", kind, *option])
    assert done.stdout.splitlines() == KINDS[kind].names()


def test_names_and_sentences_of_weighters_load_no_torch() -> None:
    code = (
        "import sys; from rich.console import Console; "
        "from weightbench.report.catalogue import print_catalogue; "
        "print_catalogue('weighters', Console()); print_catalogue('suites', Console()); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(
    "name", ["l2rw", "mentornet-dd", "s-model+conf+es", "ft", "quick", "adult-biased-labels-v0"]
)
def test_what_is_shown_of_one_is_whole_words_without_markup(
    name: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    done = CliRunner().invoke(main, ["show", name])
    assert done.exit_code == 0, done.output
    assert "`" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= width
    monkeypatch.setenv("COLUMNS", "100")
    other = CliRunner().invoke(main, ["show", name])
    assert done.stdout.split() == other.stdout.split(), "the same words at any width"


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        ("``w_i = 1/n``.", "w_i = 1/n."),
        ("As :class:`CoTeaching`, see :func:`wb.spec.parse`.", "As CoTeaching, see parse."),
        ("nothing", "nothing"),
    ],
)
def test_markup_goes_and_words_stay(marked: str, plain: str) -> None:
    assert without_markup(marked) == plain


def test_paragraphs_and_items_of_a_docstring_are_lines_of_their_own() -> None:
    text = (
        "One\nand on.\n\nTwo.\n\nParameters:\n    lr: of\n        this.\n    beta: of that,\n"
        "        too.\n"
    )
    found = [(line.lead, line.text) for line in lines_of(text, indent=2)]
    assert found == [
        ("  ", "One and on."), ("", ""), ("  ", "Two."), ("", ""), ("  ", "Parameters:"),
        ("      ", "lr: of this."), ("      ", "beta: of that, too."),
    ]  # fmt: skip


def test_help_has_every_summary_whole() -> None:
    listed = CliRunner().invoke(main, ["--help"]).stdout.partition("Commands:")[2]
    text = " ".join(listed.split())
    assert "..." not in text
    for name, command in main.commands.items():
        first = " ".join((command.help or "").partition(".\n")[0].split()).rstrip(".")
        assert f"{name} {first}" in text, name


@pytest.mark.parametrize("name", [None, *main.commands])
def test_help_fits_a_terminal(name: str | None) -> None:
    text = CliRunner().invoke(main, [*([name] if name else []), "--help"]).stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "``" not in text
