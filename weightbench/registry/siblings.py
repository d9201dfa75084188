"""Modules that lie beside a plug-in file, found for the files of that folder and for nobody else.

A folder of plug-ins is a package whose name holds its path, so that two folders never meet and any
process that has loaded weightbench can find its modules by name. The folder is not on ``sys.path``:
in its files, ``import helper`` is compiled as an import of that package's ``helper`` where there is
one, unless the standard library or an installed package has the name.
"""

from __future__ import annotations

import ast
import base64
import importlib.util
import os
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
)
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

_PREFIX = "weightbench_file_"
_RUN: set[str] = set()  # modules that run() has run; to run them again is up to the caller


def run(path: Path) -> ModuleType:
    """Run a plug-in file as a module of its folder's package; it stays in ``sys.modules``.

    Args:
        path: absolute.

    Raises:
        BaseException: whatever the file raises.
    """
    name = f"{_package_of(path.parent)}.{re.sub(r'[.]', '_', path.stem)}"
    if name in sys.modules and name not in _RUN:
        return sys.modules[name]  # a file beside it imported it
    _RUN.add(name)
    importlib.import_module(_package_of(path.parent))
    loader = _Loader(name, str(path))
    module = importlib.util.module_from_spec(ModuleSpec(name, loader, origin=str(path)))
    module.__file__ = str(path)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def imported_by(path: Path) -> list[Path]:
    """The files beside ``path`` that it imports, they import, and so on; those of a package all."""
    found, unread = [path], [path]
    while unread:
        for name in _siblings_in(unread.pop(), path.parent):
            new = [file for file in _files_of(path.parent, name) if file not in found]
            found += new
            unread += [file for file in new if file.suffix == ".py"]
    return found[1:]


def is_beside(file: Path, name: str) -> bool:
    """Whether ``import name`` in ``file`` leads to a file beside it: in plug-ins alone."""
    return _package_of(file.parent) in sys.modules and _is_sibling(file.parent, name)


def _package_of(folder: Path) -> str:
    return _PREFIX + base64.b32encode(os.fsencode(folder)).decode().rstrip("=").lower()


def _folder_of(package: str) -> Path:
    text = package.removeprefix(_PREFIX).upper()
    return Path(os.fsdecode(base64.b32decode(text + "=" * (-len(text) % 8))))


class _Finder:
    """Finds the packages that folders of plug-ins are, and what is in them."""

    @classmethod
    def find_spec(
        cls, name: str, path: Iterable[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, rest = name.partition(".")
        if not package.startswith(_PREFIX):
            return None
        if rest:
            return next(filter(None, (_look(place, name) for place in path or ())), None)
        spec = ModuleSpec(package, None, is_package=True)
        spec.submodule_search_locations = [str(_folder_of(package))]
        return spec


def _look(folder: str | Path, name: str) -> ModuleSpec | None:
    """What the last part of ``name`` is in ``folder``, as it is now."""
    kinds: list[tuple[Any, list[str]]] = [
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (_Loader, SOURCE_SUFFIXES),
    ]
    return FileFinder(str(folder), *kinds).find_spec(name)


class _Loader(SourceFileLoader):
    """Compiles imports of what lies in the plug-in's folder as imports from its package."""

    def get_code(self, fullname: str) -> CodeType:
        # No bytecode is kept or read: it would be taken for that of plain imports.
        path = self.get_filename(fullname)
        tree = ast.parse(self.get_data(path), path)
        package = self.name.partition(".")[0]
        tree = ast.fix_missing_locations(_Imports(package).visit(tree))
        code: CodeType = compile(tree, path, "exec", dont_inherit=True)
        return code


class _Imports(ast.NodeTransformer):
    """``import helper`` becomes ``import PACKAGE.helper as helper``."""

    def __init__(self, package: str) -> None:
        self.package, self.folder = package, _folder_of(package)

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        return [ast.copy_location(made, node) for name in node.names for made in self._one(name)]

    def _one(self, alias: ast.alias) -> Iterator[ast.stmt]:
        top, _, below = alias.name.partition(".")
        if not _is_sibling(self.folder, top):
            yield ast.Import([alias])
            return
        whole = f"{self.package}.{alias.name}"
        yield ast.Import([ast.alias(whole, alias.asname or top)])
        if below and not alias.asname:  # it was imported, but the name is that of the top
            yield ast.Import([ast.alias(f"{self.package}.{top}", top)])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        top = (node.module or "").partition(".")[0]
        if node.level == 0 and _is_sibling(self.folder, top):
            node.module = f"{self.package}.{node.module}"
        return node


def _is_sibling(folder: Path, name: str) -> bool:
    """Whether ``name`` means something in ``folder`` and nothing to everybody."""
    beside = _look(folder, name)
    if beside is None or name in sys.stdlib_module_names:
        return False
    here = {str(folder), os.path.realpath(os.curdir)}
    places = [place for place in sys.path if os.path.realpath(place or os.curdir) not in here]
    finders = [finder for finder in sys.meta_path if finder is not PathFinder]
    found = [PathFinder.find_spec(name, places)] + [f.find_spec(name, None) for f in finders]
    loaded = getattr(sys.modules.get(name), "__file__", None)
    return not any(found) and (loaded is None or loaded != beside.origin)


def _siblings_in(file: Path, folder: Path) -> Iterator[str]:
    """The first parts of the names in ``folder`` that a file of it imports."""
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError:
        return  # whoever runs it will be told
    depth = len(file.relative_to(folder).parts)
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level in (0, depth):
            names = [node.module] if node.module else [alias.name for alias in node.names]
        relative = isinstance(node, ast.ImportFrom) and node.level > 0
        tops = (name.partition(".")[0] for name in names)
        yield from (top for top in tops if relative or _is_sibling(folder, top))


def _files_of(folder: Path, name: str) -> list[Path]:
    spec = _look(folder, name)
    if spec is None:
        return []
    packages = spec.submodule_search_locations or []
    inside = [file for place in packages for file in sorted(Path(place).rglob("*.py"))]
    return inside or [Path(str(spec.origin))]


sys.meta_path.insert(0, _Finder)
