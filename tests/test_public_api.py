"""What ``import weightbench as wb`` offers: names and signatures, as they were last agreed on.

After a change that is meant, run from the root of the checkout

    python -m tests.test_public_api

and tell in CHANGELOG.md what its difference is to those who call it.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import weightbench as wb
from weightbench.data.dataset import DataSet

AGREED = Path(__file__).with_name("public_api.txt")
FORMER = {
    "PerClass": "HoldoutPerClass", "Total": "HoldoutTotal", "Unchanged": "NoCorruption",
    "parse": "parse_spec", "BadData": "errors.BadData", "BadSpec": "errors.BadSpec",
    "BadWeights": "errors.BadWeights", "HiddenData": "errors.HiddenData",
    "WeightbenchError": "errors.WeightbenchError",
}  # fmt: skip


def public_api() -> str:
    """A line for each name, and for what a class or module of that name offers."""
    return "".join(f"{line}\n" for name in sorted(wb.__all__) for line in _lines(name))


def _lines(name: str) -> Iterator[str]:
    thing = getattr(wb, name)
    if inspect.ismodule(thing):
        yield from (f"{name}.{member}" for member in sorted(_defined_in(thing)))
    elif isinstance(thing, type):
        yield f"{name}{_signature(thing)}"
        for member in sorted(set(dir(thing)) - set(dir(object))):
            if not member.startswith("_"):
                yield f"{name}.{member}{_signature(inspect.getattr_static(thing, member))}"
    else:
        yield f"{name}{_signature(thing)}"


def _defined_in(module: Any) -> list[str]:
    return [n for n, v in vars(module).items() if getattr(v, "__module__", "") == module.__name__]


def _signature(thing: Any) -> str:
    if isinstance(thing, staticmethod | classmethod):
        thing = thing.__func__
    if not callable(thing):
        return ""
    signature = inspect.signature(thing)
    return str(signature.replace(parameters=[*map(_plain, signature.parameters.values())]))


def _plain(parameter: inspect.Parameter) -> inspect.Parameter:
    """With dots for a default that is an object: its fields are listed elsewhere."""
    kinds = (bool, int, float, str, tuple, type(None), type)
    return parameter if isinstance(parameter.default, kinds) else parameter.replace(default=...)


def test_names_and_signatures_are_those_agreed_on() -> None:
    assert public_api() == AGREED.read_text(), (
        "the public API is another; if that is meant, run python -m tests.test_public_api and tell "
        "it in CHANGELOG.md"
    )


def test_every_name_is_there() -> None:
    assert set(dir(wb)) == set(wb.__all__)
    assert wb.errors.BadSpec.__module__ == "weightbench.errors"


@pytest.mark.parametrize("name", FORMER)
def test_former_names_lead_on_for_a_release(name: str) -> None:
    new = f"weightbench.{FORMER[name]}"
    with pytest.warns(DeprecationWarning, match=f"weightbench.{name} will .*; use {new}$") as said:
        found = getattr(wb, name)
    assert [warning.filename for warning in said] == [__file__]
    place = wb.errors if "errors" in new else wb
    assert found is getattr(place, new.rpartition(".")[2])
    assert name not in wb.__all__


def test_former_names_say_nothing_on_the_terminal(tmp_path: Path) -> None:
    plugin = tmp_path / "former.py"
    plugin.write_text("from weightbench import PerClass, BadSpec\nHERE = PerClass(3)\n")
    code = f"from weightbench.registry import load_from_file as f; print(f('{plugin}:HERE'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "HoldoutPerClass(clean=3, holdout_noise=0.0, holdout_shift=0.0)\n"


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (DataSet, ("d", None, None, 2, None)), (wb.Recipe, (40, 20)), (wb.Task, ("a", None)),
        (wb.Imbalance, (0.9, 1)), (wb.UniformFlip, (0.4, "redraw")), (wb.BackgroundFlip, (0.4, 1)),
    ],
)  # fmt: skip
def test_fields_after_the_first_ones_are_given_by_name(
    cls: type[Any], arguments: tuple[Any, ...]
) -> None:
    with pytest.raises(TypeError, match="positional argument"):
        cls(*arguments)


if __name__ == "__main__":
    AGREED.write_text(public_api())
