"""Whether one weighter's source is another's, whatever the names in it; nothing of it is run."""

from __future__ import annotations

import ast
import inspect
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

from weightbench.errors import BadSpec, WeightbenchError
from weightbench.identity import checksum, checksum_of_text
from weightbench.registry import WEIGHTERS
from weightbench.spec import parse_spec

_THEIRS, _OWN = 0.9, 0.75  # shares of another's statements, and of one's own, that make a copy


class Code:
    """A class in a module's text: what runs of it, and its statements without the names they use.

    Args:
        text: of the module.
        name: of the class.
        digest: checksum of what runs; None where the text is no Python that can be read.
    """

    def __init__(self, text: str, name: str, digest: str | None) -> None:
        self.digest = digest
        self._statements = Counter(_statements(text, name)) if digest else Counter()

    def is_copy_of(self, other: Code) -> bool:
        """Whether both run the same, or statement for statement nearly the same."""
        if self.digest is not None and self.digest == other.digest:
            return True
        own, theirs = self._statements.total(), other._statements.total()
        shared = (self._statements & other._statements).total()
        return shared > 0 and shared >= _THEIRS * theirs and shared >= _OWN * own


def code_of_file(content: bytes, weighter: str) -> Code:
    """That of the class that the spec ``weighter`` names, in the text of its file."""
    name = parse_spec(weighter).name.rpartition(":")[2]
    try:
        return Code(content.decode(), name, checksum_of_text(content, name))
    except BadSpec:
        return Code("", name, None)


def built_in_codes() -> Iterator[tuple[str, Code]]:
    """Every built-in weighter that can be made here, by its name."""
    for name in WEIGHTERS.names():
        if not WEIGHTERS.built_in(name):
            continue
        try:
            cls = WEIGHTERS.get(name).cls
            text = inspect.getsource(sys.modules[cls.__module__])
            yield name, Code(text, cls.__name__, checksum(cls))
        except (WeightbenchError, OSError, KeyError):
            continue  # it has no source at hand that anybody could have copied from here


def _statements(text: str, name: str) -> Iterator[str]:
    """Those of the methods of a class, each as its syntax."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            for method in ast.walk(node):
                if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield from map(_form, _inside(method))


def _inside(method: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.stmt]:
    for node in ast.walk(method):
        if isinstance(node, ast.stmt) and node is not method:
            stands_alone = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if not stands_alone and not isinstance(node, ast.Pass | ast.Global | ast.Nonlocal):
                yield node


def _form(statement: ast.stmt) -> str:
    """A statement without its names, its annotations and the statements inside it."""
    return repr(_without_names(statement, top=True))


def _without_names(node: Any, *, top: bool = False) -> Any:
    if isinstance(node, list):
        return [_without_names(item) for item in node]
    if isinstance(node, ast.stmt) and not top:
        return None
    if isinstance(node, ast.Name | ast.arg):
        return type(node).__name__
    if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self":
        return "own"
    if not isinstance(node, ast.AST):
        return node
    skipped = ("annotation", "ctx", "kind", "returns", "type_comment", "lineno")
    fields = [f for f in node._fields if f not in skipped]
    return [type(node).__name__, *[_without_names(getattr(node, name)) for name in fields]]
