"""Where imports lead: submodules, packages that are not loaded, and whole modules as values."""

from __future__ import annotations

import ast
import functools
import importlib
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import weightbench as wb
from weightbench.identity import checksum, checksum_of_text
from weightbench.identity.modules import Import, Module, is_own, module_at, module_named
from weightbench.identity.syntax import Reader
from weightbench.training.signature import signature


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a subpackage, at hand and not loaded; and one that nobody marked as such."""
    for place, text in {
        "ownpkg/__init__": "top = 1\nshadow = 2\n",
        "ownpkg/a": "from . import sub\nfrom .sub import b\nfrom .sub.b import deep as alias\n",
        "ownpkg/shadow": "deep = 9\n",
        "ownpkg/sub/__init__": "level = 2\n",
        "ownpkg/sub/b": "deep = 3\n",
        "spaced/part/inner": "far = 4\n",
    }.items():
        path = tmp_path / f"{place}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def defined(reader: Reader, form: object) -> int:
    """The constant that a reference to a definition comes to."""
    assert isinstance(form, list)
    assert form[0] == "definition", form
    (statement,) = reader.forms[form[1]]
    return int(statement[2][1][1])


@pytest.mark.parametrize(
    ("target", "attributes", "value"),
    [
        (Import("ownpkg"), ("top",), 1),
        (Import("ownpkg", "top"), (), 1),
        (Import("ownpkg"), ("sub", "level"), 2),
        (Import("ownpkg.sub"), ("level",), 2),
        (Import("ownpkg", "sub"), ("level",), 2),
        (Import("ownpkg"), ("sub", "b", "deep"), 3),
        (Import("ownpkg.sub"), ("b", "deep"), 3),
        (Import("ownpkg.sub.b"), ("deep",), 3),
        (Import("ownpkg.sub", "b"), ("deep",), 3),
        (Import("ownpkg.sub.b", "deep"), (), 3),
        (Import("spaced.part.inner"), ("far",), 4),
        (Import("spaced.part.inner", "far"), (), 4),
    ],
)
def test_a_name_is_found_in_whatever_module_binds_it(
    package: Path, target: Import, attributes: tuple[str, ...], value: int
) -> None:
    reader = Reader(frozenset())
    module = Module("m", ast.parse(""), package / "m.py")
    assert defined(reader, reader.target(target, module, attributes)) == value
    assert "ownpkg" not in sys.modules, "nothing was run"
    (*_, last) = attributes or (target.member,)
    deeper = reader.target(target, module, (*attributes, "x", "y"))
    assert deeper[0] == "attribute"
    assert deeper[2:] == ["x", "y"], last


def test_what_a_module_binds_itself_is_before_a_submodule_of_that_name(package: Path) -> None:
    reader, module = Reader(frozenset()), Module("m", ast.parse(""), package / "m.py")
    assert defined(reader, reader.target(Import("ownpkg", "shadow"), module)) == 2
    assert defined(reader, reader.target(Import("ownpkg"), module, ("shadow",))) == 2


def test_relative_imports_of_modules(package: Path) -> None:
    module = module_at(package / "ownpkg" / "a.py")
    assert module is not None
    reader = Reader(frozenset())
    assert defined(reader, reader.member(module, "alias")) == 3
    for name, inside in (("sub", ("b", "deep")), ("b", ("deep",))):
        target = module.import_of(name)
        assert target is not None
        assert defined(reader, reader.target(target, module, inside)) == 3
    whole = reader.member(module, "b")
    assert whole[0] == "module"
    assert [defined(reader, form) for form in whole[1]] == [3]


def test_a_whole_module_counts_by_all_that_it_binds(package: Path) -> None:
    reader, module = Reader(frozenset()), Module("m", ast.parse(""), package / "m.py")
    whole = reader.target(Import("ownpkg"), module)
    assert whole[0] == "module"
    assert [defined(reader, form) for form in whole[1]] == [2, 1], "in the order of names"
    assert reader.target(Import("ownpkg.sub"), module)[0] == "module"
    assert reader.target(Import("ownpkg", "sub"), module)[0] == "module"


def test_names_of_foreign_modules() -> None:
    reader, module = Reader(frozenset()), Module("m", ast.parse(""))
    for target, attributes, name in (
        (Import("json"), (), "json"),
        (Import("json"), ("loads",), "json.loads"),
        (Import("json", "loads"), ("x",), "json.loads.x"),
        (Import("os.path"), ("join",), "os.path.join"),
        (Import("torch.nn.functional"), ("relu",), "torch.nn.functional.relu"),
        (Import("weightbench"), (), "weightbench"),
        (Import("weightbench", "normalize"), (), "weightbench.normalize"),
        (Import("weightbench.alignment.weights", "normalize"), (), "weightbench.normalize"),
        (Import("weightbench.errors"), ("BadSpec",), "weightbench.BadSpec"),
    ):
        assert reader.target(target, module, attributes) == ["name", name]
    assert reader.forms == []


def test_modules_that_are_not_loaded(package: Path) -> None:
    for name, file in (
        ("ownpkg", "ownpkg/__init__.py"),
        ("ownpkg.a", "ownpkg/a.py"),
        ("ownpkg.sub", "ownpkg/sub/__init__.py"),
        ("ownpkg.sub.b", "ownpkg/sub/b.py"),
        ("spaced.part.inner", "spaced/part/inner.py"),
    ):
        found = module_named(name)
        assert found is not None
        assert found.path == (package / file).resolve()
        assert is_own(name, frozenset())
        assert name not in sys.modules
    for missing in (
        "ownpkg.none",
        "ownpkg.sub.none",
        "ownpkg.a.b",
        "spaced",
        "spaced.part",
        "x.y",
        "",
    ):
        assert module_named(missing) is None, missing
        assert not is_own(missing, frozenset()), missing
    assert module_named("weightbench.methods.adaboost") is not None
    assert module_named("weightbench.methods.none") is None
    assert module_named("weightbench.none.none") is None
    assert module_named("itertools") is None
    assert module_named("_sitebuiltins_not_there") is None


def test_a_loaded_module_is_taken_as_it_was_loaded(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import types

    loaded = types.ModuleType("ownpkg")
    loaded.__file__ = str(package / "spaced" / "part" / "inner.py")
    monkeypatch.setitem(sys.modules, "ownpkg", loaded)
    found = module_named("ownpkg")
    assert found is not None
    assert set(found.bindings) == {"far"}
    for file in (None, str(package / "native.so"), 3):
        loaded.__file__ = file  # type: ignore[assignment]
        assert module_named("ownpkg") is None


def test_installed_code_is_looked_at_only_where_it_is_asked_for(tmp_path: Path) -> None:
    for name in ("click", "rich.console", "pandas", "numpy.linalg", "sklearn"):
        assert not is_own(name, frozenset())
    assert is_own("rich.console", frozenset({"rich"}))
    assert not is_own("rich.console", frozenset({"ric", "rich.console"}))


# ---- networks ------------------------------------------------------------------------------------


class Odd(nn.Module):
    """A buffer, a frozen parameter, a lazy layer, and an address where it prints."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.Parameter(torch.ones(2, dtype=torch.float64), requires_grad=False)
        self.register_buffer("kept", torch.zeros(3, 1, dtype=torch.int32))
        self.lazy = nn.LazyLinear(4)

    def extra_repr(self) -> str:
        return f"made at {hex(id(self))}, {object()!r}"


