"""Every construct of the language counts by what it does; a published checksum stays what it is."""

from __future__ import annotations

import ast
import dataclasses
import enum
import functools
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import weightbench as wb
from weightbench.identity import checksum, checksum_of_text
from weightbench.identity.modules import (
    Import,
    Module,
    bound_by,
    changed_by,
    engine_name,
    follow,
    imports_of,
    is_engine,
    is_own,
    module_at,
    module_named,
    root_of,
)
from weightbench.identity.syntax import Reader

RICH = '''
from __future__ import annotations
import os.path
import numpy as np, torch.nn.functional as F
from collections import OrderedDict as Ordered, deque
from torch import *
from .near import thing
import weightbench as wb
from weightbench.alignment.weights import normalize

try:
    import fast
except ImportError as missing:
    fast = None

if np:
    LEVEL = 1
else:
    LEVEL = 2
for step in range(3):
    LEVEL += step
with open(os.devnull) as nothing:
    EMPTY = nothing.read()
first, *rest = (1, 2, 3)
counts: dict[str, int] = {}
counts["a"] = 1
counts.setdefault("b", 2)
del counts["a"]


class Meta(type):
    pass


class Mine(wb.Weighter, metaclass=Meta):
    """Says something."""

    limit = 3
    table: dict[str, int] = {}
    shared: ClassVar[int] = 4
    named: int

    class Inner:
        size = limit = 5

    @property
    def twice(self):
        return self.limit * 2

    @staticmethod
    def fixed(a, /, b, *args, c=1, d, **kwargs):
        return a if b else (c, d, args, kwargs)

    async def later(self):
        async with self as held:
            async for item in held:
                await item
        return [x async for x in held]

    def weigh(self, batch):
        global LEVEL
        LEVEL = 7
        total = count = 0
        def bump():
            nonlocal total
            total += 1
            return total
        for index, (left, right) in enumerate(batch):
            if not left:
                continue
            elif right is None or left in right:
                break
            total -= left ** right
        else:
            total = ~count
        while total < 3 <= count:
            total += bump()
        try:
            assert total, "none"
            raise ValueError from None
        except (ValueError, TypeError) as error:
            print(error)
        except OSError:
            pass
        finally:
            del count
        match batch:
            case {"a": found, **others}:
                total = found, others
            case [head, *tail] | (head, tail) if head:
                total = head, tail
            case wb.Batch(losses=_) as whole:
                total = whole
            case "x" | None:
                pass
        squares = {n * n for n in range(4) if n if n > 1}
        pairs = {k: v for k, v in counts.items()}
        lazy = (m for row in pairs for m in row)
        key = lambda one, two=2, *more, **named: one[1:two, ..., ::2]
        text = f"{total!r:>{3}} and {LEVEL}"
        if (size := len(text)) > 3:
            yield size
        yield from lazy
        used = Ordered, deque, thing, fast, first, EMPTY
        return normalize(F.relu(torch.ones(3))), wb.normalize, used
'''

