"""Specs: the written form of a task or weighter, ``name[param=value]+wrapper``."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
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


def parse(text: str) -> Spec:
    """Read ``name[param=value]+wrapper`` or ``path.py:Class[param=value]+wrapper``.

    Raises:
        BadSpec: the text does not have that form.
    """
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


def checked_params(
    owner: str, params: Iterable[tuple[str, Value]], defaults: Mapping[str, Value]
) -> dict[str, Value]:
    """``params`` with each value brought to the type of its default.

    Raises:
        UnknownParameter: a name is not in ``defaults``, or a value has another type.
    """
    result: dict[str, Value] = {}
    for name, value in params:
        if name not in defaults:
            known = suggest(name, defaults) if defaults else " It has no parameters."
            raise UnknownParameter(f"{owner} has no parameter {name!r}.{known}")
        result[name] = _as_type_of(defaults[name], value, f"{owner}[{name}={_write(value)}]")
    return result


def _as_type_of(default: Value, value: Value, where: str) -> Value:
    if default is None or (value is None and default is None):
        return value
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(default, tuple):
        raise UnknownParameter(f"{where}: this one cannot be given in brackets")
    if type(value) is not type(default):
        raise UnknownParameter(
            f"{where}: expected a {type(default).__name__} such as {_write(default)}"
        )
    return value


def differing(params: Mapping[str, Value], defaults: Mapping[str, Value]) -> Any:
    """The sorted pairs of ``params`` that are not at their default: the canonical form."""
    return tuple(sorted((name, v) for name, v in params.items() if defaults[name] != v))
