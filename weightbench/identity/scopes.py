"""Which names are local to a function, a class or a comprehension, and what stands for them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from weightbench.identity.modules import bound_by


class Scope:
    """Names of one function, class or comprehension, and what stands for them.

    Attributes:
        outer: the scope around it; None around that is the module.
        is_class: whether its names are attributes, which keep their names and are no function's.
    """

    def __init__(
        self, names: Iterable[str], outer: Scope | None, kept: Iterable[str] = (), *,
        is_class: bool = False,
    ) -> None:  # fmt: skip
        self.outer, self.is_class = outer, is_class
        self._names = set(names)
        self._forms = {name: name for name in kept}
        if is_class:
            self._forms.update({name: name for name in self._names})

    def form_of(self, name: str) -> str | None:
        """What stands for a local name: itself for an argument, else its number; None of others."""
        if name in self._forms:
            return self._forms[name]
        if name not in self._names:
            return None
        self._forms[name] = f"#{len(self._forms)}"
        return self._forms[name]


def names_in(body: Iterable[ast.AST]) -> Iterator[str]:
    """What a body binds, less what it declares to be another's."""
    foreign = {
        name
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, ast.Global | ast.Nonlocal)
        for name in node.names
    }
    for statement in body:
        yield from (name for name in bound_by(statement) if name not in foreign)


def local_form(name: str, scope: Scope | None) -> str | None:
    """What stands for ``name`` where it is a local of ``scope`` or of a function around it."""
    depth, first = 0, True
    while scope is not None:
        form = scope.form_of(name) if first or not scope.is_class else None
        if form is not None:
            return f"{depth}{form}" if not scope.is_class else form
        scope, depth, first = scope.outer, depth + 1, False
    return None
