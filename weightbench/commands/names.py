"""``weightbench list`` and ``weightbench show``: what is installed, and what it is."""

from __future__ import annotations

from typing import Any

import click

from weightbench.commands.output import say
from weightbench.registry import SUITES, TASKS, WEIGHTERS, WRAPPERS, Registry

_KINDS: dict[str, Registry[Any]] = {
    "tasks": TASKS, "weighters": WEIGHTERS, "wrappers": WRAPPERS, "suites": SUITES,
}  # fmt: skip


@click.command("list")
@click.argument("kind", type=click.Choice(list(_KINDS)))
def list_names(kind: str) -> None:
    """List the tasks, weighters, wrappers or suites that are installed."""
    for name in _KINDS[kind].names():
        say(name)
    for clash in _KINDS[kind].clashes().values():
        say(f"note: {clash}", err=True)


@click.command()
@click.argument("id_", metavar="ID")
def show(id_: str) -> None:
    """Show what a task, weighter, wrapper or suite is, its parameters and where it is defined."""
    from weightbench.report.cards import card

    for line in str(card(id_)).splitlines():
        say(line)
