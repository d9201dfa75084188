"""Values and live code as forms, and the checksum over them."""

from __future__ import annotations

import ast
import dataclasses
import enum
import functools
import hashlib
import inspect
import json
import re
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from weightbench.errors import BadSpec
from weightbench.identity.modules import LIBRARIES, Module, is_engine, is_own, module_named
from weightbench.identity.syntax import Code, Form, Reader

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...), range, slice)
_LONGEST = 80  # of a repr in a message


@dataclasses.dataclass(frozen=True)
class Text:
    """A name in the text of a module, which is parsed and never run."""

    content: bytes
    name: str


def checksum(*things: Any) -> str:
    """sha256 (hex) of code and values: of what runs, and of nothing else.

    Args:
        *things: functions, classes, ``functools.partial`` objects, instances, arrays, plain values
            and containers of them. Of the code of their own modules everything is followed that
            they refer to; installed packages count where a thing, or a class in its line of
            descent, comes from one, and the libraries weightbench rests on never do.

    Raises:
        BadSpec: one of them cannot be told from another of its kind.
    """
    values = _Values(Reader(frozenset(filter(None, map(_package_of, _line_of_descent(things))))))
    forms = [values.form(thing) for thing in things]
    text = json.dumps([forms, values.reader.forms])
    return hashlib.sha256(text.encode()).hexdigest()


def checksum_of_text(content: bytes, name: str, *things: Any) -> str:
    """As :func:`checksum`, of ``things`` and last of what ``name`` means in a module's text.

    Raises:
        BadSpec: the text is no Python.
    """
    try:
        return checksum(*things, Text(content, name))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadSpec(
            f"it is no Python that can be read: {str(error) or type(error).__name__}"
        ) from None


def _line_of_descent(things: Iterable[Any], around: tuple[int, ...] = ()) -> Iterator[Any]:
    """The things, those in containers too, and the classes that they are or descend from."""
    for thing in things:
        if isinstance(thing, Mapping | list | tuple):
            if id(thing) not in around:
                inside = thing.values() if isinstance(thing, Mapping) else thing
                yield from _line_of_descent(inside, (*around, id(thing)))
            continue
        while isinstance(thing, functools.partial):
            thing = thing.func
        yield from inspect.getmro(thing) if isinstance(thing, type) else [thing]
        yield from inspect.getmro(type(thing))


def _package_of(thing: Any) -> str | None:
    """The installed package whose code counts as a thing's own; None for a library's."""
    top = str(getattr(thing, "__module__", None) or "").partition(".")[0]
    return None if top in LIBRARIES or top in sys.stdlib_module_names else top


