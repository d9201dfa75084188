"""Code comes to another checksum where another thing runs, and nowhere else."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from weightbench.errors import BadSpec
from weightbench.identity import checksum, checksum_of_text
from weightbench.training.task import make_task
from weightbench.training.weighter import digest_of, layers_of, make_weighter

BASE = '''
"""A module."""
import math
from functools import wraps
import weightbench as wb

SCALE = 2.0
TABLE = {"a": 1}
TABLE.update(b=2)


def doubled(values: "list[float]", by: float = 2) -> "list[float]":
    """Twice."""
    result = [value * by for value in values]
    return result


def loud(method):
    @wraps(method)
    def inner(*args):
        return method(*args)
    return inner


def unused():
    return 1


class Root(wb.Weighter):
    """A base."""

    order_dependent = False

    def weigh(self, batch):
        total = 0
        for one, other in zip(batch, batch):
            total += one * other
        try:
            found = doubled(batch)
        except ValueError as error:
            raise RuntimeError("no") from error
        return found, total, TABLE["a"], math.sqrt(SCALE)


class Mine(Root):
    """Mine."""

    share: float = 0.5

    def __init__(self, keep: float = 0.5) -> None:
        self.keep: float = keep

    @loud
    def helper(self):
        chosen = lambda x: x + self.keep
        return chosen(1)
'''

SAME: dict[str, tuple[str, str]] = {
    "a blank": ("total = 0", "total =  0"),
    "a line": ("total = 0", "\n        total = 0"),
    "a comment": ("total = 0", "total = 0  # nothing yet"),
    "a docstring": ('"""Mine."""', '"""Mine, and mine alone."""'),
    "no docstring": ('    """Twice."""\n', ""),
    "a module's docstring": ('"""A module."""', ""),
    "an annotation": ('values: "list[float]"', "values: list"),
    "no annotation of a return": (' -> "list[float]"', ""),
    "no annotation of an attribute": ("self.keep: float = keep", "self.keep = keep"),
    "quotes": ('TABLE["a"], math', "TABLE['a'], math"),
    "brackets": ("return found, total,", "return (found), total,"),
    "a local": ("result", "outcome"),
    "a local of a loop": ("other", "second"),
    "a name of an error": ("error", "problem"),
    "a name in a comprehension": ("value * by for value", "v * by for v"),
    "a local function": ("inner", "within"),
    "a local that holds a function": ("chosen", "picked"),
    "a private function's name": ("doubled", "twice"),
    "a base's name": ("Root", "Trunk"),
    "a constant's name": ("SCALE", "FACTOR"),
    "pass": ("    def helper(self):", "    def helper(self):\n        pass"),
    "what nobody uses": ("return 1\n", "return 2\n"),
    "the name of an import": ("import math", "import math as m"),
    "an import nobody uses": ("import math\n", "import math\nimport json\n"),
}
OTHER: dict[str, tuple[str, str]] = {
    "an operator": ("total += one * other", "total += one + other"),
    "locals swapped": ("total += one * other", "total += one * one"),
    "a number": ("total = 0", "total = 1"),
    "a helper": ("value * by for", "value + by for"),
    "a helper's default": ("by: float = 2", "by: float = 3"),
    "a parameter's default": ("keep: float = 0.5", "keep: float = 0.7"),
    "a class attribute": ("order_dependent = False", "order_dependent = True"),
    "a field": ("share: float = 0.5", "share: float = 0.6"),
    "a constant": ("SCALE = 2.0", "SCALE = 3.0"),
    "a table": ('{"a": 1}', '{"a": 3}'),
    "a table changed later": ("TABLE.update(b=2)", "TABLE.update(b=3)"),
    "a base": ("class Mine(Root)", "class Mine(wb.Weighter)"),
    "a base's method": ("found = doubled(batch)", "found = unused()"),
    "a decorator": ("    @loud\n", ""),
    "a decorator's inside": ("return method(*args)", "return method(*args[:1])"),
    "a method's name": ("def helper", "def helped"),
    "a method less": ("    @loud\n    def helper(self):", "    def weigh(self, batch):"),
    "a library's function": ("math.sqrt", "math.exp"),
    "a library": ("import math", "import cmath as math"),
    "a lambda": ("x + self.keep", "x - self.keep"),
    "an error": ("except ValueError", "except TypeError"),
    "a branch": ("        try:\n", "        if total:\n            pass\n        try:\n"),
    "an attribute set from outside": ("class Mine", "Root.order_dependent = None\n\n\nclass Mine"),
}  # fmt: skip


def of_text(text: str) -> str:
    return checksum_of_text(text.encode(), "Mine")


def renamed(text: str, edit: tuple[str, str]) -> str:
    before, after = edit
    assert before in text
    changed = text.replace(before, after)
    return changed.replace("math.sqrt", "m.sqrt") if after == "import math as m" else changed


@pytest.mark.parametrize("name", SAME)
def test_what_does_not_run_changes_nothing(name: str) -> None:
    assert of_text(renamed(BASE, SAME[name])) == of_text(BASE)


@pytest.mark.parametrize("name", OTHER)
def test_what_runs_does(name: str) -> None:
    assert of_text(renamed(BASE, OTHER[name])) != of_text(BASE)


def test_no_two_edits_come_to_the_same() -> None:
    seen = {name: of_text(renamed(BASE, edit)) for name, edit in OTHER.items()}
    assert len(set(seen.values())) == len(seen)


_COUNT = itertools.count()


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModuleType]]:
    """Writes modules into a folder of their own and imports the last one."""
    made: list[str] = []

    def load(folder: str = "", **texts: str) -> ModuleType:
        home = tmp_path / (folder or f"place{next(_COUNT)}")
        home.mkdir(exist_ok=True)
        for name, text in texts.items():
            (home / f"{name}.py").write_text(text)
            sys.modules.pop(name, None)
            made.append(name)
        monkeypatch.syspath_prepend(str(home))
        importlib.invalidate_caches()
        return importlib.import_module(list(texts)[-1])

    yield load
    for name in made:
        sys.modules.pop(name, None)


def test_text_and_live_class_come_to_the_same(modules: Callable[..., ModuleType]) -> None:
    assert checksum(modules(alone=BASE).Mine) == of_text(BASE)


RULE = """
import weightbench as wb
{}

