"""``weightbench list`` and ``weightbench show``: what is installed, and what it is."""

from __future__ import annotations

import click

from weightbench.registry import SUITES, TASKS, WEIGHTERS, WRAPPERS

_REGISTRIES = {"tasks": TASKS, "weighters": WEIGHTERS, "wrappers": WRAPPERS, "suites": SUITES}


@click.command("list")
@click.argument("kind", type=click.Choice(list(_REGISTRIES)))
def list_names(kind: str) -> None:
    """List the tasks, weighters, wrappers or suites that are installed."""
    for name in _REGISTRIES[kind].names():
        click.echo(name)


@click.command()
@click.argument("id_", metavar="ID")
def show(id_: str) -> None:
    """Show what a task, weighter, wrapper or suite is, its parameters and where it is defined."""
    from weightbench.report.cards import card

    click.echo(card(id_))
