"""docs/submit.md; its commands are run to the letter in tests/benchmarks/test_submit_page.py."""

from __future__ import annotations

import click

from tests.submission.page import PAGE, commands
from weightbench.cli import main
from weightbench.submission.badges import BADGES
from weightbench.submission.manifest import LIMITS


def test_every_command_of_the_page_is_one_with_these_options() -> None:
    assert {name for _, name, *_ in commands()} == {
        "new",
        "check",
        "evaluate",
        "submit",
        "verify",
        "leaderboard",
    }
    for _, name, *arguments in commands():
        command = main.commands[name]
        with click.Context(command) as context:
            command.parse_args(context, list(arguments))


def test_the_page_names_every_file_and_badge() -> None:
    for name in (*LIMITS, *BADGES):
        assert f"| `{name}` |" in PAGE