def test_a_signature_says_all_of_every_tensor(tiny: wb.Task) -> None:
    printed, tensors = signature(lambda _: Odd(), tiny.data)
    assert "object object>" in printed
    assert " at 0x" not in printed
    assert sorted(tensors) == [
        ("frozen", (2,), "torch.float64", False),
        ("kept", (3, 1), "torch.int32", False),
        ("lazy.bias", (), "torch.float32", True),
        ("lazy.weight", (), "torch.float32", True),
    ]
    assert signature(lambda _: Odd(), tiny.data) == (printed, tensors)


def test_a_network_is_given_the_data_and_built_without_memory(tiny: wb.Task) -> None:
    seen: list[object] = []

    def build(data: wb.DataSet) -> nn.Module:
        seen.append((data, torch.empty(1).device.type))
        return nn.Linear(2, data.num_classes)

    signature(build, tiny.data)
    assert seen == [(tiny.data, "meta")]


def test_a_network_that_looks_at_numbers_is_built_from_a_fixed_stream(tiny: wb.Task) -> None:
    def build(data: wb.DataSet) -> nn.Module:
        if torch.empty(1).device.type == "meta":
            raise RuntimeError("no numbers")
        return nn.Linear(1 + int(torch.randint(1000, (1,))), data.num_classes)

    before = torch.get_rng_state()
    one = signature(build, tiny.data)
    torch.manual_seed(77)
    assert signature(build, tiny.data) == one
    torch.set_rng_state(before)
    signature(build, tiny.data)
    assert torch.equal(torch.get_rng_state(), before)


