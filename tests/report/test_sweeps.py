"""Tasks that differ in one number are found, and no others."""

from __future__ import annotations

import pytest

from weightbench.report.sweeps import families, moving
from weightbench.spec import Value


@pytest.mark.parametrize(
    "tasks",
    [
        {},
        {"a-v0": {"ratio": 0.9}},
        {"a-v0[ratio=0.9]": {"ratio": 0.9}, "b-v0": {"ratio": 0.8}},
        {"a-v0[ratio=0.9,n=2]": {"ratio": 0.9, "n": 2}, "a-v0": {"ratio": 0.8, "n": 3}},
        {"a-v0[kind=one]": {"kind": "one"}, "a-v0": {"kind": "two"}},
        {"a-v0[flip=true]": {"flip": True}, "a-v0": {"flip": False}},
    ],
)
def test_other_tasks_do_not_move_in_one_number(tasks: dict[str, dict[str, Value]]) -> None:
    assert moving(tasks) is None


def test_tasks_that_differ_in_one_number_are_in_its_order() -> None:
    found = moving(
        {
            "a-v0[n=3]": {"n": 3, "lr": 0.1},
            "a-v0": {"n": 1, "lr": 0.1},
            "a-v0[n=2]": {"n": 2, "lr": 0.1},
        }
    )
    assert found is not None
    assert found.parameter == "n"
    assert list(found.values.items()) == [("a-v0", 1), ("a-v0[n=2]", 2), ("a-v0[n=3]", 3)]


def test_each_family_has_what_its_tasks_share() -> None:
    values: dict[str, Value] = {
        "a-v0": 0.9, "a-v0[ratio=0.5]": 0.5, "a-v0[lr=0.2]": 0.9, "a-v0[lr=0.2,ratio=0.5]": 0.5,
        "b-v0": 0.9, "c-v0": None, "c-v0[ratio=0.1]": 0.1,
    }  # fmt: skip
    found = families(values, "ratio")
    assert {family: list(one.values) for family, one in found.items()} == {
        "a-v0": ["a-v0[ratio=0.5]", "a-v0"],
        "a-v0[lr=0.2]": ["a-v0[lr=0.2,ratio=0.5]", "a-v0[lr=0.2]"],
    }
