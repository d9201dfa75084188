"""Words in place of ids, from the parameters as they are."""

from __future__ import annotations

import numpy as np
import pytest

import weightbench as wb
from weightbench.registry import SUITES, TASKS
from weightbench.report.titles import suite_title, task_title, upper_words
from weightbench.spec import Value


def test_titles_say_what_is_wrong_and_how_much() -> None:
    assert task_title("digits-background-flip-v0") == (
        "Background flips",
        "digits, 40 % to one class",
    )
    assert task_title("mnist49-imbalance-v0[ratio=0.9]")[1] == "MNIST 4 against 9, 9 to 1"
    assert task_title("mnist49-imbalance-v0")[1] == "MNIST 4 against 9, 199 to 1"
    noisy = "digits-uniform-flip-v0[clean=10,holdout_noise=0.1]"
    assert task_title(noisy)[1].endswith("10 clean, 10 % of the clean labels wrong")


def test_what_is_not_installed_keeps_its_name() -> None:
    assert task_title("theirs-v3[noise=0.2]") == ("theirs-v3[noise=0.2]", "")
    assert task_title("/some/where/mine.py:TASK") == ("TASK", "")
    assert suite_title("theirs") == "theirs"
    assert upper_words("theirs-v3") == "right labels"


def test_no_two_built_in_tasks_or_suites_have_one_title() -> None:
    tasks = [task_title(name) for name in TASKS.names() if TASKS.built_in(name)]
    assert len(set(tasks)) == len(tasks)
    suites = [suite_title(name) for name in SUITES.names() if SUITES.built_in(name)]
    assert len(set(suites)) == len(suites)
    assert not set(suites) & set(SUITES.names())


@pytest.mark.parametrize(
    ("task", "says"),
    [
        ("digits-uniform-flip-v0", "right labels"),
        ("digits-noisy-tail-v0", "right labels"),
        ("mnist49-imbalance-v0", "true class balance"),
        ("digits-long-tail-v0", "true class balance"),
        ("adult-biased-labels-v0", "right labels and groups alike"),
    ],
)
def test_the_upper_end_of_skill_is_what_the_oracle_does(task: str, says: str) -> None:
    assert upper_words(task) == says


def _moved(value: Value) -> Value | None:
    """Another value that a numeric parameter may have."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return value + 7
    return 0.25 if 0 <= value <= 1 else value * 2


@pytest.mark.parametrize("name", TASKS.names())
def test_what_a_task_says_of_itself_follows_its_parameters(name: str) -> None:
    task = wb.make_task(name)
    before, heading = task.describe(), task_title(name)
    assert before
    for parameter, value in task.parameters().items():
        other = _moved(value)
        if other is None:
            continue
        try:
            spec = f"{name}[{parameter}={other}]"
            changed = wb.make_task(spec)
        except wb.errors.BadSpec:
            continue  # not with this value: classes and groups are 0 or 1
        assert changed.describe() != before, parameter
        assert task_title(spec) != heading, parameter
        said = changed.describe() + " ".join(task_title(spec))
        assert any(form in said for form in _forms(other)), (parameter, said)


def _forms(value: Value) -> list[str]:
    assert isinstance(value, int | float)
    odds = [f"{value / (1 - value):.2g} to 1"] if 0 <= value < 1 else []
    return [f"{value}", f"{value:,}", f"{value:g}", f"{100 * value:.10g} %", *odds]


def test_about_takes_no_part_in_what_a_task_is() -> None:
    task = wb.make_task("digits-background-flip-v0")
    other = wb.Task(**{**vars(task), "about": "x", "title": ("y", "z")})
    assert other.fingerprint == task.fingerprint
    assert np.array_equal(other.split(0).given, task.split(0).given)


@pytest.mark.parametrize("about", ["a {brace", "{}", "{nothing}", "{noise.__class__}", "{noise:d}"])
def test_a_text_that_is_no_template_stays_as_it_is(about: str) -> None:
    task = wb.make_task("digits-uniform-flip-v0")
    mine = wb.Task(**{**vars(task), "name": "mine[noise=0.4]", "about": about})
    assert mine.describe().startswith(about)