class Mine(wb.Weighter):
    def weigh(self, batch):
        return keep()
"""


@pytest.mark.parametrize("line", ["from keeping import keep", "from .keeping import keep"])
def test_a_file_beside_a_plug_in_counts(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own, not one of that name in the working folder."""
    (tmp_path / "keeping.py").write_text("def keep(): return -1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    found = []
    for number, share in enumerate((1, 1, 2)):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "keeping.py").write_text(f"def keep(): return {share}\n")
        (folder / "mine.py").write_text(RULE.format(line))
        made = make_weighter(f"{folder / 'mine.py'}:Mine")
        assert made.weigh(None) == share  # type: ignore[arg-type]
        found.append(digest_of(made))
    assert found[0] == found[1] != found[2]


BASE_ALONE = """
import weightbench as wb

class Base(wb.Weighter):
    def weigh(self, batch):
        return {}
"""
MINE = "from {} import Base\n\nclass Mine(Base):\n    pass\n"


def test_a_base_class_in_another_module_counts(modules: Callable[..., ModuleType]) -> None:
    one = modules(mybase=BASE_ALONE.format(1), mine=MINE.format("mybase")).Mine
    first = checksum(one)
    other = modules(mybase=BASE_ALONE.format(2), mine=MINE.format("mybase")).Mine
    assert checksum(other) != first
    again = modules(mybase=BASE_ALONE.format(1), mine=MINE.format("mybase")).Mine
    assert checksum(again) == first


def test_a_moved_module_changes_nothing(modules: Callable[..., ModuleType]) -> None:
    here = modules(mybase=BASE_ALONE.format(1), mine=MINE.format("mybase")).Mine
    there = modules(elsewhere=BASE_ALONE.format(1), mine2=MINE.format("elsewhere")).Mine
    together = modules(one_file=BASE_ALONE.format(1) + "\n\nclass Mine(Base):\n    pass\n").Mine
    assert checksum(here) == checksum(there) == checksum(together)


def test_ways_to_import_the_same_helper(modules: Callable[..., ModuleType]) -> None:
    helper = "def keep(): return 0.5\n"
    body = "\n\ndef net(data):\n    return {}()\n"
    direct = modules(helper=helper, a=f"from helper import keep{body.format('keep')}").net
    whole = modules(helper=helper, b=f"import helper{body.format('helper.keep')}").net
    named = modules(helper=helper, c=f"import helper as h{body.format('h.keep')}").net
    inside = modules(
        helper=helper, d="def net(data):\n    from helper import keep\n    return keep()\n"
    )
    assert checksum(direct) == checksum(whole) == checksum(named)
    before = checksum(inside.net)
    changed = modules(helper=helper.replace("5", "6"), d=Path(str(inside.__file__)).read_text())
    assert checksum(changed.net) != before