def test_text_of_a_class_and_things_before_it() -> None:
    text = b"class Mine: pass\nclass Other: x = 1\n"
    assert checksum_of_text(text, "Mine") != checksum_of_text(text, "Other")
    assert checksum_of_text(text, "Mine", 1) != checksum_of_text(text, "Mine", 2)
    assert checksum_of_text(text, "Mine", 1) != checksum_of_text(text, "Mine")
    assert checksum(1) != checksum(1, 1)


# ---- locals of functions around functions --------------------------------------------------------

NESTED = """
def Mine(first):
    outer = first
    kind = ValueError
    base = dict
    import json as codec
    from os import path as place

    def wrap(given):
        return given

    @wrap
    def inner(value=outer, *, also=outer):
        try:
            return outer, codec.loads, place.join
        except kind:
            return lambda extra: outer + extra

    @wrap
    class Local(base, metaclass=base):
        size: int = outer
        twice = size

        def read(self, shown=outer):
            match shown:
                case kind.x:
                    return outer
                case {kind.y: 1, **more}:
                    return more
            return [outer for _ in range(3) if outer]

    return inner, Local
"""


@pytest.mark.parametrize(
    "name", ["outer", "kind", "base", "codec", "place", "wrap", "inner", "Local", "more", "_ in"]
)
def test_locals_of_functions_around_others_have_no_names(name: str) -> None:
    assert NESTED.count(name) >= 2 or name == "_ in"
    renamed = NESTED.replace(name, "item in" if name == "_ in" else f"other_{name}")
    assert checksum_of_text(renamed.encode(), "Mine") == checksum_of_text(NESTED.encode(), "Mine")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("value=outer", "value=first"),
        ("also=outer", "also=first"),
        ("return outer, codec", "return first, codec"),
        ("codec.loads", "place.loads"),
        ("except kind", "except base"),
        ("outer + extra", "first + extra"),
        ("Local(base,", "Local(kind,"),
        ("metaclass=base", "metaclass=kind"),
        ("int = outer", "int = first"),
        ("twice = size", "twice = outer"),
        ("shown=outer", "shown=first"),
        ("case kind.x", "case base.x"),
        ("{kind.y", "{base.y"),
        ("[outer for", "[first for"),
        ("if outer]", "if first]"),
        ("    @wrap\n    class", "    @first\n    class"),
        ("    @wrap\n    def", "    @first\n    def"),
        ("return inner, Local", "return Local, inner"),
        ("import json as codec", "import csv as codec"),
    ],
)
def test_which_local_it_is_counts(one: str, other: str) -> None:
    assert NESTED.count(one) == 1
    changed = NESTED.replace(one, other)
    assert checksum_of_text(changed.encode(), "Mine") != checksum_of_text(NESTED.encode(), "Mine")


# ---- installed packages --------------------------------------------------------------------------


def installed(home: Path, name: str, text: str) -> None:
    folder = home / "site-packages"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text)
    sys.modules.pop(name, None)
    importlib.invalidate_caches()


def test_an_installed_base_class_counts_and_an_installed_helper_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    monkeypatch.syspath_prepend(str(tmp_path))
    helper = "def helped(): return {}\n"
    base = (
        "from helper_of_all import helped\nclass Base:\n    def rule(self): return {}, helped()\n"
    )
    (tmp_path / "derived.py").write_text("from cool_base import Base\nclass Mine(Base): pass\n")

    def now(rule: int, help_: int) -> tuple[str, ...]:
        installed(tmp_path, "helper_of_all", helper.format(help_))
        installed(tmp_path, "cool_base", base.format(rule))
        sys.modules.pop("derived", None)
        mine = importlib.import_module("derived").Mine
        cool = importlib.import_module("cool_base")
        bound = functools.partial(functools.partial(cool.Base), 1)
        inside = checksum({"model": cool.Base}), checksum([1, (bound,)])
        return checksum(mine), checksum(bound), checksum(mine()), *inside

    try:
        first = now(1, 1)
        assert now(1, 2) == first
        assert all(a != b for a, b in zip(first, now(2, 1), strict=True))
    finally:
        for name in ("helper_of_all", "cool_base", "derived"):
            sys.modules.pop(name, None)


def test_what_is_refused_is_named() -> None:
    import threading

    from weightbench.errors import BadSpec

    with pytest.raises(BadSpec) as caught:
        checksum({"a": [threading.Lock()]})
    assert "_thread.lock" in str(caught.value)
    assert "cannot be told from another lock" in str(caught.value)
    with pytest.raises(BadSpec, match="can be read: too many nested"):
        checksum_of_text(b"(" * 300, "Mine")
    with pytest.raises(BadSpec, match="can be read: MemoryError"):
        checksum_of_text(b"-" * 200_000 + b"1", "Mine")
