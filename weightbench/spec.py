"""Specs: the written form of a task or weighter, ``name[param=value]+wrapper``."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import inspect
import json
import re
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType, NoneType, UnionType
from typing import Any, cast

from weightbench.errors import BadSpec, UnknownParameter

Value = bool | int | float | str | None

_PIECE = re.compile(r"(?P<name>[^\[\]]+?)(?:\[(?P<params>[^\[\]]*)\])?")


@dataclasses.dataclass(frozen=True)
class Spec:
    """What was asked for: a name, the parameters that differ from the defaults, wrappers around it.

    Written ``name[a=1,b=x]+wrapper[c=2]``; the innermost wrapper comes first.
    """

    name: str
    params: tuple[tuple[str, Value], ...] = ()
    wrappers: tuple[Spec, ...] = ()

    def __str__(self) -> str:
        inner = ",".join(f"{name}={_write(value)}" for name, value in self.params)
        own = f"{self.name}[{inner}]" if inner else self.name
        return "+".join([own, *map(str, self.wrappers)])

    def to_json(self) -> str:
        """The spec as JSON text; :meth:`from_json` gives back an equal spec."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Spec:
        """Read what :meth:`to_json` wrote.

        Raises:
            BadSpec: the text is not such a spec.
        """
        try:
            return cls._from_dict(json.loads(text))
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise BadSpec(f"not the JSON of a spec: {error}") from error

    @classmethod
    def _from_dict(cls, fields: Mapping[str, Any]) -> Spec:
        params = tuple((str(name), value) for name, value in fields["params"])
        return cls(str(fields["name"]), params, tuple(map(cls._from_dict, fields["wrappers"])))