class _Values:
    """Turns values into forms; code goes to ``reader``."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._open: list[int] = []

    def form(self, value: Any) -> Form:
        """Whatever it is."""
        if isinstance(value, _PLAIN) and not isinstance(value, enum.Enum):
            return [type(value).__name__, repr(value)]
        if id(value) in self._open:
            return ["again", self._open.index(id(value))]
        self._open.append(id(value))
        try:
            return self._compound(value)
        finally:
            self._open.pop()

    def _compound(self, value: Any) -> Form:
        if isinstance(value, Text):
            module = Module("text", ast.parse(value.content))
            return ["inside", self.reader.member(module, value.name)]
        if isinstance(value, list | tuple) and type(value) in (list, tuple):
            return [type(value).__name__, *map(self.form, value)]
        if isinstance(value, Mapping) and type(value) in (dict, types.MappingProxyType):
            return ["dict", *[[self.form(k), self.form(v)] for k, v in value.items()]]
        if isinstance(value, set | frozenset):
            return ["set", *sorted(map(self.form, value), key=json.dumps)]
        if isinstance(value, functools.partial):
            keywords = {name: value.keywords[name] for name in sorted(value.keywords)}
            return ["partial", *map(self.form, (value.func, value.args, keywords))]
        if isinstance(value, types.ModuleType):
            return ["name", value.__name__]
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, types.MethodType):
            return ["method", self.form(value.__self__), value.__name__]
        function = inspect.unwrap(value) if callable(value) else value
        if isinstance(function, types.FunctionType):
            return self._function(function)
        return self._thing(value)

    # ---- things ----------------------------------------------------------------------------------

    def _thing(self, value: Any) -> Form:
        if isinstance(value, enum.Enum):
            return ["enum", self._class(type(value)), value.name]
        if isinstance(value, Path | re.Pattern | np.generic | np.dtype):
            return ["value", repr(value)]
        if inspect.isroutine(value):
            return ["name", f"{value.__module__}.{value.__qualname__}"]
        if hasattr(value, "__array__"):
            return self._array(value)
        if dataclasses.is_dataclass(value):
            return ["object", self._class(type(value)), *self._fields(value)]
        state = _state_of(value)
        if state is None:
            raise BadSpec(
                f"{repr(value)[:_LONGEST]} cannot be told from another {type(value).__name__}; use "
                "plain functions, frozen dataclasses and plain values"
            )
        return ["object", self._class(type(value)), *[[n, self.form(v)] for n, v in state.items()]]

    def _array(self, value: Any) -> Form:
        array = np.ascontiguousarray(value.detach().cpu() if hasattr(value, "detach") else value)
        if array.dtype.hasobject:
            return ["array", [self.form(item) for item in array.flat], list(array.shape)]
        digest = hashlib.sha256(array.tobytes()).hexdigest()
        return ["array", array.dtype.str, list(array.shape), digest]

    def _fields(self, value: Any) -> Iterator[Form]:
        """Of the engine's dataclasses, what differs from the default: new fields move nothing."""
        every = not is_engine(type(value).__module__)
        for field in dataclasses.fields(value):
            content = getattr(value, field.name)
            if every or not _is_default(field, content):
                yield [field.name, self.form(content)]

    # ---- code ------------------------------------------------------------------------------------

    def _class(self, cls: type) -> Form:
        if is_engine(cls.__module__):
            return ["name", f"weightbench.{cls.__qualname__}"]
        module = self._module_of(cls)
        if module is None and not self._is_own(cls):
            return ["name", f"{cls.__module__}.{cls.__qualname__}"]
        outermost, *inner = cls.__qualname__.split(".")
        if module is not None and "<locals>" not in inner and outermost in module.bindings:
            return ["inside", self.reader.member(module, outermost), *inner]
        members = {n: v for n, v in vars(cls).items() if not n.startswith("__") or callable(v)}
        bases = [self._class(base) for base in cls.__bases__]
        return ["class", bases, *[[n, self.form(_plain_member(v))] for n, v in members.items()]]

    def _function(self, function: types.FunctionType) -> Form:
        if is_engine(function.__module__):
            return ["name", f"weightbench.{function.__qualname__}"]
        module, name = self._module_of(function), function.__qualname__
        if module is None and not self._is_own(function):
            return ["name", f"{function.__module__}.{name}"]
        node = None if module is None else _node_of(function, module)
        if module is None or node is None:
            return self._compiled(function)
        if node in module.tree.body:
            return self.reader.member(module, name)
        outside = {n: functools.partial(self.form, v) for n, v in _closure(function).items()}
        defaults = [function.__defaults__, function.__kwdefaults__]
        body = Code(self.reader, module, outside).function(node, None)
        return ["function", body, *map(self.form, defaults)]

    def _compiled(self, function: types.FunctionType) -> Form:
        """A function whose source is nowhere: what the interpreter makes of it."""
        code, known = function.__code__, {**function.__globals__, **_closure(function)}
        used = {name: known[name] for name in _names_of(code) if name in known}
        defaults = [function.__defaults__, function.__kwdefaults__]
        names = [[name, self.form(value)] for name, value in sorted(used.items())]
        return ["compiled", _instructions(code), names, *map(self.form, defaults)]

    def _is_own(self, thing: Any) -> bool:
        name = thing.__module__ or ""
        unwritten = getattr(sys.modules.get(name), "__file__", None) is None
        return is_own(name, self.reader.packages) or (
            unwritten and name.partition(".")[0] not in sys.stdlib_module_names | LIBRARIES
        )

    def _module_of(self, thing: Any) -> Module | None:
        name = thing.__module__ or ""
        return module_named(name) if is_own(name, self.reader.packages) else None


def _is_default(field: dataclasses.Field[Any], content: Any) -> bool:
    default = field.default
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    return type(content) is type(default) and bool(content == default)


def _state_of(value: Any) -> dict[str, Any] | None:
    """What an object holds, by attribute; None where that cannot be seen."""
    slots = [name for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ())]
    state = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    if hasattr(value, "__dict__"):
        return {**state, **dict(sorted(vars(value).items()))}
    return state or None


def _plain_member(member: Any) -> Any:
    """What stands behind a descriptor."""
    if isinstance(member, staticmethod | classmethod):
        return member.__func__
    if isinstance(member, property):
        return (member.fget, member.fset)
    return member.func if isinstance(member, functools.cached_property) else member


def _node_of(
    function: types.FunctionType, module: Module
) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | None:
    """Its place in the syntax of its module; None where there is not one alone."""
    line, found = function.__code__.co_firstlineno, []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Lambda):
            matches, first = function.__name__ == "<lambda>", node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            matches = function.__code__.co_name == node.name
            first = min([node.lineno, *[one.lineno for one in node.decorator_list]])
        else:
            continue
        if matches and first == line:
            found.append(node)
    return found[0] if len(found) == 1 else None


def _closure(function: types.FunctionType) -> dict[str, Any]:
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    return {name: cell.cell_contents for name, cell in cells.items() if _is_filled(cell)}


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - an empty cell raises
    except ValueError:
        return False
    return True


def _instructions(code: types.CodeType) -> Form:
    constants = [
        _instructions(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts
    ]
    return [code.co_code.hex(), constants, list(code.co_names), code.co_argcount]


def _names_of(code: types.CodeType) -> Iterator[str]:
    yield from (*code.co_names, *code.co_freevars)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_of(constant)
