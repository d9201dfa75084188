"""Code as nested lists of what runs, with the names of locals numbered and the rest resolved."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from weightbench.identity.modules import (
    Import,
    Module,
    bound_by,
    engine_name,
    follow,
    imports_of,
    is_engine,
)
from weightbench.identity.scopes import Scope, local_form, names_in

Form = Any  # nested lists of texts and numbers, for JSON
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_SKIPPED = frozenset(
    ("annotation", "ctx", "decorator_list", "kind", "returns", "type_comment", "type_params")
)


class Reader:
    """Reads code out of modules; every definition that is met becomes one of ``forms``.

    Args:
        packages: installed packages whose code counts.
    """

    def __init__(self, packages: frozenset[str]) -> None:
        self.packages = packages
        self.forms: list[Form] = []
        self._places: dict[tuple[str, str], int] = {}

    def definition(self, module: Module, name: str) -> Form:
        """A reference to what ``module`` binds to ``name``; read once, however often it is met."""
        place = self._places.get((module.key, name))
        if place is None:
            place = self._places[module.key, name] = len(self.forms)
            self.forms.append(None)
            self.forms[place] = Code(self, module).statements(module.statements_of(name))
        return ["definition", place]

    def member(self, module: Module, name: str) -> Form:
        """What ``name`` means at the top level of ``module``."""
        target = module.import_of(name)
        if target is not None:
            return self.target(target, module)
        if name in module.bindings:
            return self.definition(module, name)
        home = self._star_with(name, module, frozenset([module.key]))
        if home is not None:
            return self.member(home, name)
        return ["name", name] if name in vars(builtins) else ["name", *module.stars, name]

    def _star_with(self, name: str, module: Module, seen: frozenset[str]) -> Module | None:
        """The module that binds ``name``, of those of which ``module`` imports everything."""
        for star in module.stars:
            source = follow(star, module, self.packages)
            if source is not None and source.key not in seen:
                if name in source.bindings:
                    return source
                found = self._star_with(name, source, seen | {source.key})
                if found is not None:
                    return found
        return None

    def target(self, target: Import, module: Module, attributes: tuple[str, ...] = ()) -> Form:
        """What an import leads to, and the attributes that are read of it."""
        if target.member is not None:
            inner = f"{target.module}{'' if target.module.endswith('.') else '.'}{target.member}"
            inside = follow(inner, module, self.packages)
            home = follow(target.module, module, self.packages)
            if home and target.member in home.bindings:
                return _with(self.member(home, target.member), attributes)
            if inside:
                return self._inside(inside, attributes)
            if home:
                return _with(self.member(home, target.member), attributes)
            return _foreign(".".join([target.module, target.member, *attributes]))
        home = follow(target.module, module, self.packages)
        if home:
            return self._inside(home, attributes)
        if attributes:
            return self.target(Import(target.module, attributes[0]), module, attributes[1:])
        return _foreign(target.module)

    def _inside(self, module: Module, attributes: tuple[str, ...]) -> Form:
        """What is read of a module: something it binds, or a module of its package."""
        if not attributes:
            return ["module", [self.definition(module, n) for n in sorted(module.bindings)]]
        name, *rest = attributes
        is_package = module.path is not None and module.path.name == "__init__.py"
        if is_package and name not in module.bindings:
            deeper = follow(f".{name}", module, self.packages)
            if deeper is not None:
                return self._inside(deeper, tuple(rest))
        return _with(self.member(module, name), tuple(rest))


def _with(form: Form, attributes: tuple[str, ...]) -> Form:
    return ["attribute", form, *attributes] if attributes else form


def _foreign(dotted: str) -> Form:
    return ["name", engine_name(dotted) if is_engine(dotted) else dotted]


class Code:
    """Turns the syntax of one module into forms.

    Args:
        reader: where definitions go.
        module: whose syntax it is.
        outside: forms of names that a function finds in its closure.
    """

    def __init__(
        self, reader: Reader, module: Module, outside: Mapping[str, Callable[[], Form]] = {}
    ) -> None:
        self._reader, self._module, self._outside = reader, module, outside

    def statements(self, body: Iterable[ast.stmt], scope: Scope | None = None) -> list[Form]:
        """Those that do something; texts that stand alone are comments."""
        kept = (s for s in body if not isinstance(s, ast.Pass | ast.Global | ast.Nonlocal))
        forms = [
            self.form(s, scope)
            for s in kept
            if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
        ]
        return [form for form in forms if form is not None]

    def form(self, node: Any, scope: Scope | None) -> Form:
        """One node of the syntax, or a list of them, or a value in it."""
        if isinstance(node, list):
            statements = bool(node) and isinstance(node[0], ast.stmt)
            return self.statements(node, scope) if statements else [
                self.form(item, scope) for item in node
            ]  # fmt: skip
        if not isinstance(node, ast.AST):
            return [type(node).__name__, repr(node)]
        special = getattr(self, f"_{type(node).__name__}", None)
        return special(node, scope) if special else self._plain(node, scope)

    def _plain(self, node: ast.AST, scope: Scope | None) -> Form:
        """By its fields."""
        fields = [name for name in node._fields if name not in _SKIPPED]
        return [type(node).__name__, *[self.form(getattr(node, name), scope) for name in fields]]

    # ---- names -----------------------------------------------------------------------------------

    def _Name(self, node: ast.Name, scope: Scope | None) -> Form:
        return self._named(node.id, scope)

    def _named(self, name: str, scope: Scope | None) -> Form:
        local = local_form(name, scope)
        if local is not None:
            return ["local", local]
        if name in self._outside:
            return self._outside[name]()
        return self._reader.member(self._module, name)

    def _Attribute(self, node: ast.Attribute, scope: Scope | None) -> Form:
        attributes, root = [node.attr], node.value
        while isinstance(root, ast.Attribute):
            attributes.insert(0, root.attr)
            root = root.value
        if isinstance(root, ast.Name) and local_form(root.id, scope) is None:
            target = None if root.id in self._outside else self._module.import_of(root.id)
            if target is not None:
                return self._reader.target(target, self._module, tuple(attributes))
        return ["attribute", self.form(root, scope), *attributes]

    def _Import(self, node: ast.Import | ast.ImportFrom, scope: Scope | None) -> Form:
        return [
            ["import", local_form(bound, scope), self._reader.target(target, self._module)]
            for bound, target in imports_of(node)
        ]

    _ImportFrom = _Import

    def _ExceptHandler(self, node: ast.ExceptHandler, scope: Scope | None) -> Form:
        name = node.name and local_form(node.name, scope)
        body = self.statements(node.body, scope)
        return ["except", node.type and self.form(node.type, scope), name, body]

    def _MatchAs(self, node: ast.MatchAs | ast.MatchStar, scope: Scope | None) -> Form:
        pattern = getattr(node, "pattern", None)
        name = node.name and (local_form(node.name, scope) or node.name)
        return [type(node).__name__, pattern and self.form(pattern, scope), name]

    _MatchStar = _MatchAs

    def _MatchMapping(self, node: ast.MatchMapping, scope: Scope | None) -> Form:
        rest = node.rest and (local_form(node.rest, scope) or node.rest)
        return ["MatchMapping", self.form(node.keys, scope), self.form(node.patterns, scope), rest]

    # ---- what opens a scope ----------------------------------------------------------------------

    def _FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Any) -> Form:
        decorators = [self.form(one, scope) for one in node.decorator_list]
        name = local_form(node.name, scope)
        return [type(node).__name__, name, decorators, *self.function(node, scope)]

    _AsyncFunctionDef = _FunctionDef

    def _Lambda(self, node: ast.Lambda, scope: Scope | None) -> Form:
        return ["Lambda", *self.function(node, scope)]

    def function(self, node: _Function, scope: Scope | None) -> Form:
        """Arguments by name and default, and what the body does."""
        arguments, body = node.args, node.body if isinstance(node.body, list) else [node.body]
        every = [
            *arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs,
            *filter(None, (arguments.vararg, arguments.kwarg)),
        ]  # fmt: skip
        kinds = [len(arguments.posonlyargs), len(arguments.args), len(arguments.kwonlyargs)]
        kinds += [bool(arguments.vararg), bool(arguments.kwarg)]
        names = [argument.arg for argument in every]
        own = Scope(names_in(body), scope, names)
        defaults = [
            default and self.form(default, scope)
            for default in (*arguments.defaults, *arguments.kw_defaults)
        ]
        return [kinds, names, defaults, self.form(body, own)]

    def _ClassDef(self, node: ast.ClassDef, scope: Scope | None) -> Form:
        own = Scope(names_in(node.body), scope, is_class=True)
        head = [self.form(part, scope) for part in (*node.decorator_list, *node.bases)]
        keywords = self.form(node.keywords, scope)
        return ["class", local_form(node.name, scope), head, keywords, self.form(node.body, own)]

    def _AnnAssign(self, node: ast.AnnAssign, scope: Scope | None) -> Form:
        if scope is not None and scope.is_class:  # it may be a field of a dataclass
            shared = "ClassVar" in ast.dump(node.annotation)
            value = node.value and self.form(node.value, scope)
            return ["field", self.form(node.target, scope), shared, value]
        if node.value is None:
            return None
        return ["Assign", [self.form(node.target, scope)], self.form(node.value, scope)]

    def _comprehended(self, node: Any, scope: Scope | None) -> Form:
        names = [name for part in node.generators for name in bound_by(part.target)]
        own = Scope(names, scope)
        parts = [getattr(node, name) for name in ("key", "elt", "value") if hasattr(node, name)]
        return [type(node).__name__, self._generators(node, own), self.form(parts, own)]

    def _generators(self, node: Any, own: Scope) -> Form:
        return [
            [self.form(part, own) for part in (one.target, one.iter, one.ifs)] + [one.is_async]
            for one in node.generators
        ]

    _ListComp = _SetComp = _DictComp = _GeneratorExp = _comprehended
