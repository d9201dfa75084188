"""Whatever strangers write, no command shows anything that steers, hides or runs."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tests import generated
from tests.generated import predictions, spread
from tests.shell import TINY
from weightbench.cli import main
from weightbench.errors import describe_error
from weightbench.records.predictions import checksum
from weightbench.records.store import Store
from weightbench.records.weights import Weights
from weightbench.texts import is_plain

HOUSE = Path(__file__).parents[2] / "weightbench"
STEERING = "\x1b[31m\x1b]0;owned\x07\r\n::error file=a::owned\n##[error]owned\n##vso[x]\u202e"
TASKS = [
    "a-v0", STEERING, "::warning::x", "=cmd|' /C calc'!A0", "e" + "\u0301" * 30, "[", "<script>",
    "x[noise=1e999]", "x[noise=NaN]", "x[noise=1]", "x[noise=2]", "x[ratio=1]", "x[ratio=-1]",
    "x[ratio=2]", "x[ratio=0.5]", "x[ratio=0.9]", "x[clean=0]", "x[clean=-5]",
]  # fmt: skip
NAMES = [
    STEERING, "\n::error::x", "::warning::x", "##[command]x", "=cmd|' /C calc'!A0", "+1", "-1+2",
    "@SUM(1)", "a;=1", "\x1b[2J", "a\u200bb", "\u3164", "e" + "\u0301" * 30, "\u0338x", "\0",
    " ",
    "[bold red]x[/]", "[link=https://evil]l2rw[/link]", "[/]", "[", "\\", "]]", ":smile:",
    "{{7*7}}", "</script><script>alert(1)</script>", "`x`|y|", "<!-- board: end -->", "$\\frac{$",
    "x" * 300, "https://evil", "www.evil.com", "me@evil.com", "a+b+[", "l2rw[a=1,a=2]", "_x", "# x",
    "1. x", "a\x85b", "a\u2028b", "--help", "-",
]  # fmt: skip
PLUGIN = f'''
import weightbench as wb

class Odd(wb.Weighter):
    """{STEERING.encode("unicode_escape").decode()}"""

    def weigh(self, batch):
        raise ValueError({STEERING!a})
'''


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of such names, hostile files in it, submissions and a plug-in."""
    root = tmp_path_factory.mktemp("hostile")
    store = Store(root / "runs")
    store.create()
    made = generated.MADE.model_copy(update={"machine": STEERING, "packages": {STEERING: STEERING}})
    kept = predictions()
    weights = Weights(np.ones(9), np.ones(9, np.int64), np.ones(9, np.bool_))
    cells = [(task, weighter) for task in TASKS for weighter in ("uniform", "oracle", STEERING)]
    for task, weighter in cells + [("a-v0", name) for name in NAMES]:
        for seed, accuracy in enumerate(spread(0.9 if weighter == "oracle" else 0.6, 2, 3)):
            record = generated.record(task, weighter, seed, accuracy, predictions=checksum(kept))
            store.put(record.model_copy(update={"provenance": made}), kept, weights)
    for name in NAMES:
        store.put_cost(generated.cost("a-v0", name, 2.0))
        lost = generated.record("b-v0", name, 0, None)
        store.put(lost.model_copy(update={"reason": name + STEERING}))
    (root / "runs" / "records" / f"{STEERING.replace('/', '')}.json").write_text("{")
    (root / "runs" / "predictions" / "\x1b[31m.npz").write_text("x")
    for name in ("\x1b[31mevil", "::error::x", "note\n.txt"):
        (root / "runs" / "submissions" / name).mkdir(parents=True)
    (root / "odd.py").write_text(PLUGIN)
    return root


