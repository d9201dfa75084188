"""``make docs``: the API reference, made from docstrings, and the pages beside it, as HTML.

python docs/build.py build/docs
"""

from __future__ import annotations

import html
import os
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import markdown2
import pdoc
import pdoc.render

import weightbench

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "leaderboard/README.md", "docs/*.md")
MODULES = ("weightbench", "weightbench.errors")
# Roles of Sphinx in docstrings: pdoc links whatever is code and the name of something public.
_ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod):`~?([^`]+)`")
_LINK = re.compile(r'((?:href|src|srcset)=")([^"#:]+)(#[^"]*)?(")')
_NAMED = re.compile(r"<code>wb\.(\w+)(?:\.(\w+))?[^<]*</code>")
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { margin: 0 auto; max-width: 52rem; padding: 1rem 1.2rem 4rem;
       font: 1rem/1.55 system-ui, sans-serif; }
nav { display: flex; flex-wrap: wrap; gap: .2rem .9rem; padding-bottom: .6rem;
      border-bottom: 1px solid var(--line); font-size: .9rem; }
pre { padding: .7rem .9rem; overflow-x: auto; background: var(--soft); border-radius: .4rem; }
code { font-size: .9em; }
table { display: block; overflow-x: auto; border-collapse: collapse; }
td, th { padding: .3rem .6rem; border: 1px solid var(--line); text-align: start;
         vertical-align: top; }
img { max-width: 100%; }
"""


def reference(out: Path) -> None:
    """Write a page of every public name into ``out``, with a search over all of them."""
    for name in weightbench.__all__:
        getattr(weightbench, name)  # names load on first use, and pdoc looks at what is there
    modules = {name: pdoc.doc.Module(pdoc.extract.load_module(name)) for name in MODULES}
    for module in modules.values():
        for thing in _all_in(module):
            thing.docstring = _without_roles(thing.docstring)
    pdoc.render.configure(
        docformat="google", show_source=False, footer_text=f"weightbench {weightbench.__version__}"
    )
    out.mkdir(parents=True, exist_ok=True)
    for name, module in modules.items():
        page = out / f"{name.replace('.', '/')}.html"
        page.parent.mkdir(exist_ok=True)
        page.write_text(pdoc.render.html_module(module, modules), encoding="utf-8")
    (out / "search.js").write_text(pdoc.render.search_index(modules), encoding="utf-8")


def _all_in(thing: pdoc.doc.Doc) -> Iterable[pdoc.doc.Doc]:
    yield thing
    if isinstance(thing, pdoc.doc.Namespace):
        for member in thing.members.values():
            if not isinstance(member, pdoc.doc.Module):
                yield from _all_in(member)


def _without_roles(text: str) -> str:
    """Text with public names as people import them, and all of them as code."""

    def named(found: re.Match[str]) -> str:
        last = found[1].rpartition(".")[2]
        return f"`weightbench.{last}`" if last in weightbench.__all__ else f"`{found[1]}`"

    return _ROLE.sub(named, text)


def pages() -> list[Path]:
    """The Markdown files that become pages, from the root of the checkout."""
    return [path.relative_to(ROOT) for pattern in PAGES for path in sorted(ROOT.glob(pattern))]


def page(source: Path, out: Path) -> None:
    """Write one Markdown file as a page, and copy the files that it shows or links."""
    text = (ROOT / source).read_text(encoding="utf-8")
    extras = ["fenced-code-blocks", "tables", "header-ids", "cuddled-lists"]
    body = str(markdown2.markdown(text, extras=extras))
    target = out / source.with_suffix(".html")
    target.parent.mkdir(parents=True, exist_ok=True)
    api = os.path.relpath(out / "api" / "weightbench", target.parent)
    body = _LINK.sub(lambda found: _relinked(found, source, out), body)
    body = _NAMED.sub(lambda found: _to_reference(found, api), body)
    links = [(os.path.relpath(out / p.with_suffix(".html"), target.parent), p) for p in pages()]
    nav = "".join(
        f'<a href="{link}">{html.escape(str(p.with_suffix("")).removeprefix("docs/"))}</a>'
        for link, p in links
    )
    title = html.escape(text.partition("\n")[0].lstrip("# "))
    target.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f'<nav><a href="{api}.html">API reference</a>{nav}</nav>{body}</html>\n',
        encoding="utf-8",
    )


def _to_reference(found: re.Match[str], api: str) -> str:
    """Code that names something public, linked to what is said of it."""
    name, member = found[1], found[2]
    if name not in weightbench.__all__:
        return found[0]
    page = f"{api}/errors.html#{member}" if name == "errors" and member else f"{api}.html#{name}"
    return f'<a href="{page.removesuffix("#errors")}">{found[0]}</a>'


def _relinked(found: re.Match[str], source: Path, out: Path) -> str:
    """A relative link of a Markdown file as it is from the page."""
    path = (ROOT / source.parent / found[2]).resolve()
    if path.is_dir() and (path / "README.md").exists():
        path /= "README.md"
    inside = path.relative_to(ROOT) if path.is_relative_to(ROOT) else None
    here = (out / source).parent
    if inside in pages():
        link = os.path.relpath(out / inside.with_suffix(".html"), here)
    elif inside is not None and path.is_file():
        (out / inside).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, out / inside)
        link = os.path.relpath(out / inside, here)
    else:
        link = os.path.relpath(path, here)
    return f"{found[1]}{link}{found[3] or ''}{found[4]}"


def build(out: Path) -> None:
    """All of it."""
    reference(out / "api")
    for source in pages():
        page(source, out)
    shutil.copyfile(out / "README.html", out / "index.html")


if __name__ == "__main__":
    build(Path(sys.argv[1]).resolve())
    print(Path(sys.argv[1]) / "index.html")