def _write(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _read(text: str) -> Value:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return cast(Value, value) if not isinstance(value, list | dict) else text


def parse_spec(text: str) -> Spec:
    """Read ``name[param=value]+wrapper`` or ``path.py:Class[param=value]+wrapper``.

    Raises:
        BadSpec: the text does not have that form.
    """
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise BadSpec(f"cannot read {text!r}: a record cannot hold it, for it is not Unicode")
    # A path may hold a plus sign; what follows its ".py:" may not.
    path, colon, rest = text.strip().rpartition(".py:")
    own, *wrappers = re.split(r"\+(?![^\[]*\])", rest)
    piece = _parse_piece(own, text)
    return dataclasses.replace(
        piece,
        name=path + colon + piece.name,
        wrappers=tuple(_parse_piece(wrapper, text) for wrapper in wrappers),
    )


def _parse_piece(piece: str, whole: str) -> Spec:
    match = _PIECE.fullmatch(piece.strip())
    if match is None:
        raise BadSpec(f"cannot read {whole!r}: expected name[param=value,...]+wrapper")
    params: dict[str, Value] = {}
    for part in (match["params"] or "").split(","):
        name, equals, value = (item.strip() for item in part.partition("="))
        if part.strip() and not (equals and name.isidentifier() and value):
            raise BadSpec(f"cannot read {part.strip()!r} in {whole!r}: expected param=value")
        if name in params:
            raise BadSpec(f"{name!r} is given twice in {whole!r}")
        if name:
            params[name] = _read(value)
    return Spec(match["name"].strip(), tuple(sorted(params.items())))


def suggest(name: str, known: Iterable[str]) -> str:
    """`` Did you mean ...?`` with the nearest names, or where to look when nothing is near."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return f" Did you mean {' or '.join(near)}?"
    return f" Known: {', '.join(names[:20])}." if names else ""


def defaults_of(factory: Callable[..., Any], skip: int = 0) -> dict[str, Value]:
    """The parameters of ``factory`` after the first ``skip``, with their defaults.

    Raises:
        BadSpec: one of them has no default; a spec without brackets must be complete.
    """
    parameters = list(inspect.signature(factory).parameters.values())[skip:]
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    for parameter in named:
        if parameter.default is parameter.empty:
            raise BadSpec(f"parameter {parameter.name!r} of {factory.__name__} needs a default")
    return {parameter.name: parameter.default for parameter in named}


def types_of(factory: Callable[..., Any]) -> dict[str, Any]:
    """What the parameters of ``factory`` are annotated with, by name.

    Those without an annotation, or with one that names what is not there when it runs (imported for
    type checkers alone, or local to a function), are left out.
    """
    types: dict[str, Any] = {}
    for owner in _annotated(factory):
        module = sys.modules.get(getattr(owner, "__module__", ""))
        names = getattr(owner, "__globals__", vars(module) if module else {})
        for name, annotation in inspect.get_annotations(owner).items():
            with contextlib.suppress(Exception):  # whatever it is, the default speaks for it
                types[name] = _resolved(annotation, names)
    types.pop("return", None)
    return types


def _annotated(factory: Callable[..., Any]) -> list[Any]:
    """The function, or the classes and the constructor, where ``factory`` is annotated."""
    if not isinstance(factory, type):
        return [inspect.unwrap(factory)]
    classes = reversed(factory.__mro__) if dataclasses.is_dataclass(factory) else ()
    return [*classes, inspect.unwrap(factory.__init__)]  # type: ignore[misc]


def _resolved(annotation: Any, names: Mapping[str, Any]) -> Any:
    """An annotation that may be text; as typing.get_type_hints has it, but one by one."""
    return eval(annotation, dict(names)) if isinstance(annotation, str) else annotation


def checked_params(
    owner: str,
    params: Iterable[tuple[str, Value]],
    defaults: Mapping[str, Value],
    types: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Value]:
    """``params`` with each value brought to its type: an int is a float where one is asked for.

    Args:
        owner: whose parameters they are, for messages.
        params: what was asked for.
        defaults: all the parameters there are.
        types: what they are annotated with; the type of its default where there is nothing.

    Raises:
        UnknownParameter: a name is not in ``defaults``, or a value has another type.
    """
    result: dict[str, Value] = {}
    for name, value in params:
        if name not in defaults:
            known = suggest(name, defaults) if defaults else " It has no parameters."
            raise UnknownParameter(f"{owner} has no parameter {name!r}.{known}")
        default = defaults[name]
        expected = types.get(name, Any if default is None else type(default))
        result[name] = _typed(expected, default, value, f"{owner}[{name}={_write(value)}]")
    return result


def _typed(expected: Any, default: Value, value: Value, where: str) -> Value:
    from pydantic import ConfigDict, TypeAdapter, ValidationError
    from pydantic.errors import PydanticUserError

    if isinstance(default, tuple):
        raise UnknownParameter(f"{where}: this one cannot be given in brackets")
    try:
        adapter = TypeAdapter(expected, config=ConfigDict(arbitrary_types_allowed=True))
        return cast(Value, adapter.validate_python(value, strict=True))
    except (PydanticUserError, NameError, TypeError):  # not a type, or one with rules of its own
        if default is None or type(value) is type(default):
            return value
    except ValidationError:
        pass
    text = _described(expected)
    article = "an" if text[0] in "aeiou" else "a"
    example = "" if default is None else f" such as {_write(default)}"
    raise UnknownParameter(f"{where}: expected {article} {text}{example}")


def _described(expected: Any) -> str:
    """A type in words."""
    parts = typing.get_args(expected)
    if typing.get_origin(expected) in (typing.Union, UnionType):
        return " or ".join(map(_described, parts))
    if typing.get_origin(expected) is typing.Literal:
        return "value out of " + ", ".join(map(str, parts))
    if expected in (None, NoneType):
        return "null"
    return expected.__name__ if isinstance(expected, type) and not parts else str(expected)


def differing(params: Mapping[str, Value], defaults: Mapping[str, Value]) -> Any:
    """The sorted pairs of ``params`` that are not at their default: the canonical form."""
    return tuple(sorted((name, v) for name, v in params.items() if defaults[name] != v))