COMMANDS = [
    *([["leaderboard", "runs", "--format", form] for form in ("table", "markdown", "html", "csv")]),
    ["leaderboard", "runs", "--format", "json"],
    ["leaderboard", "runs", "--suite", "quick", "--format", "html"],
    ["leaderboard", "runs", "--suite", STEERING],
    ["leaderboard", STEERING.replace("\0", "")],
    ["compare", "::warning::x", "uniform", "runs"],
    ["compare", "[bold red]x[/]", "uniform", "runs"],
    ["compare", STEERING, "[/]", "runs"],
    ["doctor", "runs"],
    ["merge", "runs", "--out", "all"],
    ["anchors", "runs", "--out", "anchors.json"],
    *[
        ["plot", name, "runs", "--out", "figures"]
        for name in ("curves", "noise", "imbalance", "clean-size")
    ],
    *[
        ["plot", name, "runs", "--weighter", STEERING, "--task", STEERING, "--out", "figures"]
        for name in ("weights", "separation", "confusion")
    ],
    ["plot", STEERING, "runs"],
    ["show", "odd.py:Odd"],
    ["show", STEERING],
    ["check", STEERING],
    ["evaluate", "--task", TINY, "--weighter", "odd.py:Odd", "--seeds", "1", "--workers", "0"],
    ["evaluate", "--task", STEERING],
    ["evaluate", f"--{STEERING}"],
    ["new", "weighter", STEERING],
    ["new", "weighter", "aux"],
    ["submit", STEERING, "runs", "--name", "x", "--contact", "me", "--paper", "x", "--code", "x"],
    ["verify", "runs/submissions/\x1b[31mevil"],
    ["verify", STEERING],
    ["list", STEERING],
    [STEERING],
    [f"--{STEERING}"],
]


def asked(arguments: list[str]) -> Result:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # matplotlib's, of letters that its font lacks
        return CliRunner().invoke(main, arguments)


def bad_lines(text: str) -> list[str]:
    """Lines that a terminal or a build server would obey, or that hide something."""
    bad = []
    for line in text.split("\n"):
        shown = line.replace("\t", " ").strip(" ")
        if not is_plain(shown) or re.search(r"^::|##\w*\[", shown):
            bad.append(ascii(line)[:200])
    return bad


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda a: ascii(" ".join(a))[:50])
def test_no_output_steers_anything(
    arguments: list[str], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    done = asked(arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.output
    assert "Traceback" not in done.output
    assert bad_lines(done.stdout) == bad_lines(done.stderr) == []
    if "--format" not in arguments:
        assert all(len(line) < 6000 for line in done.output.splitlines())


def test_tables_are_no_formulae(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    texts = [asked(["leaderboard", "runs", "--format", "csv"]).stdout]
    for name in ("noise", "imbalance"):
        assert asked(["plot", name, "runs", "--out", "figures"]).exit_code == 0, name
        texts.append((place / "figures" / f"{name}.csv").read_text())
        assert bad_lines((place / "figures" / f"{name}.svg").read_text()) == []
    for text in texts:
        assert bad_lines(text) == []
        cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
        assert [c for c in cells if re.match(r"\s*[=+@]|-[^\d]", c)] == []


def test_json_is_the_same_text_and_no_command(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    done = asked(["leaderboard", "runs", "--format", "json"])
    assert done.stdout.isascii()
    content = json.loads(done.stdout)
    boards = content.get("suites", {"": content}).values()
    names = {row["weighter"] for board in boards for row in board["rows"]}
    assert STEERING in names
    assert "##[command]x" in names


def test_the_page_holds_no_markup_of_strangers(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    asked_for = asked(["leaderboard", "runs", "--format", "html"])
    page = asked_for.stdout
    assert page, asked_for.stderr
    assert "<script>alert" not in page
    assert "{{7*7}}" in page
    text = asked(["leaderboard", "runs", "--format", "markdown"]).stdout
    assert "<!-- board: end -->" not in text
    assert not re.search(r"https?://|www\.|me@", text)


def test_an_error_is_one_line() -> None:
    assert describe_error(ValueError(STEERING)).isprintable()
    assert describe_error(ValueError("a\n  b")) == "ValueError: a b"


def calls(path: Path) -> Iterator[str]:
    """What a module calls, by name: ``click.echo``, ``console.print``."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_every_line_leaves_by_one_door() -> None:
    """What prints without the function of its medium is seen here, in new commands too."""
    doors = {
        "commands/output.py": {"click.echo"},
        "commands/leaderboard.py": {"click.echo"},  # whole documents, each from its own function
        "report/terminal.py": {"console.print"},
        "submission/__main__.py": {"print"},
        "submission/apart.py": {"print"},  # JSON to the process that started it
    }
    for path in sorted(HOUSE.rglob("*.py")):
        printing = {
            name
            for name in calls(path)
            if name in ("print", "pprint")
            or re.search(r"\becho$|\.print$|std(out|err)\.write", name)
        }
        allowed = doors.get(path.relative_to(HOUSE).as_posix(), set())
        assert printing <= allowed, path
