"""``weightbench list`` and ``weightbench show``: what is installed, and what it is."""

from __future__ import annotations

import sys
from typing import Any

import click

from weightbench.commands.output import say, wide_console
from weightbench.registry import SUITES, TASKS, WEIGHTERS, WRAPPERS, Registry

_KINDS: dict[str, Registry[Any]] = {
    "tasks": TASKS, "weighters": WEIGHTERS, "wrappers": WRAPPERS, "suites": SUITES,
}  # fmt: skip


@click.command("list")
@click.argument("kind", type=click.Choice(list(_KINDS)))
@click.option("--plain", is_flag=True, help="Names alone, as in a pipe; nothing is loaded for it.")
def list_names(kind: str, plain: bool) -> None:
    """List the tasks, weighters, wrappers or suites that are installed.

    On a terminal with a sentence for each; of tasks it says which need a download, of weighters
    which need clean data. In a pipe or a file there are names alone, one in a line.
    """
    if plain or not sys.stdout.isatty():
        for name in _KINDS[kind].names():
            say(name)
    else:
        from weightbench.report.catalogue import print_catalogue

        print_catalogue(kind, wide_console())
    for clash in _KINDS[kind].clashes().values():
        say(f"note: {clash}", err=True)


@click.command()
@click.argument("id_", metavar="ID")
def show(id_: str) -> None:
    """Show what a task, weighter, wrapper or suite is.

    Also its parameters and where it is defined.
    """
    from weightbench.report.cards import card
    from weightbench.report.terminal import print_line

    console = wide_console()
    for line in card(id_).lines():
        print_line(console, line.text, line.lead, line.hang)