def test_modules_that_use_each_other(modules: Callable[..., ModuleType]) -> None:
    text = """
def even(n):
    return n == 0 or odd(n - 1)

def odd(n):
    return n != 0 and even(n - {})
"""
    one, other = modules(ring=text.format(1)), modules(ring2=text.format(2))
    assert checksum(one.even) != checksum(other.even)
    assert checksum(one.even) != checksum(one.odd)


def net(width: int, bias: bool = False) -> tuple[int, bool]:
    return width, bias


def _made(width: int) -> Callable[[], int]:
    return lambda: width


class Holds:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self) -> Any:
        return self.value


VALUES: list[Any] = [
    1, 1.0, True, "1", b"1", None, (1,), [1], {1}, {"a": 1}, {"a": 2}, 2, 1j,
    functools.partial(net, 1), functools.partial(net, 2), functools.partial(net, width=1),
    functools.partial(net, 1, bias=True), net, Holds, Holds(1), Holds(2), Holds(Holds(1)),
    _made(1), _made(2), Holds(1).__call__, np.float32(1), np.array([1]), np.array([1.0]),
    np.array([[1]]), torch.ones(2), torch.zeros(2), torch.nn.Linear, torch.relu, range(2), len,
]  # fmt: skip


def test_no_two_values_come_to_the_same() -> None:
    found = [checksum(value) for value in VALUES]
    assert len(set(found)) == len(VALUES)
    assert found == [checksum(value) for value in VALUES]


def test_keywords_have_no_order() -> None:
    one = functools.partial(net, width=1, bias=True)
    assert checksum(one) == checksum(functools.partial(net, bias=True, width=1))


@given(st.recursive(st.none() | st.integers() | st.text(), lambda v: st.lists(v) | st.tuples(v, v)))
def test_equal_values_come_to_the_same(value: Any) -> None:
    assert checksum(value) == checksum(eval(repr(value)))


def test_lambdas_on_one_line_are_told_apart() -> None:
    one, other = (lambda x: x + 1), (lambda x: x + 2)
    assert checksum(one) != checksum(other)


def test_code_without_a_file() -> None:
    def made(text: str) -> Any:
        space: dict[str, Any] = {"__name__": "nowhere"}
        exec(text, space)  # as in a notebook
        return space["f"]

    text = "def g(): return {}\ndef f(): return g()\n"
    assert checksum(made(text.format(1))) == checksum(made(text.format(1)))
    assert checksum(made(text.format(1))) != checksum(made(text.format(2)))


@pytest.mark.parametrize(
    "thing", [threading.Lock(), Holds(threading.Lock()), np.random.default_rng(0)]
)
def test_what_cannot_be_told_apart_is_refused(thing: Any) -> None:
    with pytest.raises(BadSpec, match="cannot be told from another"):
        checksum(thing)


@pytest.mark.parametrize(
    "text", ["def (", "-" * 100_000 + "1", "a" + ".b" * 50_000, "\0", "x = (" * 300]
)
def test_text_that_is_no_python_is_refused(text: str) -> None:
    with pytest.raises(BadSpec, match="no Python"):
        checksum_of_text(text.encode(), "Mine")


def test_a_registered_name_stands_for_its_parameters() -> None:
    soft, hard = make_weighter("reed-soft"), make_weighter("reed-hard")
    assert [type(layer) for layer in layers_of(soft)] == [type(layer) for layer in layers_of(hard)]
    assert digest_of(soft) != digest_of(hard)


@pytest.mark.parametrize("spec", ["uniform+ft", "uniform+es+ft", "random+ft", "uniform"])
def test_every_layer_counts(spec: str) -> None:
    others = {"uniform+ft", "uniform+es+ft", "random+ft", "uniform"} - {spec}
    assert digest_of(make_weighter(spec)) not in {digest_of(make_weighter(o)) for o in others}


def test_built_in_code_is_the_same_wherever_it_is_installed() -> None:
    """As text and from the package."""
    for weighter, file in (("uniform", "uniform"), ("mentornet-dd", "mentornet_dd")):
        cls = type(make_weighter(weighter))
        path = Path(str(sys.modules[cls.__module__].__file__))
        assert path.stem == file
        if "from ." not in path.read_text():
            assert checksum(cls) == checksum_of_text(path.read_bytes(), cls.__name__)


def test_a_network_counts_by_its_code() -> None:
    one, other = make_task("digits-uniform-flip-v0"), make_task("digits-background-flip-v0")
    assert checksum(one.model) != checksum(other.model)
