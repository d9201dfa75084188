"""``weightbench check``: does a weighter or a task keep the rules?"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from weightbench.commands.output import say
from weightbench.errors import UnknownName
from weightbench.registry import TASKS, WEIGHTERS, is_file_spec
from weightbench.spec import parse_spec, suggest


@click.command()
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
def check(specs: Sequence[str]) -> None:
    """Check weighters or tasks (an id, or path.py:Name) against the rules.

    Each is trained for some steps on a small task in a process of its own. Every finding names the
    rule, what broke it and how to mend it; docs/rules.md lists them all.
    """
    from weightbench.evaluation import PRELOAD
    from weightbench.execution import warm_up

    things = [(_kind(spec), spec) for spec in dict.fromkeys(specs)]
    warm_up(PRELOAD)
    from weightbench.check.isolated import check_isolated

    broken = False
    for spec, findings in check_isolated(things):
        for finding in findings:
            say(f"{spec}: {finding}")
            say(f"  mend: {finding.mend}")
        if not findings:
            say(f"{spec}: ok")
        broken |= bool(findings)
    sys.exit(1 if broken else 0)


def _kind(spec: str) -> str:
    """Which of the two a name is; empty for a file, which is only opened in the other process.

    Raises:
        BadSpec: it is neither.
    """
    name = parse_spec(spec).name
    if is_file_spec(name):
        return ""
    for kind, registry in (("task", TASKS), ("weighter", WEIGHTERS)):
        if name in registry.names():
            return kind
    known = [*TASKS.names(), *WEIGHTERS.names()]
    raise UnknownName(f"no task or weighter is called {name!r}.{suggest(name, known)}")
