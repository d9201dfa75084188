"""The house: no file in a circle, no module longer than a room, few rooms.

Which floor may import which is the import-linter contract in pyproject.toml; here every import
counts too, be it for types or inside a function.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "weightbench"
LONGEST, ROOMS = 300, 26


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(HOUSE.rglob("*.py"))}


def imported(path: Path) -> Iterator[str]:
    """Full names of everything that a file imports, or names in a string, anywhere in it."""
    package = name_of(path if path.name == "__init__.py" else path.parent / "__init__.py")
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and node.value in MODULES:
            if node.value != HOUSE.name:  # the project's name is no arrow to its face
                yield node.value
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level]
            home = [*above, *filter(None, [node.module])] if node.level else [str(node.module)]
            for alias in node.names:
                full = ".".join([*home, alias.name])
                yield full if full in MODULES else ".".join(home)


def arrows() -> dict[str, set[str]]:
    return {
        name: {other for other in imported(path) if other in MODULES and other != name}
        for name, path in MODULES.items()
    }


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Strongly connected components of more than one node."""
    reached = {node: reachable(graph, node) for node in graph}
    found = []
    for node in graph:
        circle = {other for other in reached[node] if node in reached[other]} | {node}
        if len(circle) > 1 and circle not in found:
            found.append(circle)
    return found


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    ahead = [start]
    while ahead:
        for other in graph[ahead.pop()] - found:
            found.add(other)
            ahead.append(other)
    return found


def test_no_file_is_in_a_circle() -> None:
    assert circles(arrows()) == []


def test_circles_are_seen() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}
    assert circles(graph) == [{"b", "c"}]


def test_no_module_is_longer_than_a_room() -> None:
    lengths = {name: len(path.read_text("utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_there_are_few_rooms() -> None:
    """Folders of modules, and files at the ground; the package's own faces lead to them."""
    rooms = {path.parent for path in MODULES.values()} - {HOUSE}
    ground = {path for path in HOUSE.glob("*.py") if path.stem not in ("__init__", "__main__")}
    assert len(rooms) + len(ground) <= ROOMS


def test_executors_name_no_room_that_uses_them() -> None:
    """What processes are born with is handed in; a string would be an arrow that nobody sees."""
    for path in (HOUSE / "execution").glob("*.py"):
        rooms = {other.split(".")[1] for other in imported(path) if other in MODULES}
        assert rooms <= {"errors", "execution", "records", "registry"}, path.name


def test_the_engine_knows_no_task_and_no_method_by_name() -> None:
    for name, path in MODULES.items():
        rooms = {tuple(other.split(".")[:2]) for other in imported(path)}
        assert not rooms & {("weightbench", "tasks"), ("weightbench", "methods")}, name


def test_imports_are_seen_wherever_they_stand() -> None:
    assert "weightbench.scoring.board" in imported(MODULES["weightbench.scoring"])
    lazy = MODULES["weightbench.check"]
    assert "weightbench.check.weighter" in imported(lazy)  # for types alone
    assert "weightbench.evaluation.preload" in imported(MODULES["weightbench.evaluation"])
    inside = MODULES["weightbench.commands.names"]
    assert "weightbench.report.cards" in imported(inside)  # in a function alone