EDITS = [
    ("os.devnull", "os.curdir"),
    ("LEVEL = 2", "LEVEL = 3"),
    ("LEVEL += step", "LEVEL -= step"),
    ("range(3)", "range(4)"),
    ("fast = None", "fast = 0"),
    ('counts["a"] = 1', 'counts["a"] = 2'),
    ('counts.setdefault("b", 2)', 'counts.setdefault("b", 3)'),
    ('del counts["a"]\n', ""),
    ("metaclass=Meta", "metaclass=type"),
    ("(wb.Weighter,", "(wb.Wrapper,"),
    ("    limit = 3", "    limit = 4"),
    ("shared: ClassVar[int] = 4", "shared: int = 4"),
    ("    named: int\n", ""),
    ("size = limit = 5", "size = limit = 6"),
    ("    @property\n", ""),
    ("self.limit * 2", "self.limit * 3"),
    ("a, /, b", "a, b, /"),
    ("*args, c=1", "*, args, c=1"),
    ("c=1, d,", "c=2, d,"),
    ("c=1, d,", "c=1, d=2,"),
    ("**kwargs):", "kwargs):"),
    ("a if b else", "b if a else"),
    ("async def", "def"),
    ("async with self as held", "async with held as self"),
    ("[x async for", "[x for"),
    ("        global LEVEL\n", ""),
    ("            nonlocal total\n", ""),
    ("total = count = 0", "total = count = 1"),
    ("total += 1", "total += 2"),
    ("continue", "break"),
    ("if not left", "if left"),
    ("right is None", "right is not None"),
    (" or left", " and left"),
    ("left in right", "left not in right"),
    ("left ** right", "left // right"),
    ("        else:\n            total = ~count\n", ""),
    ("~count", "-count"),
    ("3 <= count", "3 < count"),
    ("assert total", "assert not total"),
    ('"none"', '"some"'),
    ("from None", "from error"),
    ("(ValueError, TypeError)", "ValueError"),
    ("print(error)", "print(total)"),
    ("        except OSError:\n            pass\n", ""),
    ("del count", "del total"),
    ('"a": found', '"b": found'),
    ("**others", "**found2"),
    ("[head, *tail]", "[*head, tail]"),
    (" if head:", " if tail:"),
    ("losses=_", "logits=_"),
    ("as whole", "as total"),
    ('"x" | None', '"y" | None'),
    ("{n * n for n in range(4) if n if n > 1}", "[n * n for n in range(4) if n if n > 1]"),
    ("if n if n > 1", "if n if n > 2"),
    ("{k: v for", "{v: k for"),
    ("for m in row", "for m in pairs"),
    ("two=2", "two=3"),
    ("*more,", "more=3,"),
    ("**named: one", "named: one"),
    ("one[1:two, ..., ::2]", "one[1:two, ..., ::3]"),
    ("!r:>", "!s:>"),
    (":>{3}", ":<{3}"),
    ("and {LEVEL}", "or {LEVEL}"),
    ("size := len", "total := len"),
    ("yield from lazy", "yield lazy"),
    ("F.relu", "F.gelu"),
    ("torch.nn.functional as F", "torch.special as F"),
    ("return normalize(", "return repr("),
    ("torch.ones", "torch.zeros"),
    ("OrderedDict as", "Counter as"),
    ("deque\n", "defaultdict as deque\n"),
    (".near import thing", ".near import other as thing"),
    (".near import", "..near import"),
    ("from torch import *", "from numpy import *"),
    ("first, *rest", "*rest, first"),
]
SAME = [
    ("missing", "absent"),
    ("nothing", "handle"),
    ("LEVEL", "GRADE"),
    ("counts", "tallies"),
    ("Meta", "Kind"),
    ("bump", "raise_it"),
    ("index,", "_,"),
    ("left", "one_side"),
    ("squares", "quadrates"),
    ("found", "seen"),
    ("others", "remaining"),
    ("head", "lead"),
    ("tail", "trail"),
    ("whole", "everything"),
    ("lazy", "slow"),
    ("error", "mistake"),
    ("held", "kept"),
    ("pairs", "couples"),
    ("weightbench.alignment.weights import", "weightbench import"),
    ("import weightbench as wb", "import weightbench as wb\nimport weightbench.training.batch"),
    ("    table: dict[str, int]", "    table: Mapping[str, int]"),
    ("counts: dict[str, int] =", "counts ="),
    ("from __future__ import annotations\n", ""),
    ("Ordered", "Sorted"),
    ("        try:\n            assert", "\n        try:\n            assert"),
]


def of(text: str) -> str:
    return checksum_of_text(text.encode(), "Mine")


@functools.cache
def rich() -> str:
    return of(RICH)


