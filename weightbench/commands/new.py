"""``weightbench new``: a file to start from."""

from __future__ import annotations

from pathlib import Path

import click

from weightbench.commands.output import say


@click.command()
@click.argument("kind", type=click.Choice(["weighter", "task"]))
@click.argument("name")
def new(kind: str, name: str) -> None:
    """Write a commented weighter or task called NAME into this folder.

    It passes `weightbench check` as it stands; the next three commands are printed.
    """
    from weightbench.commands.scaffold import scaffold

    path, spec = scaffold("task" if kind == "task" else "weighter", name, Path())
    say(f"wrote {path}; next:")
    if kind == "task":
        following = [f"evaluate --task {spec}", "leaderboard runs"]
    else:
        following = [
            f"evaluate --suite quick --weighter {spec}",
            f"submit {spec} runs --name {name} --contact ... --paper ... --code ...",
        ]
    for command in (f"check {spec}", *following):
        say(f"  weightbench {command}")
