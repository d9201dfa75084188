"""The pages and the reference: links lead somewhere, code parses, every public name is there."""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import inspect
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import click
import pytest

import weightbench as wb
from weightbench.cli import main
from weightbench.report.cells import PLACES

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "leaderboard" / "README.md"])
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SOURCES = sorted(
    path for folder in ("weightbench", "tasks", "methods") for path in (ROOT / folder).rglob("*.py")
)
ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod):`~?([^`]+)`")


def of(page: Path) -> str:
    return str(page.relative_to(ROOT))


class Page(HTMLParser):
    """What a page links, and what of it can be linked."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.ids.add(value)
            if name in ("href", "src", "srcset") and value:
                self.links.append(value)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``make docs`` makes."""
    out = tmp_path_factory.mktemp("docs")
    subprocess.run([sys.executable, ROOT / "docs" / "build.py", out], check=True, cwd=ROOT)
    return out


@pytest.mark.xdist_group("docs")
def test_every_public_name_is_in_the_reference_with_what_is_said_of_it(built: Path) -> None:
    text = (built / "api" / "weightbench.html").read_text()
    ids = Page(built / "api" / "weightbench.html").ids
    ids |= {f"errors.{name}" for name in Page(built / "api" / "weightbench" / "errors.html").ids}
    agreed = (ROOT / "tests" / "public_api.txt").read_text().splitlines()
    names = [re.split(r"[(:]", line)[0].strip() for line in agreed]
    own = [name for name in names if "." not in name or hasattr_of(name)]
    assert len(own) > 100
    missing = [name for name in own if name not in ids]
    assert missing == []
    assert ":class:`" not in text, "roles are no markup here"


def hasattr_of(name: str) -> bool:
    """Whether a member is said anything of: its class's own, or an error."""
    first, _, member = name.partition(".")
    thing = getattr(wb, first)
    return inspect.ismodule(thing) or member in vars(thing)


@pytest.mark.xdist_group("docs")
def test_every_link_of_every_page_leads_somewhere(built: Path) -> None:
    pages = [built / page.relative_to(ROOT).with_suffix(".html") for page in PAGES]
    read = {page: Page(page) for page in pages}
    broken = [
        f"{page.relative_to(built)}: {link}"
        for page, found in read.items()
        for link in found.links
        if "://" not in link and not link.startswith("mailto:") and not _leads(page, link)
    ]
    assert broken == []
    assert sum(len(found.links) for found in read.values()) > 200


@functools.cache
def _page(path: Path) -> Page:
    return Page(path)


def _leads(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in _page(target).ids)


@pytest.mark.parametrize("page", PAGES, ids=of)
def test_anchors_are_headings_where_pages_are_read_as_they_are(page: Path) -> None:
    for path, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
        target = page.parent / path if path else page
        headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert anchor in slugs, f"{page.name}: {path}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=of)
def test_code_on_pages_is_python_and_names_what_there_is(page: Path) -> None:
    for language, code in FENCED.findall(page.read_text()):
        if language != "python":
            continue
        tree = ast.parse(textwrap.dedent(code))
        used = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in ("wb", "weightbench")
        }
        missing = [name for name in used if name not in wb.__all__]
        assert missing == [], page.name


def commands(page: Path) -> Iterator[list[str]]:
    """The arguments of every ``weightbench ...`` in what a page has people type or hand in."""
    for language, code in FENCED.findall(page.read_text()):
        if language in ("console", "bash", "sh", "yaml"):
            joined = re.sub(r"\\\n\s*", "", code)
            for line in re.findall(r"^(?:.*(?:\$|--))? +weightbench (.*)$", joined, re.MULTILINE):
                yield shlex.split(line, comments=True)


@pytest.mark.parametrize("page", PAGES, ids=of)
def test_commands_on_pages_are_understood(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for first, *arguments in commands(page):
        if first.startswith("-"):
            main.make_context("weightbench", [first, *arguments])
            continue
        arguments = arguments[: next((i for i, a in enumerate(arguments) if a in "|>&&"), None)]
        command, arguments = (
            main.commands[first],
            ["curves" if a == "NAME" else a for a in arguments],
        )
        for parameter in command.params:  # files that a reader has and the tests have not
            if isinstance(parameter.type, click.Path):
                monkeypatch.setattr(parameter.type, "exists", False)
        with contextlib.suppress(click.exceptions.Exit):  # --help
            command.make_context(first, arguments)


def test_there_are_commands_to_understand() -> None:
    counts = {of(page): len(list(commands(page))) for page in PAGES}
    assert counts["README.md"] > 10
    assert counts["docs/scale.md"] > 8


@pytest.mark.parametrize("page", PAGES, ids=of)
def test_targets_of_make_on_pages_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = page.read_text()
    used = re.findall(r"^\$ make (\w+)", text, re.MULTILINE) + re.findall(r"`make (\w+)`", text)
    assert set(used) <= targets


@pytest.mark.parametrize("path", [p for p in SOURCES if ROLE.search(p.read_text())], ids=of)
def test_cross_references_of_docstrings_name_what_there_is(path: Path) -> None:
    below = path.relative_to(ROOT).with_suffix("").parts
    below = below[1:] if below[0] == "weightbench" else below
    name = ".".join(("weightbench", *below)).removesuffix(".__init__")
    module = importlib.import_module(name)
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    places = [module, wb, *(v for v in vars(module).values() if isinstance(v, type))]
    for target in ROLE.findall(path.read_text()):
        whole = f"{package}.{target.lstrip('.')}"
        known = _imports(target) if target.startswith("weightbench.") else _imports(whole)
        assert known or any(_has(place, target) for place in places), target


def _has(place: object, target: str) -> bool:
    for part in target.split("."):
        if part in getattr(place, "__annotations__", {}):
            return True  # a field without a default
        if not hasattr(place, part):
            return False
        place = getattr(place, part)
    return True


def _imports(name: str) -> bool:
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            if not hasattr(thing, part):
                return False
            thing = getattr(thing, part)
        return True
    return False


@pytest.mark.parametrize("name", [name for name in wb.__all__ if name != "__version__"])
def test_every_public_name_says_what_it_is(name: str) -> None:
    thing = getattr(wb, name)
    assert inspect.getdoc(thing), name
    if isinstance(thing, type):
        members = {m: v for m, v in vars(thing).items() if not m.startswith("_")}
        said = {m: inspect.getdoc(v) for m, v in members.items() if callable(v) or _is_property(v)}
        assert [m for m, text in said.items() if not text] == []


def _is_property(member: object) -> bool:
    return isinstance(member, property | classmethod | staticmethod)


def test_one_sentence_about_places_stands_everywhere() -> None:
    """In the terminal, which has it from the same constant, and wherever places are read."""
    for page in ("README.md", "docs/leaderboard.md", "leaderboard/README.md"):
        assert PLACES in " ".join((ROOT / page).read_text().split()), page
    shown = (ROOT / "leaderboard" / "index.html").read_text()
    assert PLACES.partition(":")[2] in shown
