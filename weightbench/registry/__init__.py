"""Ids, specs and plug-ins. Loads nothing heavy: names are known before any module is imported.

Tasks, weighters, wrappers and suites come through the same door, built-in or not: an entry point
whose name is the id and whose value is the module that registers it. A file is a door too:
``path/to/file.py:Name``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import importlib.metadata
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, NamedTuple, TypeVar

from weightbench.errors import BadSpec, UnknownName
from weightbench.registry import siblings
from weightbench.spec import Value, suggest

T = TypeVar("T")

_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_VERSION = re.compile(r"-v\d+$")


class Registry(Generic[T]):
    """All things of one kind by name; an entry point is imported when its name is asked for."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._found: dict[str, T] = {}

    @functools.cached_property
    def _claims(self) -> dict[str, list[importlib.metadata.EntryPoint]]:
        """Every entry point by its name, the built-in one first."""
        claims: dict[str, list[importlib.metadata.EntryPoint]] = {}
        for point in importlib.metadata.entry_points(group=f"weightbench.{self.kind}s"):
            claims.setdefault(point.name, []).append(point)
        return {
            name: sorted(points, key=lambda point: (not _is_own(point), _package_of(point)))
            for name, points in claims.items()
        }

    @functools.cached_property
    def _doors(self) -> dict[str, importlib.metadata.EntryPoint]:
        return {name: points[0] for name, points in self._claims.items()}

    def clashes(self) -> dict[str, str]:
        """Names that several packages bring, with what becomes of it in words; imports nothing."""
        found = {}
        for name, (first, *others) in sorted(self._claims.items()):
            if others:
                packages = " and ".join(map(_package_of, others))
                found[name] = (
                    f"{packages} may not bring a {self.kind} {name!r}, which comes with weightbench"
                    if _is_own(first)
                    else f"{_package_of(first)} and {packages} both bring a {self.kind} {name!r}: "
                    "uninstall one of them"
                )
        return found

    def add(self, name: str, thing: T) -> None:
        """Register ``thing`` under ``name``.

        Raises:
            BadSpec: the name is not lower-case words joined by hyphens, is taken, or is that of
                a built-in and somebody else registers it.
        """
        if not _ID.fullmatch(name):
            raise BadSpec(
                f"{name!r} cannot name a {self.kind}: use lower-case words joined by hyphens"
            )
        if self.built_in(name) and not _is_being_imported(self._doors[name].module):
            raise BadSpec(f"the {self.kind} {name!r} comes with weightbench; choose another name")
        if name in self._found:
            raise BadSpec(f"a {self.kind} named {name!r} is registered already")
        self._found[name] = thing

    @contextlib.contextmanager
    def lent(self, things: Mapping[str, T]) -> Iterator[None]:
        """Have names mean things in this process alone, for as long as the block lasts."""
        before = dict(self._found)
        self._found.update(things)
        try:
            yield
        finally:
            for name in things.keys() - before.keys():
                del self._found[name]
            self._found.update(before)

    def names(self) -> list[str]:
        """Every known name, in alphabetical order; imports nothing."""
        return sorted({*self._found, *self._doors})

    def built_in(self, name: str) -> bool:
        """Whether ``name`` comes with weightbench; imports nothing."""
        return name in self._doors and _is_own(self._doors[name])

    def module_of(self, name: str) -> str:
        """The module that registers ``name``; empty where no entry point does; imports nothing."""
        return self._doors[name].module if name in self._doors else ""

    def get(self, name: str) -> T:
        """The thing registered as ``name``.

        Raises:
            UnknownName: there is none; the message suggests the nearest names.
            BadSpec: its entry point cannot be imported or does not register it, or several packages
                claim the name.
        """
        if name not in self._found and name in self._doors:
            self._open(name)
        if name not in self._found:
            raise UnknownName(f"no {self.kind} is called {name!r}.{self._hint(name)}")
        return self._found[name]

    def _open(self, name: str) -> None:
        point = self._doors[name]
        if not _is_own(point) and (clash := self.clashes().get(name)):
            raise BadSpec(clash)
        try:
            point.load()
        except Exception as error:
            raise BadSpec(
                f"the {self.kind} {name!r} comes from {point.value}, which cannot be imported: "
                f"{type(error).__name__}: {error}"
            ) from error
        if name not in self._found:
            raise BadSpec(f"{point.value} was to register the {self.kind} {name!r} and did not")

    def _hint(self, name: str) -> str:
        stem = _VERSION.sub("", name)
        versions = [known for known in self.names() if _VERSION.sub("", known) == stem]
        if versions and versions != [stem]:
            return f" Its versions are: {', '.join(versions)}."
        return suggest(name, self.names())


