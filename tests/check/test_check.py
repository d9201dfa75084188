"""The checker: every rule has a plug-in that breaks it and is caught for that and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugins import broken, zoo
from tests.shell import PLUGINS, TINY
from tests.shell import zoo as zoo_spec
from weightbench.check import RULES, Finding, check_task, check_weighter
from weightbench.check.isolated import check_isolated
from weightbench.evaluation import PRELOAD
from weightbench.execution import Limits, Local
from weightbench.registry import TASKS, WEIGHTERS

pytest_plugins = ["pytester"]

ALONE = {"Hangs": "ends", "TakesTheInterpreterAlong": "survives"}  # the process goes with them
WRAPPED = [
    "uniform+es",
    "uniform+ft",
    "uniform+select",
    "uniform+posthoc",
    "uniform+llr",
    "s-model+conf",
    "l2rw+es+ft",
]


def test_every_rule_has_a_plugin_that_breaks_it() -> None:
    assert set(zoo.ZOO.values()) == set(RULES)
    assert len(RULES) >= 20


@pytest.mark.parametrize("name", [name for name in zoo.ZOO if name not in ALONE])
def test_a_broken_plugin_is_caught_for_its_own_reason_and_no_other(name: str) -> None:
    found = check_task(zoo_spec(name)) if name.isupper() else check_weighter(zoo_spec(name))
    assert [finding.rule for finding in found] == [zoo.ZOO[name]], list(map(str, found))
    assert found[0].detail
    assert "\n" not in str(found[0])


def test_plugins_that_hang_or_crash_are_caught_from_outside() -> None:
    hangs, dies = map(zoo_spec, ALONE)
    two = Local(Limits(workers=2, seconds=20, memory=4 * 2**30), preload=PRELOAD)
    things = [("weighter", hangs), ("weighter", dies), ("task", TINY)]
    found = dict(check_isolated(things, two))
    assert found == {
        hangs: [Finding("ends", "it took longer than 20 s and was stopped")],
        dies: [Finding("survives", "the process was killed by SIGABRT")],
        TINY: [],
    }


def test_what_a_file_changes_when_it_is_opened_is_found(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import torch.nn.functional as F\n"
        "from weightbench.methods.uniform import Uniform as Mine\n"
        "F.cross_entropy = F.nll_loss\n"
    )
    ((_, found),) = check_isolated([("", f"{file}:Mine")])
    assert found == [Finding("patches", "torch.nn.functional.cross_entropy was replaced")]


@pytest.mark.slow  # tests/methods has most of the rules for each of them too
@pytest.mark.parametrize("name", [*WEIGHTERS.names(), *WRAPPED])
def test_every_built_in_weighter_keeps_the_rules(name: str) -> None:
    assert list(map(str, check_weighter(name))) == []


@pytest.mark.parametrize("name", [n for n in TASKS.names() if n.startswith(("digits", "breast"))])
def test_built_in_tasks_keep_the_rules(name: str) -> None:
    assert list(map(str, check_task(name))) == []


def test_a_class_can_be_checked_too() -> None:
    assert check_weighter(zoo.Uniform) == []
    assert [finding.rule for finding in check_weighter(broken.Peeks)] == ["hidden-data"]


def test_declarations_are_believed() -> None:
    class Bold(zoo.PunishesWrongLabels):
        negative = True

    class Far(zoo.StepsTenTimesAsFar):
        normalized = False

    class First(zoo.FavoursTheFirst):
        order_dependent = True

    for cls in (Bold, Far, First):
        assert check_weighter(cls) == []


def test_pytest_fixtures_for_other_repositories(pytester: pytest.Pytester) -> None:
    """They are found by their entry point; a broken rule fails the test, with its mend."""
    pytester.makepyfile(
        f"""
        def test_good(check_weighter, check_task):
            check_weighter("{zoo_spec("Uniform")}")
            check_task("{TINY}")

        def test_bad_weighter(check_weighter):
            check_weighter("{zoo_spec("GivesAColumn")}")

        def test_bad_task(check_task):
            check_task("{zoo_spec("DISJOINT")}")
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        ["shape: weights have shape (16, 1); expected (16,), one per example"]
    )
    result.stdout.fnmatch_lines(["  mend: draw the hold-out from the pool that is given"])


def test_the_rules_are_all_in_the_manual() -> None:
    manual = (PLUGINS.parent.parent / "docs" / "rules.md").read_text()
    for rule, (law, mend) in RULES.items():
        assert f"| `{rule}` | {law} | {mend} |" in manual, rule


def test_the_checker_leaves_global_streams_as_they_were() -> None:
    import random

    import numpy as np
    import torch

    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    expected = torch.rand(3), np.random.rand(3), random.random()  # noqa: NPY002
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    check_weighter(zoo.DrawsFromTheGlobalStream)
    assert torch.equal(torch.rand(3), expected[0])
    assert np.array_equal(np.random.rand(3), expected[1])  # noqa: NPY002
    assert random.random() == expected[2]