def edited(edit: tuple[str, str]) -> str:
    before, after = edit
    assert before in RICH, before
    changed = RICH.replace(before, after)
    if before == "Ordered":
        changed = changed.replace("SortedDict", "OrderedDict")
    ast.parse(changed)
    return changed


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: " ".join(edit[0].split()))
def test_every_construct_counts(edit: tuple[str, str]) -> None:
    assert of(edited(edit)) != rich()


def test_no_two_of_them_are_taken_for_each_other() -> None:
    assert len({of(edited(edit)) for edit in EDITS}) == len(EDITS)


@pytest.mark.parametrize("edit", SAME, ids=lambda edit: " ".join(edit[0].split()))
def test_names_of_no_consequence(edit: tuple[str, str]) -> None:
    assert of(edited(edit)) == rich()


# ---- a checksum that was published is never computed otherwise -----------------------------------


@dataclasses.dataclass(frozen=True)
class Parts:
    size: int
    rate: float = 0.5
    names: tuple[str, ...] = ()


class Slotted:
    __slots__ = ("held",)

    def __init__(self, held: object) -> None:
        self.held = held


class Kinds(enum.Enum):
    ONE = 1
    TWO = 2


def network(width: int, *, bias: bool = True) -> tuple[int, bool]:
    return width, bias


def closing(width: int) -> Callable[[int], int]:
    def inner(extra: int, by: int = width) -> int:
        return width + extra * by

    return inner


class Caller:
    def __call__(self) -> int:
        return 3

    @staticmethod
    def fixed() -> int:
        return 1

    @classmethod
    def made(cls) -> Caller:
        return cls()

    @property
    def half(self) -> float:
        return 0.5

    @functools.cached_property
    def third(self) -> float:
        return 1 / 3

    class Inner:
        limit = 4


def local_class(width: int) -> type:
    class Local(Caller):
        size = 3

        def wide(self) -> int:
            return width

        @staticmethod
        def fixed() -> int:
            return width

        @classmethod
        def made(cls) -> Caller:
            return cls()

        @property
        def half(self) -> float:
            return width / 2

        @functools.cached_property
        def third(self) -> float:
            return width / 3

    return Local


def compiled(text: str) -> Any:
    space: dict[str, Any] = {"__name__": "nowhere"}
    exec(text, space)  # as in a notebook
    return space["f"]


RECURSIVE: list[Any] = [1]
RECURSIVE.append(RECURSIVE)

FIXED: dict[str, Callable[[], Any]] = {
    "plain": lambda: [1, -1.5, True, None, "a", b"b", 2j, ..., range(3), slice(1, 2)],
    "containers": lambda: {"a": (1, [2]), "b": frozenset({1, 2}), "c": {"x"}},
    "numpy": lambda: [np.arange(3), np.float32(1), np.dtype("f4"), np.array(["a", None], object)],
    "torch": lambda: torch.ones(2, requires_grad=True),
    "path": lambda: [Path("a/b"), re.compile("x+", re.I)],
    "enum": lambda: [Kinds.ONE, Kinds.TWO],
    "dataclass": lambda: [Parts(3), Parts(3, 0.25), Parts(3, names=("a",))],
    "engine": lambda: [wb.UniformFlip(0.4), wb.UniformFlip(0.3), wb.Recipe(lr=0.2), wb.CropFlip()],
    "slots": lambda: [Slotted(1), Slotted(Slotted(2))],
    "function": lambda: [
        network,
        closing(3),
        len,
        functools.reduce,
        wb.normalize,
        nn.functional.relu,
    ],
    "partial": lambda: functools.partial(functools.partial(network, bias=False), 3),
    "method": lambda: [Caller().__call__, Caller.made, Caller.fixed, Caller.Inner, Caller()],
    "class": lambda: [Caller, local_class(3), nn.Linear, wb.Weighter, int],
    "module": lambda: np.linalg,
    "compiled": lambda: compiled(
        "W = 3\ndef g(x=W): return W\ndef f(y): return g(y) + (lambda: W)()"
    ),
    "recursive": lambda: RECURSIVE,
    "built-in": lambda: [
        type(wb.make_weighter(w)) for w in ("adaboost", "mentornet-dd", "s-model")
    ],
    "task": lambda: wb.make_task("digits-uniform-flip-v0").model,
}
PUBLISHED = json.loads((Path(__file__).parent / "published.json").read_text())


