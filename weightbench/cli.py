"""The command line: the group of commands, and what becomes of errors."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any, TextIO

import click

from weightbench._version import __version__
from weightbench.commands import (
    advise,
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
    suspects,
    verify,
)
from weightbench.commands.output import INTERRUPTED, say
from weightbench.errors import BadSpec, WeightbenchError


class _Commands(click.Group):
    """Every error of ours is one line on stderr; a wrong name or option exits with 2.

    Ctrl-C exits with 130, as a shell does, where click would say 1. So is whatever the system
    refuses, above all the output: a full disk, a folder that is gone. A pipe that was closed by who
    reads from it is no error to speak of. Nothing is shown but through the function for a terminal,
    not even a warning or a traceback.
    """

    def main(self, *args: Any, **kwargs: Any) -> Any:
        warned = warnings.showwarning
        warnings.showwarning = _warn
        try:
            try:
                Path.cwd()  # libraries fail in odder ways where it is gone
                return super().main(*args, **kwargs)
            finally:
                warnings.showwarning = warned
                if sys.stdout is not None:
                    sys.stdout.flush()
        except BrokenPipeError:
            _drop_output()
        except OSError as error:
            _drop_output()
            with contextlib.suppress(OSError):
                self._say(_refused(error))
        except Exception:  # a mistake of ours, which may quote what others wrote
            for line in traceback.format_exc().splitlines():
                say(line, err=True)
        sys.exit(1)

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
            say("", err=True)
            say("stopped", err=True)
            ctx.exit(INTERRUPTED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The first sentence of each command, whole: click would cut it off."""
        listed = [(name, self.commands[name]) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, made.get_short_help_str(1000)) for name, made in listed])

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:  # of an option before the command
            self._say(f"{error.format_message()} (weightbench --help says more)")
            raise click.exceptions.Exit(2) from error

    @staticmethod
    def _say(error: Exception | str) -> None:
        say(f"error: {' '.join(str(error).split())}", err=True)


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning in one line, as what it is about may be anybody's text."""
    say(f"{filename}:{lineno}: {category.__name__}: {message}", err=True)


def _refused(error: OSError) -> str:
    """What the system did not do, in words."""
    if error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, FileNotFoundError):
        return "the working folder is no longer there"
    return f"the output cannot be written: {error.strerror or error}"


def _drop_output() -> None:
    """Let what is still to be written go nowhere, or Python would fail once more at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@click.group("weightbench", cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Compare example-weighting methods on the same corrupted data sets.

    Plain `weightbench evaluate` trains the built-in methods on small embedded data sets and prints
    a leaderboard in about a minute.
    """


for command in (
    advise.advise,
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
    suspects.suspects,
    verify.verify,
):
    main.add_command(command)
