"""Modules as text: what binds a name at their top level, and where their imports lead."""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib.util
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

from weightbench.registry.siblings import is_beside

ENGINE_ROOT = Path(__file__).resolve().parents[1]
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_BUILT_IN = ("weightbench.tasks", "weightbench.methods")
LIBRARIES = frozenset(
    ("higher", "numpy", "pandas", "scipy", "sklearn", "torch", "torchvision", "weightbench")
)


@dataclasses.dataclass(frozen=True)
class Import:
    """What an import binds: a module, or a ``member`` of one.

    Attributes:
        module: its dotted name; with leading dots as it was written.
        member: what is taken from it; None for the module itself.
    """

    module: str
    member: str | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Module:
    """The text of a module.

    Attributes:
        key: tells it from others in one process.
        tree: its syntax.
        path: its file; None where it is only text.
    """

    key: str
    tree: ast.Module
    path: Path | None = None

    @functools.cached_property
    def bindings(self) -> dict[str, list[ast.stmt]]:
        """For each name, the statements at top level that bind it."""
        return self._statements(bound_by)

    @functools.cached_property
    def changes(self) -> dict[str, list[ast.stmt]]:
        """For each name, the statements at top level that change what it holds."""
        return self._statements(changed_by)

    def _statements(
        self, names_of: Callable[[ast.stmt], Iterator[str]]
    ) -> dict[str, list[ast.stmt]]:
        found: dict[str, list[ast.stmt]] = {}
        for statement in self.tree.body:
            for name in dict.fromkeys(names_of(statement)):
                found.setdefault(name, []).append(statement)
        return found

    def statements_of(self, name: str) -> list[ast.stmt]:
        """Those that make ``name`` what it is, in their order."""
        found = {id(s): s for s in (*self.bindings.get(name, []), *self.changes.get(name, []))}
        return sorted(found.values(), key=lambda statement: statement.lineno)

    @functools.cached_property
    def stars(self) -> list[str]:
        """Modules of which everything is imported."""
        return [
            "." * node.level + (node.module or "")
            for node in self.tree.body
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
        ]

    def import_of(self, name: str) -> Import | None:
        """What an import at top level binds ``name`` to, where nothing else does."""
        statements = self.bindings.get(name, [])
        if len(statements) != 1 or not isinstance(statements[0], ast.Import | ast.ImportFrom):
            return None
        return next(target for bound, target in imports_of(statements[0]) if bound == name)


def imports_of(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Import]]:
    """The names that an import binds, each with its target."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            home = "." * node.level + (node.module or "")
            yield alias.asname or alias.name, Import(home, alias.name)
        elif alias.asname:
            yield alias.asname, Import(alias.name)
        else:
            top = alias.name.partition(".")[0]
            yield top, Import(top)


def bound_by(node: ast.AST) -> Iterator[str]:
    """Names that a statement, or a target in it, binds in its own scope."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (name for name, _ in imports_of(node) if name != "*")
    elif not isinstance(node, _SCOPES):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest
        for child in ast.iter_child_nodes(node):
            yield from bound_by(child)


def changed_by(node: ast.AST) -> Iterator[str]:
    """Names of things whose attributes or items a statement sets, or whose method it calls."""
    if isinstance(node, (*_DEFINITIONS, *_SCOPES)):
        return
    if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
        yield from filter(None, [root_of(node)])
    call = node.value if isinstance(node, ast.Expr) else None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
        yield from filter(None, [root_of(call.func)])  # table.update(...)
    for child in ast.iter_child_nodes(node):
        yield from changed_by(child)


def root_of(node: ast.expr) -> str | None:
    """The name that a chain of attributes and items hangs on."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


@functools.lru_cache(maxsize=256)
def _parsed(path: Path, changed: int, size: int) -> Module:
    return Module(str(path), ast.parse(path.read_bytes()), path)


def module_at(path: Path) -> Module | None:
    """The module in a file; None where there is no Python in it."""
    try:
        path = path.resolve()
        found = path.stat()
        return _parsed(path, found.st_mtime_ns, found.st_size)
    except (OSError, SyntaxError, ValueError):
        return None


def module_named(name: str) -> Module | None:
    """A module that is loaded, or could be, by its dotted name."""
    path = _path_of(name)
    return module_at(path) if path else None


def _path_of(name: str) -> Path | None:
    """The file of a module; nothing is imported for that but what comes with weightbench."""
    if name in sys.modules:
        file = getattr(sys.modules[name], "__file__", None)
        return Path(file) if isinstance(file, str) and file.endswith(".py") else None
    top, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(name if top == "weightbench" else top)
    except (ImportError, ValueError, AttributeError):
        return None
    if spec is None:
        return None
    if rest and top != "weightbench":
        found = (_file_in(Path(home), rest) for home in spec.submodule_search_locations or ())
        return next(filter(None, found), None)
    return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None


def _file_in(home: Path, parts: list[str]) -> Path | None:
    """The file of a module, or of a package, under a folder."""
    place = home.joinpath(*parts)
    for path in (place.parent / f"{place.name}.py", place / "__init__.py"):
        if path.is_file():
            return path
    return None


def is_engine(name: str) -> bool:
    """Whether a dotted name belongs to weightbench and to no task or method."""
    inside = name == "weightbench" or name.startswith("weightbench.")
    return inside and not any(name == b or name.startswith(f"{b}.") for b in _BUILT_IN)


def is_own(name: str, packages: frozenset[str]) -> bool:
    """Whether a module's code is looked at: that of ``packages``, and what nobody installed."""
    top = name.partition(".")[0]
    if top == "weightbench":
        return not is_engine(name)
    if top in sys.stdlib_module_names or top in LIBRARIES:
        return False
    if top in packages:
        return True
    path = _path_of(name)
    return path is not None and not _is_installed(path)


def _is_installed(path: Path) -> bool:
    standard = Path(sysconfig.get_paths()["stdlib"]).resolve()
    path = path.resolve()
    return bool({"site-packages", "dist-packages"} & set(path.parts)) or standard in path.parents


def follow(target: str, module: Module, packages: frozenset[str]) -> Module | None:
    """The module of our interest that an import in ``module`` leads to; None for a foreign one."""
    if target.startswith("."):
        return _relative(target, module)
    top = target.partition(".")[0]
    if module.path is not None and is_beside(module.path, top):
        return _in_folder(module.path.parent, target)
    if is_own(target, packages):
        return module_named(target)
    if top in sys.stdlib_module_names or top in LIBRARIES or module.path is None or _path_of(top):
        return None
    return _in_folder(module.path.parent, target)  # a file beside the importing one


def _relative(target: str, module: Module) -> Module | None:
    if module.path is None:
        return None
    name = target.lstrip(".")
    home = module.path.parents[len(target) - len(name) - 1]
    return _in_folder(home, name)


def _in_folder(home: Path, name: str) -> Module | None:
    path = _file_in(home, name.split(".") if name else ["__init__"])
    return module_at(path) if path else None


def engine_name(dotted: str) -> str:
    """A name of the engine without its rooms, which may move."""
    parts = dotted.split(".")[1:]
    place = ENGINE_ROOT
    while parts and ((place / f"{parts[0]}.py").exists() or (place / parts[0]).is_dir()):
        place /= parts.pop(0)
    return ".".join(["weightbench", *parts])