def test_the_checksum_of_every_construct_is_what_it_was() -> None:
    assert rich() == PUBLISHED["rich"]


@pytest.mark.parametrize("name", FIXED)
def test_the_checksum_of_every_kind_of_value_is_what_it_was(name: str) -> None:
    """A change voids every published record; ``python -m tests.identity.test_syntax`` writes it."""
    if name == "compiled" and sys.version_info[:2] != (3, 11):
        pytest.skip("bytecode is that of one version of Python")
    assert checksum(FIXED[name]()) == PUBLISHED[name]


def test_different_things_of_one_kind_differ() -> None:
    for one, other in (
        (closing(3), closing(4)), (local_class(3), local_class(4)), (Slotted(1), Slotted(2)),
        (Kinds.ONE, Kinds.TWO), (Parts(3), Parts(4)), (Caller.fixed, Caller.made),
        (re.compile("x"), re.compile("x", re.I)), (Path("a"), Path("b")), ({1, 2}, {1, 3}),
        ([1, 2], (1, 2)), ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (torch.ones(2), torch.ones(2).int()),
        (np.array([None]), np.array([0], object)), (Caller, local_class(3)), (len, abs),
        (functools.partial(network, 1), functools.partial(network, 1, bias=True)),
        (wb.CropFlip(2), wb.CropFlip(3)), (nn.Linear, nn.Conv2d), (Caller.Inner, Caller),
    ):  # fmt: skip
        assert checksum(one) != checksum(other), (one, other)


# ---- modules -------------------------------------------------------------------------------------


def parsed(text: str, path: Path | None = None) -> Module:
    return Module("m", ast.parse(text), path)


def test_what_imports_bind() -> None:
    (node,) = ast.parse("import a.b, c.d as e").body
    assert isinstance(node, ast.Import)
    assert dict(imports_of(node)) == {"a": Import("a"), "e": Import("c.d")}
    (node,) = ast.parse("from ..a import b, c as d").body
    assert isinstance(node, ast.ImportFrom)
    assert dict(imports_of(node)) == {"b": Import("..a", "b"), "d": Import("..a", "c")}
    (node,) = ast.parse("from . import x").body
    assert isinstance(node, ast.ImportFrom)
    assert dict(imports_of(node)) == {"x": Import(".", "x")}


@pytest.mark.parametrize(
    ("text", "bound", "changed"),
    [
        ("a = b = 1", {"a", "b"}, set()),
        ("a, (b, *c) = x", {"a", "b", "c"}, set()),
        ("a.b = c[d] = 1", set(), {"a", "c"}),
        ("a.b.c[0].d = 1", set(), {"a"}),
        ("f().b = 1", set(), set()),
        ("a += 1", {"a"}, set()),
        ("del a, b.c", {"a"}, {"b"}),
        ("a.update(b)", set(), {"a"}),
        ("a.b.update(c)", set(), {"a"}),
        ("update(a)", set(), set()),
        ("a.b", set(), set()),
        ("def f(a): b = 1; c.d = 2", {"f"}, set()),
        ("class C: b = 1; c.d = 2", {"C"}, set()),
        ("x = [y for y in z]", {"x"}, set()),
        ("x = lambda y: (y, z)", {"x"}, set()),
        ("if a:\n    b = 1\nelse:\n    c.d = 1", {"b"}, {"c"}),
        ("for a in b:\n    c = 1", {"a", "c"}, set()),
        ("with a as b:\n    c.append(1)", {"b"}, {"c"}),
        ("try:\n    a = 1\nexcept E as b:\n    pass", {"a", "b"}, set()),
        ("match a:\n    case [b, *c]: d = 1\n    case {'k': e, **f}: pass", set("bcdef"), set()),
        ("import a.b, c as d\n", {"a", "d"}, set()),
        ("from a import b, c as d", {"b", "d"}, set()),
        ("from a import *", set(), set()),
        ("(a := 1)", {"a"}, set()),
        ("a: int = 1", {"a"}, set()),
        ("async def f(): x = 1", {"f"}, set()),
    ],
)
def test_what_statements_bind_and_change(text: str, bound: set[str], changed: set[str]) -> None:
    module = parsed(text)
    (statement,) = module.tree.body
    assert set(bound_by(statement)) == bound
    assert set(changed_by(statement)) == changed
    assert set(module.bindings) == bound
    assert set(module.changes) == changed
    assert all(module.statements_of(name) == [statement] for name in bound | changed)


