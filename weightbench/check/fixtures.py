"""Fixtures for the tests of a package that brings weighters or tasks of its own.

pytest finds them wherever weightbench is installed::

    def test_mine_keeps_the_rules(check_weighter):
        check_weighter("my_package/mine.py:Mine")
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from weightbench.check import Finding
    from weightbench.training.task import Task
    from weightbench.training.weighter import Weighter


@pytest.fixture
def check_weighter() -> Callable[[str | Callable[[], Weighter]], None]:
    """Fails the test with every rule that a weighter (a spec or a class) breaks."""
    from weightbench.check import check_weighter

    return lambda weighter: _fail_on(check_weighter(weighter))


@pytest.fixture
def check_task() -> Callable[[str | Task], None]:
    """Fails the test with every rule that a task (a spec or a Task) breaks."""
    from weightbench.check import check_task

    return lambda task: _fail_on(check_task(task))


def _fail_on(findings: list[Finding]) -> None:
    if findings:
        pytest.fail("\n".join(f"{f}\n  mend: {f.mend}" for f in findings), pytrace=False)
