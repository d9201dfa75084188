"""The command line: the group of commands, and what becomes of errors."""

from __future__ import annotations

import click

from weightbench._version import __version__
from weightbench.commands import (
    anchors,
    check,
    compare,
    doctor,
    evaluate,
    leaderboard,
    merge,
    names,
    new,
    plot,
    submit,
    verify,
)
from weightbench.commands.output import INTERRUPTED
from weightbench.errors import BadSpec, WeightbenchError


class _Commands(click.Group):
    """Every error of ours is one line on stderr; a wrong name or option exits with 2.

    Ctrl-C exits with 130, as a shell does, where click would say 1.
    """

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            where = error.ctx.command_path if error.ctx else "weightbench"
            self._say(f"{error.format_message()} ({where} --help says more)")
            ctx.exit(2)
        except BadSpec as error:
            self._say(error)
            ctx.exit(2)
        except WeightbenchError as error:
            self._say(error)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("\nstopped", err=True)
            ctx.exit(INTERRUPTED)

    @staticmethod
    def _say(error: Exception | str) -> None:
        click.echo(f"error: {' '.join(str(error).split())}", err=True)


@click.group("weightbench", cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Compare example-weighting methods on the same corrupted data sets.

    Plain `weightbench evaluate` trains the built-in methods on small embedded data sets and prints
    a leaderboard in about a minute.
    """


for command in (
    anchors.anchors,
    check.check,
    compare.compare,
    doctor.doctor,
    evaluate.evaluate,
    leaderboard.leaderboard,
    merge.merge,
    names.list_names,
    names.show,
    new.new,
    plot.plot,
    submit.submit,
    verify.verify,
):
    main.add_command(command)