def test_statements_of_a_name_are_in_their_order() -> None:
    module = parsed("a = 1\nb = 2\na.c = b\na = 3\na.d()")
    assert [s.lineno for s in module.statements_of("a")] == [1, 3, 4, 5]
    assert module.statements_of("z") == []
    assert module.import_of("a") is None


def test_imports_of_a_module() -> None:
    module = parsed("import a\nfrom b import *\nfrom . import *\nfrom c import d\na.x()\nd = 1")
    assert module.import_of("a") == Import("a")
    assert module.import_of("d") is None
    assert module.import_of("z") is None
    assert module.stars == ["b", "."]


@pytest.mark.parametrize(
    ("text", "root"), [("a", "a"), ("a.b", "a"), ("a[0].b", "a"), ("f().b", None), ("(1).b", None)]
)
def test_what_a_chain_hangs_on(text: str, root: str | None) -> None:
    assert root_of(ast.parse(text, mode="eval").body) == root


@pytest.mark.parametrize(
    ("dotted", "name"),
    [
        ("weightbench", "weightbench"),
        ("weightbench.normalize", "weightbench.normalize"),
        ("weightbench.training.batch.normalize", "weightbench.normalize"),
        ("weightbench.training", "weightbench"),
        ("weightbench.Weighter.begin", "weightbench.Weighter.begin"),
        ("weightbench.errors.BadSpec", "weightbench.BadSpec"),
        ("weightbench.corruption.describe", "weightbench.describe"),
    ],
)
def test_names_of_the_engine_have_no_rooms(dotted: str, name: str) -> None:
    assert engine_name(dotted) == name


def test_whose_code_is_looked_at() -> None:
    none: frozenset[str] = frozenset()
    assert is_engine("weightbench")
    assert is_engine("weightbench.training.batch")
    assert not is_engine("weightbenchmark")
    assert not is_engine("weightbench.tasks")
    assert not is_engine("weightbench.methods.uniform")
    assert is_own("weightbench.tasks.networks", none)
    assert is_own(__name__, none)
    assert not any(is_own(name, none) for name in ("weightbench.spec", "torch.nn", "json", "click"))
    assert is_own("click.core", frozenset({"click"}))
    assert not is_own("torch", frozenset({"torch"}))
    assert not is_own("json", frozenset({"json"}))
    assert not is_own("no_such_module_anywhere", none)