def _is_own(point: importlib.metadata.EntryPoint) -> bool:
    """Whether an entry point belongs to the distribution weightbench and names a module of it."""
    inside = point.module.partition(".")[0] == "weightbench"
    return inside and point.dist is not None and point.dist.name == "weightbench"


def _package_of(point: importlib.metadata.EntryPoint) -> str:
    return f"{point.dist.name} ({point.value})" if point.dist else point.value


def _is_being_imported(module: str) -> bool:
    """Whether the code of ``module`` runs just now, for the first time."""
    spec = getattr(sys.modules.get(module), "__spec__", None)
    return bool(getattr(spec, "_initializing", False))


class Registered(NamedTuple):
    """A class, and what replaces defaults of its constructor."""

    cls: type
    params: Mapping[str, Value]


# Whoever builds from an entry sees to it that it is a Task, or a class of the right kind.
TASKS: Registry[object] = Registry("task")
WEIGHTERS: Registry[Registered] = Registry("weighter")
WRAPPERS: Registry[Registered] = Registry("wrapper")


@dataclasses.dataclass(frozen=True)
class Suite:
    """A named evaluation: which weighters on which tasks over how many seeds."""

    tasks: tuple[str, ...]
    weighters: tuple[str, ...]
    seeds: int
    about: str = ""
    title: str = ""


SUITES: Registry[Suite] = Registry("suite")

# Skill is measured between these two weighters: 0 is the lower, 1 is the upper.
LOWER_ANCHOR, UPPER_ANCHOR = "uniform", "oracle"
# The method that the others are held against; pictures give it and its forms one colour.
SUBJECT = "l2rw"
# Where this one, which ignores noisy data, closes half of the gap, skill says who does likewise.
CLEAN_BASELINE = "clean-only"


def register_suite(
    name: str,
    *,
    tasks: Iterable[str],
    weighters: Iterable[str],
    seeds: int,
    about: str = "",
    title: str = "",
) -> None:
    """Name an evaluation, so that ``weightbench evaluate --suite NAME`` runs it.

    Args:
        name: its id, lower-case words joined by hyphens.
        tasks: ids, parameters in brackets.
        weighters: ids, wrappers as suffixes.
        seeds: how many of each.
        about: one line for people.
        title: a few words that a board is headed with; the id where there are none.

    Raises:
        BadSpec: the id is no id, or taken.
    """
    SUITES.add(name, Suite(tuple(tasks), tuple(weighters), seeds, about, title))


def is_file_spec(name: str) -> bool:
    """Whether ``name`` points into a Python file (``path.py:Name``)."""
    return ".py:" in name


def without_path(text: str) -> str:
    """A spec without the folder and file it comes from: what names random streams."""
    return text.rpartition(".py:")[2]


def load_from_file(name: str) -> Any:
    """The object that ``path/to/file.py:Name`` points to; the file is run once per process.

    Raises:
        BadSpec: no such file or name, or the file cannot be run.
    """
    path_text, _, attribute = name.rpartition(":")
    path = _REPLACED.get(path_text) or _path_of(name)
    module = _run_file(path)
    if not hasattr(module, attribute):
        public = [item for item in vars(module) if not item.startswith("_")]
        raise BadSpec(f"{path.name} defines no {attribute!r}.{suggest(attribute, public)}")
    return getattr(module, attribute)


def read_files(name: str) -> tuple[str, dict[str, bytes]]:
    """The path in ``path/to/file.py:Name`` as it is written, and what has to be where it runs.

    Returns:
        The path, and the contents of the file and of those beside it that it imports, by their
        paths from its folder on.

    Raises:
        BadSpec: no such file.
    """
    path = _path_of(name)
    files = [path, *siblings.imported_by(path)]
    contents = {file.relative_to(path.parent).as_posix(): file.read_bytes() for file in files}
    return name.rpartition(":")[0], contents


def replace_file(path_text: str, copy: Path) -> None:
    """Have ``path_text:Name`` mean what is in ``copy``, in this process."""
    _REPLACED[path_text] = copy


def _path_of(name: str) -> Path:
    path = Path(name.rpartition(":")[0]).expanduser().resolve()
    if not path.is_file():
        raise BadSpec(f"{name!r}: there is no file {path}")
    return path


_REPLACED: dict[str, Path] = {}


@functools.cache
def _run_file(path: Path) -> ModuleType:
    try:
        return siblings.run(path)
    except (Exception, SystemExit) as error:
        raise BadSpec(f"{path.name} cannot be run: {type(error).__name__}: {error}") from error
