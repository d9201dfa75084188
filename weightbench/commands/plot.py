"""``weightbench plot``: the paper's figures from records."""

from __future__ import annotations

import click


@click.command()
def plot() -> None:
    """Draw."""