def test_where_modules_are(tmp_path: Path) -> None:
    assert module_named("no_such_module_anywhere") is None
    assert module_named("sys") is None
    found = module_named("click.core")
    assert found is not None
    assert "Command" in found.bindings
    networks = module_named("weightbench.tasks.networks")
    assert networks is not None
    assert networks.path is not None
    assert networks.path.name == "networks.py"
    (tmp_path / "broken.py").write_text("def (")
    assert module_at(tmp_path / "broken.py") is None
    assert module_at(tmp_path / "missing.py") is None
    (tmp_path / "fine.py").write_text("a = 1")
    one = module_at(tmp_path / "fine.py")
    assert one is module_at(tmp_path / "fine.py")
    (tmp_path / "fine.py").write_text("ab = 1")
    other = module_at(tmp_path / "fine.py")
    assert one is not None
    assert other is not None
    assert (set(one.bindings), set(other.bindings)) == ({"a"}, {"ab"})


def test_where_imports_lead(tmp_path: Path) -> None:
    none: frozenset[str] = frozenset()
    package = tmp_path / "pkg"
    (package / "sub").mkdir(parents=True)
    for place in ("pkg/__init__", "pkg/a", "pkg/sub/__init__", "pkg/sub/b", "beside"):
        (tmp_path / f"{place}.py").write_text(f"here = {place!r}\n")

    def lead(target: str, place: str) -> str | None:
        module = module_at(tmp_path / f"{place}.py")
        assert module is not None
        found = follow(target, module, none)
        return str(found.path.relative_to(tmp_path)) if found and found.path else None

    assert lead(".a", "pkg/__init__") == "pkg/a.py"
    assert lead(".", "pkg/a") == "pkg/__init__.py"
    assert lead(".sub", "pkg/a") == "pkg/sub/__init__.py"
    assert lead(".sub.b", "pkg/a") == "pkg/sub/b.py"
    assert lead("..a", "pkg/sub/b") == "pkg/a.py"
    assert lead(".none", "pkg/a") is None
    assert lead("beside", "pkg/a") is None
    assert lead("pkg.sub.b", "beside") == "pkg/sub/b.py"
    assert lead("torch", "beside") is None
    assert lead("json", "beside") is None
    assert lead("click", "beside") is None
    assert follow(".a", parsed("x = 1"), none) is None
    assert follow("beside", parsed("x = 1"), none) is None


def test_what_names_mean(tmp_path: Path) -> None:
    (tmp_path / "near.py").write_text("from far import *\ndef one(): return 1\n")
    (tmp_path / "far.py").write_text("def two(): return 2\nfrom near import *\n")
    text = "from near import *\nimport near\nimport math\nimport weightbench as wb\nx = 3\n"
    (tmp_path / "main.py").write_text(text)
    module = module_at(tmp_path / "main.py")
    assert module is not None
    reader = Reader(frozenset())
    assert reader.member(module, "x") == ["definition", 0]
    assert reader.member(module, "x") == ["definition", 0]
    assert reader.forms == [[["Assign", [["definition", 0]], ["Constant", ["int", "3"]]]]]
    assert reader.member(module, "one") == ["definition", 1]
    assert reader.member(module, "two") == ["definition", 2]
    assert reader.member(module, "print") == ["name", "print"]
    assert reader.member(module, "nobody") == ["name", "near", "nobody"]
    assert reader.member(module, "math") == ["name", "math"]
    near = Import("near")
    assert reader.target(Import("math"), module, ("pi", "real")) == ["name", "math.pi.real"]
    assert reader.target(Import("weightbench"), module, ("Batch", "x")) == [
        "name",
        "weightbench.Batch.x",
    ]
    assert reader.target(near, module, ("one", "deep")) == ["attribute", ["definition", 1], "deep"]
    assert reader.target(near, module)[0] == "module"
    assert reader.target(Import("near", "one"), module, ("a",)) == [
        "attribute",
        ["definition", 1],
        "a",
    ]
    assert reader.target(Import("near", "two"), module) == ["definition", 2]


if __name__ == "__main__":
    from tests.identity import test_syntax as module  # by its name, as tests have it

    values = {name: checksum(make()) for name, make in module.FIXED.items()}
    text = json.dumps({"rich": rich(), **values}, indent=1)
    (Path(__file__).parent / "published.json").write_text(text + "\n")
